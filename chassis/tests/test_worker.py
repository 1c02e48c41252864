"""The worker: from a commit to the effect elsewhere, and what happens when something is away meanwhile."""

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from shop.app import MADE, PACK, Box, db

import chassis.worker
from chassis import outbox
from chassis.testing.parts import free_port
from chassis.testing.polling import eventually
from chassis.worker import Job, Worker


@contextmanager
def working(doors, *jobs):
    worker = Worker(doors.app, jobs)
    worker.start()
    yield worker
    worker.stop()


def kept(doors):
    with doors.app.app_context():
        return {row["label"] for row in db.rows(sa.select(Box.label).where(Box.id > 1000))}


def make(doors, label):
    return doors.as_("ann", PACK).post("/api/v1/boxes/", json={"label": label})


def test_an_event_reaches_its_consumer_soon_after_the_commit(wired):
    prepared = wired.app.test_cli_runner().invoke(args=["prepare"])
    assert prepared.exit_code == 0, prepared.output
    with working(wired):
        make(wired, "first")
        eventually(lambda: kept(wired) == {"first"})
        times = []
        for number in range(15):
            began = time.perf_counter()
            make(wired, f"box {number}")
            eventually(lambda number=number: f"box {number}" in kept(wired), every=0.001)
            times.append(time.perf_counter() - began)
    assert statistics.median(times) < 0.25, times


def test_events_that_come_soon_after_others_go_out_together(wired, monkeypatch):
    wired.app.test_cli_runner().invoke(args=["prepare"])
    monkeypatch.setattr(chassis.worker, "GATHER", 2.0)
    rounds, relay = [], outbox.relay
    monkeypatch.setattr(outbox, "relay", lambda *given: rounds.append(relay(*given)) or rounds[-1])
    with working(wired):
        make(wired, "first")
        eventually(lambda: kept(wired) == {"first"})
        later = {f"later {number}" for number in range(5)}
        for label in sorted(later):
            make(wired, label)
        eventually(lambda: [settled for settled in rounds if settled] == [1, 5])
        eventually(lambda: kept(wired) == {"first", *later})


def test_after_many_events_at_once_the_next_gather_for_longer(wired, monkeypatch):
    wired.app.test_cli_runner().invoke(args=["prepare"])
    monkeypatch.setattr(chassis.worker, "LONGEST", 2.0)
    monkeypatch.setattr(chassis.worker, "BUSY", 10)
    rounds, relay = [], outbox.relay
    monkeypatch.setattr(outbox, "relay", lambda *given: rounds.append(relay(*given)) or rounds[-1])
    first = {f"box {number}" for number in range(20)}
    for label in sorted(first):
        make(wired, label)
    with working(wired):
        eventually(lambda: kept(wired) == first)
        for number in range(5):
            make(wired, f"later {number}")
        eventually(lambda: [settled for settled in rounds if settled] == [20, 5])


@pytest.mark.parametrize(
    ("sent", "seconds", "expected"),
    [(0, 0.0, 0.02), (1, 0.0, 0.02), (1, 60, 0.02), (1, 0.02, 0.02), (8, 0.04, 0.04), (900, 0.06, 0.06)],
)
def test_events_gather_by_how_many_come(sent, seconds, expected):
    assert chassis.worker.gathering(sent, seconds) == pytest.approx(expected)


def test_events_written_while_nobody_works_are_sent_later(wired):
    wired.app.test_cli_runner().invoke(args=["prepare"])
    for number in range(5):
        make(wired, f"box {number}")
    assert kept(wired) == set()
    with working(wired):
        eventually(lambda: len(kept(wired)) == 5)
    assert wired.outbox() == []


def test_of_a_backlog_only_the_bad_event_waits(wired):
    wired.app.test_cli_runner().invoke(args=["prepare"])
    for number in range(60):
        make(wired, "poison" if number == 30 else f"box {number}")
    with working(wired):
        eventually(lambda: len(kept(wired)) == 59 and len(wired.parked()) == 1)
    assert b'"label":"poison"' in bytes(wired.parked()[0]["body"])


def test_what_no_queue_takes_waits_and_raises_a_metric(wired, monkeypatch):
    monkeypatch.setattr("shop.app.consumers._entries", {})
    make(wired, "lost?")
    with working(wired):
        eventually(
            lambda: "events_unroutable_total 0.0" not in unroutable(wired) and "total" in unroutable(wired)
        )
    assert [event.type for event in wired.outbox()] == [MADE]


def test_what_nobody_needs_to_hear_does_not_wait(wired):
    wired.app.extensions["unheard"] = frozenset({MADE})
    make(wired, "by the way")
    with working(wired):
        eventually(lambda: "outbox_oldest_unsent_age_seconds 0.0" in wired.anonymous().get("/metrics").text)


def unroutable(doors):
    text = doors.anonymous().get("/metrics").text
    return next(line for line in text.splitlines() if line.startswith("events_unroutable_total"))


def test_resend_gives_one_consumer_the_state_again(wired):
    wired.app.test_cli_runner().invoke(args=["prepare"])
    with wired.app.app_context():
        db.session.add_all(Box(id=n, label=f"box {n}", version=1) for n in range(1, 4))
        db.session.commit()
    told = wired.app.test_cli_runner().invoke(args=["resend", MADE, "--to", "shop"])
    assert told.output == f"{MADE}: 3 sent to shop\n"
    with working(wired):
        eventually(lambda: kept(wired) == {"box 1", "box 2", "box 3"})


def test_resend_of_something_unknown_names_what_there_is(wired):
    told = wired.app.test_cli_runner().invoke(args=["resend", "no.such.v1", "--to", "shop"])
    assert (told.exit_code, MADE in told.output) == (2, True)


@pytest.mark.parametrize("nobody", ["nobody", ""])
@pytest.mark.parametrize("boxes", [0, 3])
def test_resend_to_nobody_says_so_and_leaves_nothing_on_the_bus(wired, stack, nobody, boxes):
    """Whom nobody reads it would have lain there for ever, and who typed it thought all was done."""
    wired.app.test_cli_runner().invoke(args=["prepare"])
    with wired.app.app_context():
        db.session.add_all(Box(id=n, label=f"box {n}", version=1) for n in range(1, boxes + 1))
        db.session.commit()
    told = wired.app.test_cli_runner().invoke(args=["resend", "all", "--to", nobody])
    assert told.exit_code == 1
    assert f"no queue '{nobody}'" in told.output
    assert stack == "real" or told.output.endswith("those that it has: shop\n")


def test_resend_says_nothing_to_who_does_not_listen_to_it(wired, stack):
    """Such an event would be parked there. RabbitMQ cannot tell who listens to what."""
    if stack == "real":
        return
    wired.app.extensions["bus"].declare("other", ["shop.something_else.v1"])
    told = wired.app.test_cli_runner().invoke(args=["resend", MADE, "--to", "other"])
    assert (told.exit_code, told.output) == (1, f"Error: shop: other does not listen to {MADE}\n")


def test_jobs_run_after_a_ring_and_a_failing_one_does_not_stop_the_rest(wired):
    ran, failed = threading.Event(), threading.Event()

    def broken(_):
        failed.set()
        raise RuntimeError("this job is broken")

    with working(
        wired, Job("ring", lambda _: ran.set(), every=60, on_ring=True), Job("broken", broken, every=60)
    ):
        assert ran.wait(5)
        ran.clear()
        assert failed.wait(5)
        make(wired, "ring the bell")
        assert ran.wait(5)


def test_a_job_that_says_there_is_more_to_do_is_run_again_at_once(wired):
    runs, done = [], threading.Event()

    def in_pieces(_):
        runs.append(1)
        if len(runs) == 5:
            done.set()
        return len(runs) < 5

    with working(wired, Job("in pieces", in_pieces, every=60)):
        assert done.wait(5)


@pytest.mark.parametrize(
    ("bind", "elsewhere"), [({}, "127.0.0.2"), ({"BIND": "127.0.0.2"}, "127.0.0.1")], ids=["default", "told"]
)
def test_the_worker_as_a_process_tells_its_health_and_ends_on_term(wired, monkeypatch, bind, elsewhere):
    monkeypatch.delenv("BIND", raising=False)
    settings, port = wired.app.extensions["settings"], free_port()
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parent),
        "DATABASE_URL": settings.database_url,
        "BUS_URL": settings.bus_url,
        "JWKS_URL": settings.jwks_url,
        "WORKER_PORT": str(port),
        **bind,
    }
    command = [sys.executable, "-m", "flask", "--app", "shop.app", "work"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = f"http://{bind.get('BIND', '127.0.0.1')}:{port}"
            eventually(lambda: answers(f"{address}/readyz"))
            assert "relays_running 1.0" in requests.get(f"{address}/metrics", timeout=5).text
            assert requests.get(f"{address}/api/v1/door", timeout=5).status_code == 404
            assert not answers(f"http://{elsewhere}:{port}/livez"), "it is nobody's business there"
        finally:
            process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=15)
    assert process.returncode == 0, output


def answers(url):
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.ConnectionError:
        return False
