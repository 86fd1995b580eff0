import platform
import subprocess
import sys

from shelfspace.training.heap import keep_freed_memory


def test_it_says_whether_it_could():
    """In a process of its own: what is set holds for all of it."""
    program = "from shelfspace.training.heap import keep_freed_memory as k; print(k(), k())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    could = platform.libc_ver()[0] == "glibc"
    assert done.stdout.split() == [str(could)] * 2


def test_elsewhere_nothing_is_done(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr("ctypes.CDLL", lambda *_: 1 / 0)
    assert keep_freed_memory() is False
