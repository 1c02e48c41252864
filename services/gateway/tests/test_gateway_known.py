"""What the gateway remembers of people: for how long, of how many, and while auth is away."""

import time
import uuid

import pytest

from .ways import WAYS


@pytest.mark.parametrize("way", list(WAYS.values())[2:], ids=list(WAYS.keys())[2:])
def test_auth_is_asked_once_a_minute(site, ann, path, way):
    for _ in range(3):
        assert site.get(path, **way(ann)).status == 200
    assert site.auth.exchanges[ann.password] + site.auth.exchanges[ann.session] == 1


def test_a_crowd_with_one_password_is_one_exchange(site, ann, path, crowd):
    site.auth.before_exchange = lambda sent: time.sleep(0.1) if sent.get("email") == ann.email else None
    found = crowd(12, lambda: site.get(path, **WAYS["basic with a password"](ann)).status)
    assert found == [200] * 12
    assert site.auth.exchanges[ann.password] == 1


def test_without_auth_those_who_are_signed_in_go_on_and_nobody_new_gets_in(new_site, path, eventually):
    site = new_site(identity_seconds="0")
    ann, ben = site.auth.person(), site.auth.person()
    for way in ("bearer", "cookie"):
        assert site.get(path, **WAYS[way](ann)).status == 200
    site.auth.stop()
    eventually(lambda: any("auth is away" in line for line in site.lines))
    for way in ("bearer", "cookie", "cookie"):
        assert site.get(path, **WAYS[way](ann)).status == 200, way
    assert site.get(path, **WAYS["bearer"](ben)).status == 200, "verified offline"
    for stranger in (WAYS["cookie"](ben), WAYS["basic with a password"](ben)):
        got = site.get(path, **stranger)
        assert got.status == 503
        assert int(got.headers["Retry-After"]) >= 1
        assert "Signing in" in got.problem["message"]


def test_a_token_known_to_be_stale_waits_for_auth(new_site, path, eventually):
    site = new_site()
    ann = site.auth.person()
    assert site.get(path, **WAYS["bearer"](ann)).status == 200
    site.auth.before_exchange = lambda sent: b"HTTP/1.1 503 X\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    site.auth.change(ann)
    got = eventually(lambda: (got := site.get(path, **WAYS["bearer"](ann))).status == 503 and got)
    assert got.headers["Retry-After"] == "7"


def test_what_is_known_is_used_no_longer_than_its_token(new_site, path, said):
    site = new_site(identity_seconds="3600")
    ann = site.auth.person()

    def short(sent):
        return said(200, {"token": site.auth.token(ann, exp=int(time.time()) + 9)})

    site.auth.before_exchange = short
    for _ in range(2):
        assert site.get(path, **WAYS["cookie"](ann)).status == 200
    assert site.auth.exchanges[ann.session] == 2


def test_without_auth_nobody_goes_on_for_longer_than_their_token(new_site, path, said, eventually):
    site = new_site(identity_seconds="0")
    ann = site.auth.person()
    ends = int(time.time()) + 6
    site.auth.before_exchange = lambda sent: said(200, {"token": site.auth.token(ann, exp=ends)})
    assert site.get(path, **WAYS["cookie"](ann)).status == 200
    site.auth.stop()
    assert site.get(path, **WAYS["cookie"](ann)).status == 200
    eventually(lambda: site.get(path, **WAYS["cookie"](ann)).status == 503)
    assert time.time() >= ends


def test_what_is_known_is_bounded(new_site, path):
    site = new_site(identity_entries="1")
    ann, ben = site.auth.person(), site.auth.person()
    for person in (ann, ben, ann):
        site.get(path, **WAYS["cookie"](person))
    assert site.auth.exchanges[ann.session] == 2


def test_who_was_away_for_longest_is_forgotten_first(new_site, path):
    site = new_site(identity_entries="2")
    ann, ben, eve = (site.auth.person() for _ in range(3))
    for person in (ann, ben, ann, eve, ann):
        assert site.get(path, **WAYS["cookie"](person)).status == 200
    assert site.auth.exchanges[ann.session] == 1


def test_when_people_were_seen_is_handed_to_auth(new_site, path, eventually):
    site = new_site(seen_seconds="0.05")
    ann = site.auth.person()
    site.get(path, **WAYS["cookie"](ann))
    assert abs(eventually(lambda: site.auth.seen.get(ann.sub)) - time.time()) < 60


def test_when_people_were_seen_is_not_lost_while_auth_is_away(new_site, path, eventually):
    site = new_site(seen_seconds="0.05")
    ann = site.auth.person()
    site.auth.script["/internal/seen"] = b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"
    site.get(path, **WAYS["cookie"](ann))
    eventually(lambda: any("last seen not handed over" in line for line in site.lines))
    del site.auth.script["/internal/seen"]
    eventually(lambda: site.auth.seen.get(ann.sub))


def test_the_last_moments_are_handed_over_at_the_end(new_site, path):
    site = new_site()
    ann = site.auth.person()
    site.get(path, **WAYS["cookie"](ann))
    assert site.stop() == 0
    assert ann.sub in site.auth.seen


def test_before_auth_has_ever_answered_a_token_is_not_believed(new_site, path):
    site = new_site(ready=False, auth_url=f"http://127.0.0.1:{uuid.uuid4().int % 100 + 1}")
    ann = site.auth.person()
    assert site.get(path, **WAYS["bearer"](ann)).status == 503
    assert site.ops("/readyz").status == 503
