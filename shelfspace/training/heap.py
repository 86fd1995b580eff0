"""Freed memory kept: the kernel otherwise takes large blocks back after every step and gives them again, zeroed."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to serve large blocks from a heap it does not give back; return whether it could.

    The process holds its peak until `give_back_memory`. Elsewhere than on glibc nothing is done.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 64 << 20))
    return all(mallopt(name, value) == 1 for name, value in settings)


def give_back_memory() -> bool:
    """Let the allocator work as it does by default again, and return what is free; return whether it could."""
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    settings = ((M_MMAP_MAX, 65_536), (M_TRIM_THRESHOLD, 128 << 10), (M_TOP_PAD, 0))
    done = all(library.mallopt(name, value) == 1 for name, value in settings)
    library.malloc_trim(0)
    return done
