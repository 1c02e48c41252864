"""Removing an account in tests: asked for, forgotten by the others, finished, and what is left of it."""

import sqlalchemy as sa

from .states import password_of

ME = "/api/v1/users/me"
LONG_AGO = "2020-01-01 00:00:00+00:00"


def remove_me(auth, username="susan", password=""):
    sent = {"password": password or password_of(username)}
    return auth.signed_in(username).delete(ME, json=sent)


def has_forgotten(auth, service, id):
    """Answers what it was asked, as it was asked."""
    [user] = auth.rows("users", f"id = {id}")
    auth.receive(f"{service}.user_forgotten.v1", id, user["version"], {"id": id})


def others_have_forgotten(auth, id):
    for service in ("posts", "social"):
        has_forgotten(auth, service, id)


def finish(auth, id):
    """Everybody has answered, everything is sent, and the worker does its jobs."""
    others_have_forgotten(auth, id)
    auth.outbox()
    auth.job("removals")
    auth.deliver()


def traces(auth, *words):
    """Which of these are in any table, as text or bytes."""
    with auth.app.app_context():
        db = auth.app.extensions["sqlalchemy"]
        rows = [row for table in db.metadata.sorted_tables for row in db.rows(sa.select(table))]
    text = repr([[bytes(v) if isinstance(v, memoryview) else v for v in row.values()] for row in rows])
    return [word for word in words if word in text]


def receipts(auth, to):
    return [text for text in auth.mails(to) if "Your Account Has Been Removed" in text]
