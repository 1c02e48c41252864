"""A copy that is compared with its owner: how it is made, made wrong, and looked at."""

from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa
from shop.app import MADE, BoxState, Seen, db

from chassis.audit import looks, mending
from chassis.events import iso, now
from chassis.inbox import Entry

ALL_GOOD = "0 differing, 0 missing, 0 extra, 0 repaired"


def handled_by(shop, monkeypatch, handler):
    monkeypatch.setitem(shop.app.extensions["consumers"]._entries, MADE, Entry(handler, BoxState))


def deliver(shop, but=()):
    """The events reach their consumer, and then a watermark."""
    for event in shop.outbox():
        if int(event.subject) not in but:
            shop.receive(event.type, event.subject, event.version, event.data, id=event.id)
    caught_up(shop)


def caught_up(shop, at=None):
    if at:
        shop.receive("shop.watermark.v1", "shop", 0, {"as_of": iso(at)})
    else:
        shop.heard("shop", now() + timedelta(minutes=1))


def sql(shop, statement):
    with shop.app.app_context():
        db.session.execute(sa.text(statement))
        db.session.commit()


def seen(shop):
    with shop.app.app_context():
        return {row["id"]: (row["label"], row["version"]) for row in db.rows(sa.select(Seen))}


def boxes(shop):
    return {int(box.subject): (box.data["label"], box.version) for box in shop.snapshot(MADE)}


def run(shop, *words):
    return shop.app.test_cli_runner().invoke(args=["audit", *words])


def copy_of(shop):
    return shop.app.extensions["consumers"].copies[0]


def look(shop, limit=100):
    return looks.first(copy_of(shop), 0, limit)


def second(shop, first, **how):
    return mending.second(first, repair=True, **how)


@contextmanager
def context(shop):
    with shop.app.app_context():
        yield


def passes(shop):
    with context(shop):
        return {row["name"]: row for row in db.rows(sa.select(db.audit_passes))}


def metric(shop, name):
    lines = shop.anonymous().get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))
