"""After a backup was put back nobody is signed in, no link proves anything, and no mail goes out again."""

import itertools
import sys
import time
from pathlib import Path

import pytest

from auth import commands

from .leaving import finish, receipts, remove_me
from .states import email_of, link_in, password_of
from .test_factors import code, with_app
from .test_factors import finish as finish_sign_in


@pytest.fixture
def restore(auth, tmp_path):
    """Puts back what was there when it was asked for."""
    file = tmp_path / "auth.backup"

    def restore():
        done = auth.flask("restore", str(file), "--force")
        assert done.exit_code == 0, done.output

    def save():
        done = auth.flask("backup", str(file))
        assert done.exit_code == 0, done.output
        return restore

    return save


def letters(auth):
    auth.deliver()
    return len(list(Path(auth.app.extensions["settings"].data, "mail").glob("*.eml")))


@pytest.fixture
def journal(auth, tmp_path):
    path = tmp_path / "removals.journal"
    auth.app.extensions["settings"].removals_journal = path
    yield path
    auth.app.extensions["settings"].removals_journal = None


def test_whoever_was_signed_in_signs_in_again(auth, restore):
    auth.person("susan")
    cookie, tokens = auth.sign_in("susan").json["session"], auth.tokens("susan")
    restore()()
    assert auth.exchange(kind="session", session=cookie).status_code == 401
    assert auth.exchange(kind="token", token=tokens["token"]).status_code == 401
    answer = auth.anonymous().post("/api/v1/tokens/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert answer.status_code == 401
    assert auth.by_password("susan").status_code == 200


def test_passwords_open_the_door_however_slow_the_restore_was(auth, restore, monkeypatch):
    auth.person("susan")
    back = restore()
    clock = itertools.count(time.time_ns(), 10_000_000)
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    back()
    monkeypatch.undo()
    assert auth.by_password("susan").status_code == 200
    assert auth.tokens("susan")["token"]


def test_a_session_that_had_ended_does_not_come_back(auth, restore):
    auth.person("susan")
    tokens = auth.tokens("susan")
    back = restore()
    assert auth.with_token(tokens["token"]).delete("/api/v1/tokens/").status_code == 204
    back()
    assert auth.with_token(tokens["token"]).get("/api/v1/users/me").status_code == 401


def test_a_token_of_somebody_who_is_lost_is_worth_nothing(auth, restore):
    auth.person("susan")
    back = restore()
    auth.person("john")
    token = auth.tokens("john")["token"]
    back()
    assert auth.with_token(token).get("/api/v1/users/me").status_code == 401
    assert auth.person("david") > 1_000_000


def test_a_sign_in_under_way_is_begun_again(auth, restore):
    """Its code may have been used since."""
    begun, app, _ = with_app(auth)
    restore()()
    assert finish_sign_in(auth, begun, otp=code(app)).status_code == 400
    assert finish_sign_in(auth, auth.sign_in("susan"), otp=code(app)).status_code == 201


def test_the_gateway_hears_that_everybody_has_changed(auth, restore):
    id = auth.person("susan")
    restore()()
    told = auth.internal().get("/internal/changes?since=0").json["changes"]
    assert [change["ver"] > 1_000_000 for change in told if change["sub"] == str(id)] == [True]


def test_a_link_in_an_older_mail_is_used_up(auth, restore):
    auth.newcomer("susan")
    link = link_in(auth.mails(email_of("susan"))[-1])
    restore()()
    assert auth.anonymous().post("/api/v1/users/confirm", json={"token": link}).status_code == 400


def test_a_mail_that_was_on_its_way_goes_out_once(auth, restore):
    auth.newcomer("susan")
    back = restore()
    assert letters(auth) == 1
    back()
    assert letters(auth) == 1
    [mail] = auth.rows("mails")
    assert (mail["state"], mail["error"][:8]) == ("failed", "a backup")


@pytest.mark.parametrize("known_by", ["the database that is replaced", "the journal"])
def test_who_was_removed_since_does_not_come_back_and_gets_no_second_receipt(
    auth, restore, journal, known_by
):
    id = auth.person("susan")
    john = auth.person("john")
    back = restore()
    assert remove_me(auth, "susan").status_code == 202
    finish(auth, id)
    lose(auth, journal, known_by)
    back()
    assert auth.by_password("susan", password_of("susan")).status_code == 401
    [event] = [event for event in auth.outbox() if event.type == "auth.user_removed.v1"]
    assert (event.subject, event.version > 1_000_000) == (str(id), True)
    finish(auth, id)
    [user] = auth.rows("users", f"id = {id}")
    assert (user["username"], user["email"]) == ("", f"#{id}")
    assert [row["id"] for row in auth.rows("users", "removed_at IS NULL")] == [john]
    assert len(receipts(auth, email_of("susan"))) == 1


def test_what_others_said_of_the_removal_that_is_lost_does_not_count_for_the_one_that_is_done_again(
    auth, restore, journal
):
    """It may come late, and whoever said it may have been put back as well, to when they held everything."""
    id = auth.person("susan")
    back = restore()
    remove_me(auth, "susan")
    [first] = auth.rows("users", f"id = {id}")
    back()
    for service in ("posts", "social"):
        auth.receive(f"{service}.user_forgotten.v1", id, first["version"], {"id": id})
    assert [row["done_at"] for row in auth.rows("removals")] == [None] * 3
    finish(auth, id)
    assert None not in [row["done_at"] for row in auth.rows("removals")]


def test_who_was_gone_before_the_backup_is_not_removed_again(auth, restore, journal):
    id = auth.person("susan")
    remove_me(auth, "susan")
    finish(auth, id)
    before = auth.rows("removals")
    restore()()
    assert (auth.outbox(), auth.rows("removals")) == ([], before)


def test_a_removal_that_could_not_be_noted_at_once_is_noted_when_it_is_done(auth, restore, journal):
    """Its process died between the two, or the disk was full."""
    id = auth.person("susan")
    back = restore()
    remove_me(auth, "susan")
    journal.unlink()
    finish(auth, id)
    lose(auth, journal, "the journal")
    back()
    assert [row["id"] for row in auth.rows("users", "removed_at IS NOT NULL")] == [id]


def test_journals_beside_this_ones_are_read_as_well(auth, restore, journal):
    """On a cluster each pod writes its own, and those that wrote are gone when a backup is put back."""
    id = auth.person("susan")
    back = restore()
    lose(auth, journal.with_name("elsewhere"), "the journal")
    journal.with_name("auth-api-x7k2p.journal").write_text(f"{id} 2026-01-01T00:00:00Z\n")
    back()
    assert auth.by_password("susan").status_code == 401


def lose(auth, journal, known_by):
    """What the other one knows is gone."""
    if known_by == "the journal":
        auth.change("ALTER TABLE users RENAME TO broken")
    else:
        journal.unlink()


def test_a_journal_that_cannot_be_written_keeps_nobody_from_leaving(auth, journal):
    journal.mkdir()
    id = auth.person("susan")
    assert remove_me(auth, "susan").status_code == 202
    finish(auth, id)
    assert len(receipts(auth, email_of("susan"))) == 1


def test_a_line_of_the_journal_that_was_cut_off_says_nothing(auth, restore, journal):
    id = auth.person("susan")
    back = restore()
    journal.write_text(f"{id}")
    lose(auth, journal, "the journal")
    back()
    assert auth.by_password("susan").status_code == 200


def test_a_removal_after_a_line_that_was_cut_off_is_known(auth, restore, journal):
    john, susan = auth.person("john"), auth.person("susan")
    back = restore()
    journal.write_text(f"{john}")
    assert remove_me(auth, "susan").status_code == 202
    lose(auth, journal, "the journal")
    back()
    assert [row["id"] for row in auth.rows("users", "removed_at IS NOT NULL")] == [susan]


def test_a_damaged_journal_says_what_it_still_can(auth, restore, journal):
    id = auth.person("susan")
    back = restore()
    journal.write_bytes(b"\x00\xff\x00 torn\n9999999999999999999999 2026-01-01T00:00:00Z\n")
    remove_me(auth, "susan")
    lose(auth, journal, "the journal")
    back()
    assert [row["id"] for row in auth.rows("users", "removed_at IS NOT NULL")] == [id]


def test_a_journal_that_cannot_be_read_refuses_before_anything_is_changed(auth, restore, journal):
    auth.person("susan")
    restore()
    auth.person("john")
    journal.mkdir()
    done = auth.flask("restore", str(journal.with_name("auth.backup")), "--force")
    assert (done.exit_code, "removals.journal cannot be read" in done.output) == (1, True)
    assert auth.by_password("john").status_code == 200


def test_there_may_be_more_removed_accounts_than_a_statement_takes_values(auth, restore, journal):
    id = auth.person("susan")
    back = restore()
    journal.write_text("".join(f"{number} 2026-01-01T00:00:00Z\n" for number in range(id, 66_001)))
    back()
    assert auth.by_password("susan").status_code == 401


def test_a_restore_that_was_broken_off_lets_nobody_in_until_it_is_done(auth, restore, journal, monkeypatch):
    auth.person("susan")
    back, cookie = restore(), auth.sign_in("susan").json["session"]
    assert remove_me(auth, "susan").status_code == 202
    with monkeypatch.context() as ends:
        ends.setattr(commands, "remove_again", lambda gone: sys.exit(1))
        with pytest.raises(AssertionError):
            back()
    assert auth.anonymous().get("/readyz").status_code == 503
    assert auth.by_password("susan").status_code == 503
    for words in (["grant", email_of("susan"), "Moderator"], ["drop-second-factor", email_of("susan")]):
        refused = auth.flask("users", *words)
        assert (refused.exit_code, "a restore was broken off" in refused.output) == (1, True)
    journal.unlink()
    back()
    assert auth.anonymous().get("/readyz").status_code == 200
    assert auth.by_password("susan").status_code == 401
    assert auth.exchange(kind="session", session=cookie).status_code == 401
