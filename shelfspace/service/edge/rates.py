"""How many requests a second a key may send: one table in shared memory for all workers of a host.

The generic cell rate algorithm (ITU-T I.371, 1993): of each key one number is kept, the time at which its next request
would come if all came evenly; a request is let through while that lies less than a burst ahead.
"""

import fcntl
import mmap
import os
import struct
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from time import monotonic

from shelfspace.errors import ConfigError

NUM_SETS = 2048
WAYS = 8

_SLOT = struct.Struct("<Qd")
_SET = _SLOT.size * WAYS


class Rates:
    """A table of who sent how much lately; about 6 µs a request.

    16,384 keys or addresses at once, 256 KiB; one that was quiet for the length of its burst takes no place. Where a
    set of eight is full of busy ones, the least busy of them is let off.

    Args:
        path: the file that the workers share; made where it is not there yet.
        now: the clock, the same for all processes of the host.

    Raises:
        ConfigError: the file is something else.
    """

    def __init__(self, path: Path, now: Callable[[], float] = monotonic) -> None:
        size = NUM_SETS * _SET
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_size not in (0, size):
            os.close(self._file)
            raise ConfigError(f"{path} is not a table of rates; delete it")
        os.ftruncate(self._file, size)
        self._table, self._now = mmap.mmap(self._file, size), now

    def wait_of(self, who: str, rate: float, burst: int) -> float:
        """Count a request; return 0.0 if it may pass, else the seconds until one may."""
        key = int.from_bytes(blake2b(who.encode(), digest_size=8).digest(), "little") or 1
        start = (key % NUM_SETS) * _SET
        # A lock on the set's own bytes: the kernel gives it back where its holder is killed.
        fcntl.lockf(self._file, fcntl.LOCK_EX, _SET, start)
        try:
            return self._counted(key, start, 1.0 / rate, burst)
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, _SET, start)

    def close(self) -> None:
        """Give the table back."""
        self._table.close()
        os.close(self._file)

    def _counted(self, key: int, start: int, each: float, burst: int) -> float:
        now, place, least = self._now(), start, float("inf")
        for at in range(start, start + _SET, _SLOT.size):
            found, due = _SLOT.unpack_from(self._table, at)
            if found == key:
                place, least = at, due
                break
            if due < least:
                place, least = at, due
        else:
            least = now  # the place was free, or is taken from the least busy
        due = max(least, now) + each
        if due - now > burst * each + 1e-9:
            return due - now - burst * each
        _SLOT.pack_into(self._table, place, key, due)
        return 0.0
