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


def test_what_was_kept_is_given_back():
    code = (
        "import ctypes, os, platform\n"
        "from shelfspace.training.heap import give_back_memory, keep_freed_memory\n"
        "import numpy as np\n"
        "size = lambda: int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGE_SIZE') >> 20\n"
        "kept = keep_freed_memory()\n"
        "block = np.ones(25_000_000); del block\n"
        "before = size(); given = give_back_memory()\n"
        "print(kept, given, before - size() > 150)\n"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert said in (["True", "True", "True"], ["False", "False", "False"])
