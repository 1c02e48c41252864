"""A process's memory in pages of 2 MB instead of 4 kB (Linux, transparent huge pages).

The services take turns on few cores. At each turn a core must look up anew where the memory of the next one
is, page by page, and in a virtual machine twice. Where the kernel is older than 6.1 or gives no such pages,
all stays as it was.
"""

import ctypes
import re
from contextlib import suppress
from pathlib import Path

MAPS = Path("/proc/self/maps")
COLLAPSE = 25  # MADV_COLLAPSE: what is in use now, at once and whatever the system's default is
# Memory that can be written and that no file stands behind.
OWN = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw-p 00000000 00:00 0 *(?:\[heap\])?$", re.MULTILINE)


def collapse() -> None:
    """Asks for large pages for all that the process has in memory now. Before its threads begin: each one's
    stack would become a large page, too.
    """
    with suppress(OSError, AttributeError):  # no Linux
        spans, madvise = OWN.findall(MAPS.read_text()), ctypes.CDLL(None).madvise
        madvise.argtypes = ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int
        for first, end in spans:
            madvise(int(first, 16), int(end, 16) - int(first, 16), COLLAPSE)
