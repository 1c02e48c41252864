"""What is kept of a message that cannot be handled; and no such message keeps others waiting."""

import time

import sqlalchemy as sa
from shop.app import MADE, db

from chassis import inbox
from chassis.events import now


def fails(shop, monkeypatch, handler):
    entries = shop.app.extensions["consumers"]._entries
    monkeypatch.setitem(entries, MADE, inbox.Entry(handler, entries[MADE].reads))


def test_slow_tries_stop_now_and_then_so_that_the_worker_is_not_taken_for_hanging(shop, monkeypatch):
    monkeypatch.setattr(inbox, "AT_A_TIME", 0.1)
    for number in range(1, 8):
        shop.receive(MADE, number, 1, {"id": number, "label": "poison"})
    with shop.app.app_context():
        db.session.execute(sa.update(db.parked).values(next_try_at=now()))
        db.session.commit()
    fails(shop, monkeypatch, lambda _: time.sleep(0.04))
    assert inbox.retry_due(shop.app) is True
    assert 0 < len(shop.parked()) < 7
    while inbox.retry_due(shop.app):
        pass
    assert shop.parked() == []
