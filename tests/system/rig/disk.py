"""A small disk of one's own (tmpfs), which a test may fill and free."""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHUNK = 256 * 1024
BALLAST = "ballast"


def mounts() -> bool:
    """Whether this process may mount one: it takes root, and not every container lets it."""
    return (
        os.geteuid() == 0
        and not subprocess.run(
            ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
        ).returncode
    )


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of that size at `folder` (made if need be), gone afterwards with what is on it."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> None:
    """Not one byte is left."""
    with contextlib.suppress(FileExistsError):
        (folder / BALLAST).touch()
    file = os.open(folder / BALLAST, os.O_WRONLY | os.O_APPEND)
    size = CHUNK
    try:
        while size:
            try:
                os.write(file, bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2
    finally:
        os.close(file)


def free(folder: Path) -> None:
    (folder / BALLAST).unlink()
