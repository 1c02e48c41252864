"""CPU and memory of groups of processes, from /proc."""

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PARENT, USER, SYSTEM = 3, 13, 14  # fields of /proc/PID/stat, counted from 0 (proc(5))


class Meter:
    """`roots` gives the processes of the blog and its servers, by name; what they started is theirs."""

    def __init__(self, roots: Callable[[], dict[int, str]]) -> None:
        self._roots = roots

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU, user and system, since each process began; by name."""
        spent: dict[str, float] = {}
        for name, fields in self._ours():
            used = (int(fields[USER]) + int(fields[SYSTEM])) / TICK
            spent[name] = spent.get(name, 0.0) + used
        return spent

    @contextmanager
    def others(self) -> Iterator[list[float]]:
        """Which part of all cores others than the blog, this process and what it ran use meanwhile."""
        told, began, before = list[float](), time.monotonic(), self._beside()
        yield told
        cores = (time.monotonic() - began) * (os.cpu_count() or 1)
        told.append(max(self._beside() - before, 0.0) / cores)

    def _beside(self) -> float:
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return busy() - sum(self.cpu().values()) - sum(each.ru_utime + each.ru_stime for each in own)

    def memory(self) -> dict[str, float]:
        """Proportional set size in MB: what is shared counts once."""
        used: dict[str, float] = {}
        for name, fields in self._ours():
            used[name] = used.get(name, 0.0) + pss(int(fields[0]))
        return used

    def files(self) -> dict[str, float]:
        """Open files, sockets among them."""
        opened: dict[str, float] = {}
        for name, fields in self._ours():
            opened[name] = opened.get(name, 0.0) + len(list(Path(f"/proc/{fields[0]}/fd").glob("*")))
        return opened

    def _ours(self) -> Iterator[tuple[str, list[str]]]:
        roots, every = self._roots(), {int(fields[0]): fields for fields in processes()}
        for pid, fields in every.items():
            while pid in every and pid not in roots:
                pid = int(every[pid][PARENT])
            if pid in roots:
                yield roots[pid], fields


def busy() -> float:
    """Seconds that all cores have worked since the machine began: all but idle and waiting for disks."""
    spent = [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(spent) - spent[3] - spent[4]) / TICK


def processes() -> list[list[str]]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            before, _, after = path.read_text().rpartition(")")
        except OSError:  # ended meanwhile
            continue
        pid, _, name = before.partition("(")
        found.append([pid.strip(), name, *after.split()])
    return found


def pss(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)
