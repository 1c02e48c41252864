"""`make soak`: the whole blog at half of what it can do, for a long time; nothing may grow.

    python -m bench.soak [--minutes 20] [--stack embedded]

Memory and open files of each process are looked at twice a minute. After a first quarter, in which pools and
caches fill, the median of the last quarter may exceed that of the second by a twentieth, or by a few
megabytes or files.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from itertools import chain, cycle, islice
from pathlib import Path

from .blog import Bench, running
from .data import SIZES
from .load import Ask, paced, quantile, wrk
from .table import LINES

SHARE_OF_PEAK = 0.5
PIECE = 30.0  # seconds between two looks
FEWEST = 8  # looks: two for each quarter
GROWTH, MEGABYTES, FILES = 1.05, 4.0, 8.0
Looks = list[tuple[dict[str, float], dict[str, float]]]


def mixture(bench: Bench) -> list[Ask]:
    """What all rows ask, reads and writes in turn; passwords apart, of which no blog has so many."""
    return mixed([line.asks(bench) for line in LINES if line.name != "sign in"])


def mixed(rows: list[list[Ask]], each: int = 20) -> list[Ask]:
    """Every row equally often, one after the other, however many requests it has."""
    return list(chain.from_iterable(zip(*(islice(cycle(asks), each) for asks in rows), strict=True)))


def soaked(bench: Bench, minutes: float, folder: Path) -> Looks:
    drive = wrk(bench.stack.url, mixture(bench), 5, folder)
    rate = SHARE_OF_PEAK * drive.requests / drive.seconds
    print(f"{rate:.0f} requests a second for {minutes:.0f} minutes", flush=True)
    looks: Looks = []
    until = time.monotonic() + minutes * 60
    while time.monotonic() < until:
        taken = paced(bench.stack.url, mixture(bench), rate, PIECE)
        looks.append((bench.meter.memory(), bench.meter.files()))
        megabytes, files = (sum(each.values()) for each in looks[-1])
        waits = "  ".join(f"p{part * 100:.0f} {1000 * quantile(taken, part):.1f} ms" for part in (0.5, 0.99))
        print(f"{megabytes:7.1f} MB  {files:5.0f} files  {waits}", flush=True)
    return looks


def grown(looks: Looks) -> list[str]:
    """What grew, in words."""
    quarter, found = len(looks) // 4, []
    for number, (what, few) in enumerate((("MB", MEGABYTES), ("files", FILES))):
        for name in looks[0][number]:
            values = [look[number].get(name, 0.0) for look in looks]
            before = statistics.median(values[quarter : 2 * quarter])
            after = statistics.median(values[-quarter:])
            print(f"{name:14} {before:7.1f} → {after:7.1f} {what}")
            if after > max(before * GROWTH, before + few):
                found.append(f"{name}: from {before:.1f} to {after:.1f} {what}")
    return found


def main() -> int:
    words = argparse.ArgumentParser(prog="make soak", description=__doc__.splitlines()[0])
    words.add_argument("--minutes", default=20, type=float)
    words.add_argument("--stack", default="embedded", choices=("embedded", "real"))
    given = words.parse_args()
    if given.minutes * 60 < FEWEST * PIECE:
        words.error(
            f"--minutes must be at least {FEWEST * PIECE / 60:.0f}: there must be something to compare"
        )
    folder = Path(tempfile.mkdtemp(prefix="flasky-soak-"))
    try:
        with running(given.stack, SIZES["S"], folder) as bench:
            found = grown(soaked(bench, given.minutes, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("Grown:\n" + "\n".join(found) if found else "Nothing grew.")
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
