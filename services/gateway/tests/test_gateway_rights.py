"""Rights that change, sessions that end and keys that are withdrawn hold at once."""

import threading

import pytest

from .ways import WAYS, forwarded


def test_a_change_of_rights_is_followed_within_a_moment(site, ann, path, eventually):
    site.get(path, **WAYS["bearer"](ann))
    site.auth.change(ann)
    eventually(lambda: site.get(path, **WAYS["bearer"](ann)) and site.auth.exchanges[ann.token])
    site.get(path, **WAYS["bearer"](ann))
    assert forwarded(site.posts.at(path)[-1])["ver"] == 2
    assert site.auth.exchanges[ann.token] == 1


def test_a_changed_session_is_exchanged_again(site, ann, path, eventually):
    site.get(path, **WAYS["cookie"](ann))
    site.auth.change(ann)
    eventually(lambda: site.get(path, **WAYS["cookie"](ann)) and site.auth.exchanges[ann.session] == 2)
    assert forwarded(site.posts.at(path)[-1])["ver"] == 2


def test_somebody_shut_out_is_shut_out_within_a_moment(site, ann, path, eventually):
    assert site.get(path, **WAYS["bearer"](ann)).status == 200
    site.auth.change(ann)
    del site.auth.people[ann.sub]
    eventually(lambda: site.get(path, **WAYS["bearer"](ann)).status == 401)


@pytest.mark.parametrize("way", list(WAYS.values())[:2], ids=list(WAYS.keys())[:2])
def test_a_token_of_an_ended_session_is_refused(site, ann, path, way, eventually):
    assert site.get(path, **way(ann)).status == 200
    site.auth.revoke(ann.sid)
    eventually(lambda: site.get(path, **way(ann)).status == 401)


def test_a_cookie_of_an_ended_session_is_refused(site, ann, path, eventually):
    assert site.get(path, **WAYS["cookie"](ann)).status == 200
    site.auth.revoke(ann.sid)
    del site.auth.people[ann.sub]
    eventually(lambda: site.get(path, **WAYS["cookie"](ann)).status == 401)


def test_ones_own_change_counts_at_the_next_request(new_site, path, said):
    """Without waiting for the list of changes: the answer that made the change says so."""
    site = new_site(changes_seconds="3600")
    ann, ben = site.auth.person(), site.auth.person()
    for person in (ann, ben):
        assert site.get(path, **WAYS["bearer"](person)).status == 200
        assert site.get(path, **WAYS["cookie"](person)).status == 200
    site.auth.script["/api/v1/users/confirm"] = said(200, b"{}", f"Identity-Changed: {ann.sub}, 99")
    got = site.ask("POST", "/api/v1/users/confirm", b"{}")
    assert "Identity-Changed" not in got.headers
    ann.version = 2
    for way in ("bearer", "cookie"):
        assert site.get(path, **WAYS[way](ann)).status == 200
        assert forwarded(site.posts.at(path)[-1])["ver"] == 2
        assert site.get(path, **WAYS[way](ben)).status == 200
    assert site.auth.exchanges[ann.token] == 1
    assert site.auth.exchanges[ann.session] == 2
    assert (site.auth.exchanges[ben.token], site.auth.exchanges[ben.session]) == (0, 1)


def test_an_exchange_under_way_when_rights_change_does_not_count_afterwards(new_site, path, said):
    site = new_site(changes_seconds="3600")
    ann = site.auth.person()
    asked, go_on = threading.Event(), threading.Event()

    def slowly(sent):
        token = site.auth.token(ann)  # auth decides before the change …
        asked.set()
        go_on.wait(5)
        return said(200, {"token": token})  # … and answers after it

    site.auth.before_exchange = slowly
    early = threading.Thread(target=site.get, args=(path,), kwargs=WAYS["cookie"](ann))
    early.start()
    asked.wait(5)
    site.auth.script["/api/v1/users/confirm"] = said(200, b"{}", f"Identity-Changed: {ann.sub}")
    site.ask("POST", "/api/v1/users/confirm", b"{}")
    ann.version = 2
    site.auth.before_exchange = lambda sent: None
    go_on.set()
    early.join()
    assert site.get(path, **WAYS["cookie"](ann)).status == 200
    assert forwarded(site.posts.at(path)[-1])["ver"] == 2


def test_whom_auth_is_asked_about_while_they_change_is_asked_about_again(new_site, path, said):
    """Auth decided before the change and answers after it. Who comes later does not wait for that."""
    site = new_site(changes_seconds="3600")
    ann = site.auth.person()
    asked, go_on = threading.Event(), threading.Event()

    def slowly(sent):
        if asked.is_set():
            return None
        token = site.auth.token(ann)
        asked.set()
        go_on.wait(10)
        return said(200, {"token": token})

    site.auth.before_exchange = slowly
    early = threading.Thread(target=site.get, args=(path,), kwargs=WAYS["cookie"](ann))
    early.start()
    asked.wait(10)
    ann.version = 2
    site.auth.script["/api/v1/users/confirm"] = said(200, b"{}", f"Identity-Changed: {ann.sub}")
    site.ask("POST", "/api/v1/users/confirm", b"{}")
    assert site.get(path, **WAYS["cookie"](ann)).status == 200
    assert len(site.posts.at(path)) == 1
    go_on.set()
    early.join()
    assert [forwarded(asked)["ver"] for asked in site.posts.at(path)] == [2, 2]


def test_a_token_of_a_withdrawn_key_is_refused(new_site, path, eventually):
    site = new_site(jwks_refresh="0.05")
    ann = site.auth.person()
    assert site.get(path, **WAYS["bearer"](ann)).status == 200
    site.auth.rotate()
    eventually(lambda: site.get(path, **WAYS["bearer"](ann)).status == 401)
    assert site.get(path, Authorization=f"Bearer {site.auth.token(ann)}").status == 200
    assert site.get(path, **WAYS["cookie"](ann)).status == 200


BAD_TOKEN = 'WWW-Authenticate: Bearer error="invalid_token"'


@pytest.mark.parametrize("status", [401, 303], ids=["api", "page"])
@pytest.mark.parametrize("way", list(WAYS.values())[2:], ids=list(WAYS.keys())[2:])
def test_who_showed_no_token_is_not_refused_for_one_of_ours(site, ann, path, said, way, status):
    """A service learnt of a withdrawn key before the gateway did."""
    assert site.get(path, **way(ann)).status == 200
    [known] = [asked.header("Authorization") for asked in site.posts.at(path)]

    def serve(asked, _):
        return said(status, b"{}", BAD_TOKEN) if asked.header("Authorization") == known else said(200, b"{}")

    site.posts.script[path] = serve
    assert site.get(path, **way(ann)).status == 200
    assert site.auth.exchanges[ann.password] + site.auth.exchanges[ann.session] == 2


def test_when_a_new_token_is_refused_too_it_is_worth_another_try(site, ann, path, said):
    site.posts.script[path] = said(401, b"{}", BAD_TOKEN)
    got = site.get(path, **WAYS["cookie"](ann))
    assert (got.status, got.headers["Retry-After"]) == (503, "1")
    assert len(site.posts.at(path)) == 2


def test_a_token_of_the_callers_own_that_a_service_refuses_is_refused(site, ann, path, said):
    site.posts.script[path] = said(401, b"{}", BAD_TOKEN)
    assert site.get(path, **WAYS["bearer"](ann)).status == 401
    assert len(site.posts.at(path)) == 1
