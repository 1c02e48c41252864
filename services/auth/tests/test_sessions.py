"""Browsers' sessions, and where one is signed in."""

from datetime import UTC, datetime, timedelta

import pytest

from auth.agents import named

from .states import password_of
from .test_tokens import claims

SESSIONS = "/api/v1/users/me/sessions/"
LONG_AGO = "2020-01-01 00:00:00+00:00"


def test_signing_in_opens_a_session(auth):
    id = auth.newcomer("susan")
    answer = auth.sign_in("susan", address="192.0.2.1", agent="Firefox")
    [row] = auth.rows("sessions")
    told = claims(answer.json["token"])
    assert (answer.status_code, answer.json["max_age"], answer.json["user_id"]) == (201, None, id)
    assert (told["amr"], told["sid"], told["confirmed"]) == (["session"], row["sid"], False)
    assert (row["kind"], row["agent"], row["address"], row["idle_seconds"]) == (
        "browser", "Firefox", "192.0.2.1", 43200,
    )  # fmt: skip
    assert answer.json["session"] not in str(row)


def wrong_elsewhere(auth, times=10):
    return [auth.by_password("susan", "wrong", f"192.0.2.{n}").status_code for n in range(times)]


def test_the_owner_gets_in_on_a_known_browser(auth):
    auth.newcomer("susan")
    device = auth.sign_in("susan").json["device"]
    assert wrong_elsewhere(auth, 11) == [401] * 10 + [429]
    assert auth.sign_in("susan").status_code == 429
    known = auth.sign_in("susan", device=device)
    assert (known.status_code, known.json["device"]) == (201, device)


def test_a_known_browser_has_ten_guesses_of_its_own(auth):
    auth.newcomer("susan")
    device = auth.sign_in("susan").json["device"]
    wrong = [auth.sign_in("susan", password="wrong", device=device).status_code for _ in range(11)]
    assert wrong == [401] * 10 + [429]
    assert auth.sign_in("susan").status_code == 201


def test_a_browser_is_known_for_each_account_that_signed_in_there(auth):
    auth.newcomer("susan")
    auth.newcomer("john")
    device = auth.sign_in("susan").json["device"]
    both = auth.sign_in("john", device=device).json["device"]
    wrong_elsewhere(auth)
    assert auth.sign_in("susan", device=both).status_code == 201
    assert len(both.split("~")) == 2


@pytest.mark.parametrize("forged", ["", "x", "x-1.{sign}", "{owner}-1.{sign}", "{other}", "é~\u00a0"])
def test_a_forged_or_foreign_browser_is_not_known(auth, forged):
    for name in ("susan", "john"):
        auth.newcomer(name)
    device, other = (auth.sign_in(name).json["device"] for name in ("susan", "john"))
    owner, sign = device.split("-")[0], device.rpartition(".")[2]
    wrong_elsewhere(auth)
    shown = forged.format(owner=owner, sign=sign, other=other)
    assert auth.sign_in("susan", device=shown).status_code == 429


def test_who_is_signed_in_is_not_locked_out_of_changing_the_password(auth):
    auth.newcomer("susan")
    susan = auth.in_browser("susan")
    wrong_elsewhere(auth)
    sent = {"old_password": "wrong", "password": "another good one"}
    statuses = [susan.put("/api/v1/users/me/password", json=sent).status_code for _ in range(11)]
    assert statuses == [400] * 10 + [429]


def test_remembered_for_a_year(auth):
    auth.newcomer("susan")
    answer = auth.sign_in("susan", remember=True)
    [row] = auth.rows("sessions")
    assert answer.json["max_age"] == 365 * 24 * 3600
    assert row["idle_seconds"] is None


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"email": "nobody@example.com"}])
def test_who_cannot_sign_in(auth, wrong):
    auth.newcomer("susan")
    answer = auth.sign_in("susan", **wrong)
    assert (answer.status_code, answer.json["message"]) == (401, "Invalid credentials")
    assert auth.rows("sessions") == []


def test_a_session_is_exchanged(auth):
    auth.person("susan")
    signed_in = auth.sign_in("susan").json
    answer = auth.exchange(kind="session", session=signed_in["session"])
    assert (answer.status_code, answer.json["expires_in"]) == (200, 300)
    assert claims(answer.json["token"])["sid"] == claims(signed_in["token"])["sid"]


def test_a_session_lives_on_by_being_used(auth):
    auth.person("susan")
    session = auth.sign_in("susan").json["session"]
    [before] = auth.rows("sessions")
    auth.exchange(kind="session", session=session)
    assert auth.rows("sessions") == [before]
    auth.change("UPDATE sessions SET last_seen = :at", at=LONG_AGO)
    auth.exchange(kind="session", session=session)
    [after] = auth.rows("sessions")
    assert after["expires_at"] > before["expires_at"]
    assert str(after["last_seen"]) > LONG_AGO


def test_a_remembered_one_ends_after_its_year(auth):
    auth.person("susan")
    session = auth.sign_in("susan", remember=True).json["session"]
    [before] = auth.rows("sessions")
    auth.change("UPDATE sessions SET last_seen = :at", at=LONG_AGO)
    auth.exchange(kind="session", session=session)
    assert auth.rows("sessions")[0]["expires_at"] == before["expires_at"]


def test_an_idle_session_is_over(auth):
    auth.person("susan")
    session = auth.sign_in("susan").json["session"]
    auth.change("UPDATE sessions SET expires_at = :at", at=LONG_AGO)
    assert auth.exchange(kind="session", session=session).status_code == 401


def test_a_token_of_a_session_does_not_outlive_it(auth):
    auth.person("susan")
    session = auth.sign_in("susan").json["session"]
    soon = datetime.now(UTC) + timedelta(seconds=40)
    auth.change("UPDATE sessions SET expires_at = :at", at=str(soon))
    answer = auth.exchange(kind="session", session=session)
    assert answer.status_code == 200
    assert answer.json["expires_in"] <= 40
    assert claims(answer.json["token"])["exp"] <= soon.timestamp()


def test_where_one_is_signed_in(auth, settings_of):
    settings_of(users_per_page=2)
    auth.person("susan")
    browser = auth.in_browser("susan")
    auth.signed_in("susan").post(
        "/api/v1/tokens/", headers={"User-Agent": "HTTPie/3\t", "X-Forwarded-For": "192.0.2.9"}
    )
    auth.change("UPDATE sessions SET last_seen = :at WHERE kind = 'browser'", at=LONG_AGO)
    shown = browser.get(SESSIONS).json
    api, own = shown["sessions"]
    assert shown["count"] == 2
    assert (api["kind"], api["agent"], api["address"], api["current"]) == (
        "api",
        "HTTPie/3",
        "192.0.2.9",
        False,
    )
    assert (own["kind"], own["current"]) == ("browser", True)
    assert set(own) == {
        "id", "kind", "name", "agent", "address", "created", "last_seen", "expires", "current",
    }  # fmt: skip
    assert browser.get(f"{SESSIONS}?page=2").json["sessions"] == []


def test_ending_one_session(auth):
    auth.person("susan")
    here, there = auth.in_browser("susan"), auth.sign_in("susan").json
    sid = claims(there["token"])["sid"]
    answer = here.delete(f"{SESSIONS}{sid}")
    assert (answer.status_code, answer.headers["Identity-Changed"]) == (204, "1")
    assert auth.exchange(kind="session", session=there["session"]).status_code == 401
    assert here.delete(f"{SESSIONS}{sid}").status_code == 404
    assert [item["sid"] for item in auth.internal().get("/internal/changes").json["revoked"]] == [sid]
    assert here.get(SESSIONS).json["count"] == 1


def test_somebody_elses_session_is_not_there(auth):
    auth.person("susan")
    auth.person("john")
    sid = claims(auth.sign_in("john").json["token"])["sid"]
    susan = auth.in_browser("susan")
    for other in (sid, "0" * 32, "nonsense", "%00"):
        assert susan.delete(f"{SESSIONS}{other}").status_code == 404
    assert auth.rows("sessions", "revoked_at IS NOT NULL") == []


def test_signing_out_everywhere(auth):
    auth.person("susan")
    here, there = auth.sign_in("susan").json, auth.tokens("susan")
    answer = auth.with_token(here["token"]).delete(SESSIONS)
    assert (answer.status_code, answer.headers["Identity-Changed"]) == (204, "1")
    assert auth.exchange(kind="session", session=here["session"]).status_code == 401
    assert auth.exchange(kind="token", token=there["token"]).status_code == 401
    told = auth.internal().get("/internal/changes").json
    assert (told["changes"][0]["ver"], len(told["revoked"])) == (3, 2)


def test_what_has_ended_ends_no_second_time(auth):
    """Or everybody would be told of it again, and its row would stay for longer."""
    auth.person("susan")
    there = auth.tokens("susan")["token"]
    assert auth.with_token(there).delete("/api/v1/tokens/").status_code == 204
    [before] = auth.rows("sessions")
    assert auth.in_browser("susan").delete(SESSIONS).status_code == 204
    assert auth.rows("sessions", "kind = 'api'") == [before]
    assert auth.rows("sessions", "revoked_at IS NULL") == []


def test_an_unconfirmed_person_manages_sessions_too(auth):
    auth.newcomer("susan")
    susan = auth.in_browser("susan")
    assert susan.get(SESSIONS).json["count"] == 1
    assert susan.delete(SESSIONS).status_code == 204


def test_signing_in_costs_few_statements_and_the_password_stays_out_of_them(auth):
    auth.newcomer("susan")
    assert auth.statements(lambda: auth.sign_in("susan")) <= 16
    assert password_of("susan") not in str(auth.rows("users"))


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130 Safari/537.36 Edg/130", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18) Version/18 Safari/604", "Safari on iPhone"),
        ("python-requests/2.32", "python-requests/2.32"),
        ("Mozilla/5.0 (X11; CrOS x86_64) Chrome/140 Safari/537.36", "Chrome on ChromeOS"),
        ("", "Unknown program"),
    ],
)
def test_programs_by_the_name_people_use(agent, said):
    assert named(agent) == said


def test_who_signs_in_without_end_keeps_the_latest_hundred_sessions(auth):
    auth.person("susan")
    first = auth.sign_in("susan").json["session"]
    second = auth.sign_in("susan").json["session"]
    for _ in range(99):
        last = auth.sign_in("susan").json["session"]
    alive = [auth.exchange(kind="session", session=each).status_code for each in (first, second, last)]
    assert alive == [401, 200, 200]
    assert len(auth.rows("sessions", "revoked_at IS NULL")) == 100
