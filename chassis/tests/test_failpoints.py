"""Failpoints: nothing unless armed, once, in one process; and never in production."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import uuid

import pytest
import sqlalchemy as sa
from shop.app import MADE, PACK, Box, Settings, db

from chassis import failpoints, worker
from chassis.bus import Delivery
from chassis.events import Event
from chassis.handling import in_hand
from chassis.inbox import receive


@pytest.fixture
def armed(shop, tmp_path, monkeypatch):
    folder = tmp_path / "points"
    folder.mkdir()
    monkeypatch.setattr(failpoints, "_folder", str(folder))
    return folder


def boxes(doors):
    with doors.app.app_context():
        return [row["label"] for row in db.rows(sa.select(Box.label))]


def make(doors):
    return doors.as_("ann", PACK).post("/api/v1/boxes/", json={"label": "box"})


@pytest.mark.parametrize("place", ["parsed", "begun", "row", "outbox-row", "before-commit"])
def test_what_fails_before_the_commit_leaves_nothing(shop, armed, place):
    (armed / f"shop.write.{place}").write_text("raise")
    assert make(shop).status_code == 500
    assert (armed / f"shop.write.{place}.hit").exists()
    assert make(shop).status_code == 201
    assert len(shop.outbox()) == 1


@pytest.mark.parametrize("place", ["after-commit", "answer"])
def test_what_fails_after_the_commit_is_done(shop, armed, place):
    (armed / f"shop.write.{place}").write_text("raise")
    assert make(shop).status_code == 500
    assert len(shop.outbox()) == 1


def test_always_is_each_time_and_a_detail_means_one_event(shop, armed):
    (armed / "shop.consumer.effect@this-one").write_text("raise always")
    for id in ("this-one", "another", "this-one"):
        shop.receive(MADE, 1, 1, {"id": 1, "label": "box"}, id=id)
    assert [(row["event_id"], row["reason"]) for row in shop.parked()] == [
        ("this-one", "Failure: failpoint consumer.effect")
    ]


def test_die_is_a_kill_that_nobody_sees_coming(tmp_path):
    (tmp_path / "shop.here").write_text("die")
    code = """
        from flask import Flask
        from chassis import failpoints
        with Flask("shop").app_context():
            failpoints.reach("elsewhere")
            failpoints.reach("here")
    """
    environment = os.environ | {"FAILPOINTS": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environment)
    assert ended.returncode == -signal.SIGKILL


def test_production_refuses_to_start_with_failpoints(monkeypatch):
    secrets = {"internal_secret": uuid.uuid4().hex, "label_secret": uuid.uuid4().hex}
    Settings(environment="production", **secrets)
    monkeypatch.setenv("FAILPOINTS", "/tmp/anywhere")
    with pytest.raises(ValueError, match="FAILPOINTS is set"):
        Settings(environment="production", **secrets)


def test_a_hanging_worker_becomes_a_fresh_one_that_puts_the_event_aside(shop, monkeypatch):
    became = {}
    monkeypatch.setattr(worker.os, "execv", lambda program, words: became.update(words=words))
    hanging = worker.Worker(shop.app)
    hanging._threads = []
    hanging._beats = {"consumer": -1000.0}
    in_hand(shop.app)["consumer"] = "slow-one"
    hanging._watch()
    assert became["words"] == [sys.executable, *sys.orig_argv[1:]]
    assert os.environ["HUNG_EVENTS"] == "slow-one"
    fresh = worker.Worker(shop.app)
    fresh._heed_predecessor()
    assert "HUNG_EVENTS" not in os.environ
    event = Event(MADE, "1", 1, {"id": 1, "label": "box"}, "/shop", "slow-one", "")
    receive(shop.app, [Delivery(MADE, event.to_json())])
    [parked] = shop.parked()
    assert (parked["tries"], parked["reason"]) == (1, "its handler hung; the worker was replaced")
    shop.try_again()
    assert (boxes(shop), shop.parked()) == (["box"], []), "the next try is one"


@pytest.fixture
def replaced(monkeypatch):
    """How often a worker became a fresh one, and with what it was told to put aside."""
    told = []
    monkeypatch.delenv("HUNG_EVENTS", raising=False)
    monkeypatch.setattr(worker.os, "execv", lambda *_: told.append(os.environ.pop("HUNG_EVENTS")))
    return told


@pytest.mark.parametrize("labels", [["box"], ["poison"], ["box", "box"], ["box", "poison"]])
def test_a_hanging_worker_blames_no_event_that_it_is_done_with(shop, replaced, labels):
    events = [
        Event(MADE, str(id), 1, {"id": id, "label": label}, "/shop", f"e{id}", "")
        for id, label in enumerate(labels, 1)
    ]
    receive(shop.app, [Delivery(MADE, event.to_json()) for event in events])
    hanging = worker.Worker(shop.app)
    hanging._threads = []
    hanging._beats = {threading.current_thread().name: -1000.0}
    hanging._watch()
    assert replaced == [""]


def test_a_worker_one_of_whose_loops_has_ended_becomes_a_fresh_one(shop, replaced):
    ended = threading.Thread(target=lambda: None, name="relay")
    ended.start()
    ended.join()
    broken = worker.Worker(shop.app)
    broken._threads = [ended]
    broken._watch()
    assert replaced == [""]


def test_no_value_of_a_statement_is_in_an_error(shop):
    with shop.app.app_context(), pytest.raises(sa.exc.SQLAlchemyError) as failed:
        db.session.execute(sa.text("SELECT * FROM nowhere WHERE name = :name"), {"name": "a secret"})
    assert "a secret" not in str(failed.value)


def test_resend_without_a_name_tells_all_who_listen(shop):
    shop.app.test_cli_runner().invoke(args=["prepare"])
    make(shop)
    told = shop.app.test_cli_runner().invoke(args=["resend"])
    assert told.output == f"{MADE}: 1 sent to all who listen\n"


def test_resend_says_when_nobody_has_a_queue(shop):
    make(shop)
    told = shop.app.test_cli_runner().invoke(args=["resend"])
    assert (told.exit_code, "no queue takes these events" in told.output) == (1, True)
