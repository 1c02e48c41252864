"""Parked events are looked at, tried again and dropped, by command and over HTTP."""

import json

import pytest
import sqlalchemy as sa
from shop.app import MADE, PACK, Box, db

from chassis import dead, inbox


@pytest.fixture
def given_up(shop):
    """Three boxes that could not be kept, by their numbers in the list."""
    for number in (1, 2, 3):
        shop.receive(MADE, number, 1, {"id": number, "label": "poison"})
    with shop.app.app_context():
        db.session.execute(sa.update(db.parked).values(next_try_at=None, tries=4))
        db.session.commit()
    return [row["id"] for row in shop.parked()]


@pytest.fixture
def mended(shop, monkeypatch):
    """The handler as it is after somebody has found the mistake."""
    entries = shop.app.extensions["consumers"]._entries
    keep = lambda event: db.session.add(Box(id=1000 + event.data.id, label="mended", version=1))  # noqa: E731
    monkeypatch.setitem(entries, MADE, inbox.Entry(keep, entries[MADE].reads))


def run(shop, *words):
    return shop.app.test_cli_runner().invoke(args=["dead", *map(str, words)])


def kept(shop):
    with shop.app.app_context():
        return {row["id"] for row in db.rows(sa.select(Box.id))}


def numbers(shop):
    return [row["id"] for row in shop.parked()]


def test_the_list_says_everything_but_the_body(shop, given_up):
    [first, *_] = run(shop, "list").output.splitlines()
    number, type, tries, began, ended, code, reason = first.split("\t")
    assert (int(number), type, tries) == (given_up[0], MADE, "4 tries")
    assert (began[-1], ended[-1], code) == ("Z", "Z", f"code {inbox.__version__}")
    assert reason == "RuntimeError: this box cannot be kept"


def test_one_is_handled_again_by_its_number(shop, given_up, mended):
    assert run(shop, "retry", given_up[1]).output == f"{given_up[1]}\thandled\n"
    assert (kept(shop), numbers(shop)) == ({1002}, [given_up[0], given_up[2]])


def test_all_are_handled_again_by_one_command(shop, given_up, mended):
    assert run(shop, "retry", "--all").exit_code == 0
    assert (kept(shop), numbers(shop), run(shop, "list").output) == ({1001, 1002, 1003}, [], "")


def test_what_fails_again_stays_and_the_command_says_so(shop, given_up):
    answer = run(shop, "retry", "--all")
    assert (answer.exit_code, "3 still parked" in answer.output) == (1, True)
    assert {row["tries"] for row in shop.parked()} == {5}


def test_retry_without_numbers_says_what_to_do(shop):
    answer = run(shop, "retry")
    assert (answer.exit_code, "say --all" in answer.output) == (2, True)


@pytest.mark.parametrize("command", ["retry", "drop"])
def test_a_number_that_is_not_parked_is_named(shop, given_up, command):
    answer = run(shop, command, 4711)
    assert (answer.exit_code, "not parked: 4711" in answer.output) == (1, True)
    assert numbers(shop) == given_up


@pytest.mark.parametrize("command", ["retry", "drop"])
@pytest.mark.parametrize("number", ["0", str(2**63), "seven"])
def test_what_can_be_no_number_of_a_parked_event_is_named(shop, given_up, command, number):
    answer = run(shop, command, number)
    assert (answer.exit_code, number in answer.output) == (2, True)
    assert numbers(shop) == given_up


def test_one_is_dropped_for_good(shop, given_up):
    assert run(shop, "drop", given_up[0]).output == f"{given_up[0]}\tdropped\n"
    assert numbers(shop) == given_up[1:]


def test_what_is_dropped_stays_in_the_log(shop, given_up, monkeypatch):
    lines = []
    monkeypatch.setattr(dead.log, "warning", lambda text, extra: lines.append((text, extra)))
    run(shop, "drop", given_up[0])
    [(text, line)] = lines
    assert (text, line["id"], line["type"]) == ("parked event dropped", given_up[0], MADE)
    assert "cannot be kept" in line["reason"]


def test_what_still_has_a_try_cannot_be_dropped(shop):
    shop.receive(MADE, 1, 1, {"id": 1, "label": "poison"})
    assert run(shop, "drop", *numbers(shop)).exit_code == 1
    assert len(numbers(shop)) == 1


def test_others_of_the_installation_see_them_without_their_bodies(shop, given_up):
    answer = shop.internal().get("/internal/dead")
    assert (answer.json["count"], answer.json["next_page"]) == (3, None)
    [first, *_] = answer.json["dead"]
    assert first.keys() == set(dead.SHOWN)
    assert (first["id"], first["tries"], first["first_failed_at"][-1]) == (given_up[0], 4, "Z")
    assert "poison" not in json.dumps(answer.json)


def test_many_come_in_pages(shop, given_up, monkeypatch):
    monkeypatch.setattr(dead, "PAGE", 2)
    first, second = (shop.internal().get(f"/internal/dead?page={page}").json for page in (1, 2))
    assert [row["id"] for page in (first, second) for row in page["dead"]] == given_up
    assert (first["next_page"], second["next_page"]) == (2, None)


def test_one_is_handled_again_over_http(shop, given_up, mended):
    answer = shop.internal().post(f"/internal/dead/{given_up[1]}/retry")
    inbox.retry_due(shop.app)
    assert (answer.status_code, answer.json) == (202, {"retrying": 1})
    assert (kept(shop), numbers(shop)) == ({1002}, [given_up[0], given_up[2]])


def test_all_are_handled_again_over_http(shop, given_up, mended):
    answer = shop.internal().post("/internal/dead/retry")
    inbox.retry_due(shop.app)
    assert (answer.status_code, answer.json) == (202, {"retrying": 3})
    assert (kept(shop), numbers(shop)) == ({1001, 1002, 1003}, [])


def test_what_fails_again_over_http_is_parked_again_at_once(shop, given_up):
    shop.internal().post("/internal/dead/retry")
    inbox.retry_due(shop.app)
    assert {(row["tries"], row["next_try_at"]) for row in shop.parked()} == {(5, None)}


def test_what_cannot_be_read_waits_for_no_other_try(shop, given_up):
    with shop.app.app_context():
        db.session.execute(sa.update(db.parked).values(body=b"not JSON", tries=1))
        db.session.commit()
    shop.internal().post("/internal/dead/retry")
    inbox.retry_due(shop.app)
    assert {(row["tries"], row["next_try_at"]) for row in shop.parked()} == {(2, None)}


def test_a_number_that_is_not_there_is_404(shop, given_up):
    assert shop.internal().post("/internal/dead/4711/retry").status_code == 404


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/retry"), ("POST", "/1/retry")])
def test_nobody_else_may(shop, given_up, method, path):
    for caller in (shop.anonymous(), shop.as_("ann", PACK)):
        assert caller.open(f"/internal/dead{path}", method=method).status_code == 401
    assert all(row["next_try_at"] is None for row in shop.parked())
