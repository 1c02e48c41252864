"""How the processes of a service have their memory."""

import os
from pathlib import Path

import pytest

from chassis.testing.parts import free_port

from .starting import OTHERS, SECRET, SERVE, answering


def memory(pid):
    """Kilobytes of a process's memory, by the kernel's names for its kinds."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(size) for name, size, _ in (line.replace(":", "").split() for line in lines)}


def has_large_pages():
    """Whether the kernel gives them to who asks: Linux from 6.1 on."""
    said = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    newer = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (6, 1)
    return newer and said.exists() and "[never]" not in said.read_text()


@pytest.mark.parametrize("service", ["posts", "web", "gateway"])
def test_a_process_alone_has_its_memory_in_large_pages(started, good, service):
    given = good | {"WEB_SECRET_KEY": f"{SECRET}b", "OPS_PORT": str(free_port())}
    [child] = answering(started(OTHERS.get(service, SERVE), given), given, service)
    # Without: an older system may have given some unasked (`[always]`).
    assert memory(child)["AnonHugePages"] > 4096 or not has_large_pages()


def test_several_processes_share_the_memory_of_their_application(started, good):
    given = good | {"WEB_CONCURRENCY": "2"}
    children = answering(started(SERVE, given), given, "posts", count=2)
    kept = [memory(child) for child in children]
    assert all(each["Pss_Anon"] < 0.7 * each["Anonymous"] for each in kept)
