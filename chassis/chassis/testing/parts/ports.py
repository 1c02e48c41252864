"""Ports that are ours alone."""

import contextlib
import fcntl
import os
import random
import socket
from collections.abc import Container, Iterable
from pathlib import Path

from .failures import PartFailed

# Below the range from which Linux gives ports to outgoing connections, which could take ours before we do.
PORTS = range(20_000, 32_000)
RESERVED = Path(f"/tmp/test-ports-{os.getuid()}/port")
KEPT: list[contextlib.ExitStack] = []


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, ours until this process ends."""
    return free_ports(1)[0]


def free_ports(width: int, wanted: Container[int] | None = None) -> range:
    """So many neighbouring ports, of which those `wanted` (counted from the first; by default all) are free.

    They are reserved by locks that every test process of this machine respects: whoever is given a port
    listens on it only seconds later, and another must not be given it meanwhile.
    """
    for first in random.sample(range(PORTS.start, PORTS.stop - width), 200):
        ports = [first + offset for offset in range(width) if wanted is None or offset in wanted]
        if reserve(ports):
            return range(first, first + width)
    raise PartFailed("no free port found")


def reserve(ports: Iterable[int]) -> bool:
    """Takes all of them or none."""
    with contextlib.ExitStack() as taken:
        for port in ports:
            RESERVED.parent.mkdir(exist_ok=True)
            lock = taken.enter_context(open(RESERVED.with_name(str(port)), "w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            except OSError:
                return False
        KEPT.append(taken.pop_all())
    return True


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
