"""The worker of a service: sends its events, handles those of others, does its periodic jobs. Started by
`flask work`.

Each loop has a thread. The bell (see `bell`) wakes the relay and the jobs right after a commit; a sweep
every second is the safety net.
A process in which a loop does not beat for `HANG_AFTER` seconds replaces itself by a fresh one (the same
number, the same command), and tells it which event was in hand: that one is put aside, the rest goes on at
once. It needs no supervisor, and where there is one it sees a worker that went on.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask
from sqlalchemy import exc as database_errors
from werkzeug.serving import make_server

from . import handling, inbox, outbox, retention, wal
from .bell import bell_of
from .bus import Away, Blocked, Bus, Delivery, Publisher
from .freshness import Teller, watermarks
from .metrics import BUS_REFUSES, CONSUMERS, IN_HAND, RELAYS
from .settings import Settings

log = logging.getLogger(__name__)
SWEEP = 1.0
GATHER, LONGEST = 0.02, 0.06  # seconds from one round of the relay to the next: see `gathering`
BUSY = 100  # events a second
BREATH = 0.01  # between two steps of a job that has more to do: SQLite has one writer at a time
SLOWEST_RETRY, BLOCKED_RETRY = 2.0, 5.0
TELL_EVERY = 30.0
HUNG = "HUNG_EVENTS"
FORGET_EVERY = 60.0
TOLD = (Away, database_errors.SQLAlchemyError)


def replace(events: Iterable[str]) -> NoReturn:
    """The process becomes a fresh one; its threads are gone, its files and connections closed (PEP 446)."""
    logging.shutdown()
    os.environ[HUNG] = " ".join(events)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - itself


def gathering(sent: int, seconds: float) -> float:
    """From one round of the relay to the next, when so many events came in the seconds before it. What comes
    meanwhile shares all that a round costs, here and at each consumer; so the more come, the longer it is.
    """
    rate = sent / max(seconds, GATHER)
    return max(GATHER, min(GATHER * rate / BUSY, LONGEST))


@dataclass(frozen=True)
class Job:
    """Something a worker does every so many seconds, and after each commit that rings; at once again, when it
    says by True that there is more to do.
    """

    name: str
    run: Callable[[Flask], Any]
    every: float = SWEEP
    on_ring: bool = False


class Worker:
    """All loops of one service's worker."""

    def __init__(self, app: Flask, jobs: Iterable[Job] = ()) -> None:
        self._app = app
        self._settings: Settings = app.extensions["settings"]
        self._bus: Bus = app.extensions["bus"]
        self._jobs = [
            Job("retry", inbox.retry_due),
            Job("forget", retention.forget_old, FORGET_EVERY),
            Job("overwrite", retention.overwrite, wal.EVERY),
            *jobs,
        ]
        self._stopping = threading.Event()
        self._rung: dict[str, threading.Event] = {"relay": threading.Event()}
        self._beats: dict[str, float] = {}
        self._received = 0.0
        self._trouble, self._told = "", float("-inf")

    def run(self) -> None:
        """Works until TERM or INT; finishes what is in hand."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        self.start()
        while not self._stopping.wait(0.5):
            self._watch()
        self.stop()

    def start(self) -> None:
        self._heed_predecessor()
        loops: dict[str, Callable[[], None]] = {
            "bell": self._listen,
            "relay": self._relay,
            "consumer": self._consume,
        }
        for job in self._jobs:
            self._rung[job.name] = threading.Event()
            loops[job.name] = lambda job=job: self._repeat(job)  # type: ignore[misc]
        self._threads = [
            threading.Thread(target=loop, name=name, daemon=True) for name, loop in loops.items()
        ]
        if self._settings.worker_port:
            self._serve_health()
        for thread in self._threads:
            thread.start()
        log.info("working", extra={"loops": list(loops)})

    def stop(self) -> None:
        self._stopping.set()
        for rung in self._rung.values():
            rung.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def _beat(self, name: str) -> None:
        self._beats[name] = time.monotonic()

    def _watch(self) -> None:
        if time.monotonic() - self._received > 1:
            IN_HAND.set(0)
        patience = self._settings.hang_after
        late = [name for name, at in self._beats.items() if time.monotonic() - at > patience]
        dead = [thread.name for thread in self._threads if not thread.is_alive()]
        if (late or dead) and not self._stopping.is_set():
            in_hand = handling.in_hand(self._app)
            events = [in_hand[loop] for loop in late if loop in in_hand]
            log.critical(
                "worker hangs; a fresh one takes its place",
                extra={"hanging": late, "ended": dead, "events": events},
            )
            replace(events)

    def _heed_predecessor(self) -> None:
        self._app.extensions["hung"] = set(os.environ.pop(HUNG, "").split())

    def _listen(self) -> None:
        bell = bell_of(self._settings.database_url)
        rung = [self._rung["relay"], *(self._rung[job.name] for job in self._jobs if job.on_ring)]
        while not self._stopping.is_set():
            if bell.wait(0.5):
                for waiting in rung:
                    waiting.set()
                self._stopping.wait(GATHER)  # what rings meanwhile counts as one
        bell.close()

    def _relay(self) -> None:
        publisher, pause, teller, rung = self._bus.publisher(), 0.2, Teller(self._app), True
        before = began = time.monotonic()
        with self._app.app_context(), RELAYS.track_inprogress():
            while not self._stopping.is_set():
                self._beat("relay")
                sent = 0
                try:
                    if rung or outbox.waiting():  # a look costs less than a transaction
                        sent = self._send(publisher)
                    teller.tell(publisher)
                    publisher.idle()
                    pause = 0.2
                    self._note_trouble("")
                except TOLD as error:
                    self._note_trouble(str(error) if isinstance(error, Away) else type(error).__name__)
                    self._stopping.wait(BLOCKED_RETRY if isinstance(error, Blocked) else pause)
                    pause = min(pause * 2, SLOWEST_RETRY)
                    continue
                if rung:
                    self._stopping.wait(began + gathering(sent, began - before) - time.monotonic())
                rung = self._rung["relay"].wait(SWEEP)
                self._rung["relay"].clear()
                before, began = began, time.monotonic()
        publisher.close()

    def _send(self, publisher: Publisher) -> int:
        """How many events were settled."""
        sent = settled = outbox.relay(self._app, publisher)
        while settled == outbox.BATCH and not self._stopping.is_set():
            self._beat("relay")
            sent += (settled := outbox.relay(self._app, publisher))
        return sent

    def _note_trouble(self, trouble: str) -> None:
        """Why nothing can be sent: a metric, `/readyz`, and the log, at once and then now and then."""
        BUS_REFUSES.set(bool(trouble))
        self._trouble = trouble
        moment = time.monotonic()
        if trouble and moment - self._told > TELL_EVERY:
            log.error("events wait in the outbox", extra={"reason": trouble})
            self._told = moment
        elif not trouble and self._told > float("-inf"):
            log.info("events are sent again")
            self._told = float("-inf")

    def _consume(self) -> None:
        types = self._app.extensions["consumers"].types
        if not types:
            self._stopping.wait()
            return
        types = [*types, *watermarks(types)]
        with CONSUMERS.track_inprogress():
            self._bus.consume(
                self._app.name, types, self._receive, self._stopping, lambda: self._beat("consumer")
            )

    def _receive(self, deliveries: Sequence[Delivery]) -> int:
        self._received = time.monotonic()
        return inbox.receive(self._app, deliveries)

    def _repeat(self, job: Job) -> None:
        while not self._stopping.is_set():
            self._beat(job.name)
            more = False
            try:
                with self._app.app_context():
                    more = job.run(self._app) is True
            except TOLD as error:
                log.warning("job waits", extra={"job": job.name, "reason": type(error).__name__})
            except Exception:
                log.exception("job failed", extra={"job": job.name})
            self._stopping.wait(BREATH) if more else self._wait(job)

    def _wait(self, job: Job) -> None:
        """Until it is due or rung, beating meanwhile."""
        due = time.monotonic() + job.every
        while not self._stopping.is_set() and time.monotonic() < due:
            self._beat(job.name)
            if self._rung[job.name].wait(min(5.0, max(due - time.monotonic(), 0.01))):
                self._rung[job.name].clear()
                return

    def _serve_health(self) -> None:
        """`/livez`, `/readyz` and `/metrics` of this process, on their own port."""
        inner, checks = self._app.wsgi_app, self._app.extensions["checks"]
        for name in self._app.extensions["only_to_serve"]:
            del checks[name]
        checks |= {"loops": (self._loops, True), "relay": (lambda: self._trouble, False)}

        def only_health(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] not in ("/livez", "/readyz", "/metrics"):
                start("404 Not Found", [("Content-Length", "0")])
                return [b""]
            return inner(environ, start)

        where = self._settings.bind.strip("[]")  # as gunicorn wants an address of IPv6
        server = make_server(where, self._settings.worker_port, only_health, threaded=True)
        threading.Thread(target=server.serve_forever, name="health", daemon=True).start()

    def _loops(self) -> str:
        ended = [thread.name for thread in self._threads if not thread.is_alive()]
        return f"ended: {', '.join(ended)}" if ended else ""
