"""Drives a row of the table: wrk as fast as it can for CPU per request, our own client at a set pace for
waiting times.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 16
# What wrk says at the end, as one line of JSON.
SCRIPT = """
local requests = {}
local next = 0
function init(args)
%s
end
function request()
  next = next %% #requests + 1
  return requests[next]
end
function done(summary, latency, requests)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
    + summary.errors.timeout
  io.write(string.format('{"requests": %%d, "bad": %%d, "seconds": %%f}\\n',
    summary.requests, bad, summary.duration / 1e6))
end
"""


@dataclass(frozen=True)
class Ask:
    """One request."""

    path: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True)
class Drive:
    """What a run of wrk came to. `bad` counts errors and statuses from 400 on."""

    requests: int
    bad: int
    seconds: float


def wrk(url: str, asks: Sequence[Ask], seconds: float, folder: Path, connections: int = CONNECTIONS) -> Drive:
    """The requests in turn, over and over, by so many connections."""
    if shutil.which("wrk") is None:
        raise SystemExit("The figures need wrk: apt-get install wrk")
    lines = [f"  requests[{number}] = {formatted(ask)}" for number, ask in enumerate(asks, 1)]
    script = folder / "requests.lua"
    script.write_text(SCRIPT % "\n".join(lines))
    words = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds:.0f}s", "-s", str(script), url]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return Drive(**json.loads(said.strip().splitlines()[-1]))


def formatted(ask: Ask) -> str:
    headers = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in ask.headers.items())
    body = json.dumps(ask.body) if ask.body else "nil"
    return f'wrk.format("{ask.method}", {json.dumps(ask.path)}, {{{headers}}}, {body})'


def paced(url: str, asks: Sequence[Ask], rate: float, seconds: float) -> list[float]:
    """Seconds that each answer took, sorted, at `rate` requests a second: see bench/paced.py."""
    host = urlsplit(url).netloc
    given = {"url": url, "asks": [written(ask, host) for ask in asks], "rate": rate, "seconds": seconds}
    words = [sys.executable, "-m", "bench.paced"]
    done = subprocess.run(
        words, input=json.dumps(given | {"connections": CONNECTIONS}), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [float(each) for each in json.loads(done.stdout)]


def written(ask: Ask, host: str) -> str:
    """As it goes over the wire."""
    headers = {"Host": host} | ask.headers | ({"Content-Length": str(len(ask.body))} if ask.body else {})
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{ask.method} {ask.path} HTTP/1.1\r\n{lines}\r\n{ask.body}"


def quantile(values: Sequence[float], part: float) -> float:
    """Of sorted values."""
    return values[min(int(part * len(values)), len(values) - 1)]
