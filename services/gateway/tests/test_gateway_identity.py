"""Four ways to say who you are, one token further in; rights that change at once."""

import base64
import json
import threading
import time
import uuid

import jwt
import pytest


def basic(user, password=""):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def forwarded(asked):
    """The claims of the token that a service got."""
    scheme, _, token = asked.header("Authorization").partition(" ")
    assert scheme == "Bearer"
    return jwt.decode(token, options={"verify_signature": False})


WAYS = {
    "bearer": lambda person: {"Authorization": f"Bearer {person.token}"},
    "basic with a token": lambda person: {"Authorization": basic(person.token)},
    "basic with a password": lambda person: {"Authorization": basic(person.email, person.password)},
    "cookie": lambda person: {"Cookie": f"a=b; session={person.session}; c=d"},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_every_way_in_becomes_one_token(site, ann, path, way):
    assert site.get(path, **way(ann)).status == 200
    [asked] = site.posts.at(path)
    assert forwarded(asked)["sub"] == ann.sub
    assert asked.header("Cookie") is None


@pytest.mark.parametrize("way", list(WAYS.values())[2:], ids=list(WAYS.keys())[2:])
def test_auth_is_asked_once_a_minute(site, ann, path, way):
    for _ in range(3):
        assert site.get(path, **way(ann)).status == 200
    assert site.auth.exchanges[ann.password] + site.auth.exchanges[ann.session] == 1


def test_a_good_token_costs_auth_nothing(site, ann, path):
    assert site.get(path, **WAYS["bearer"](ann)).status == 200
    assert site.auth.exchanges[ann.token] == 0


def test_the_address_of_a_guess_is_told_to_auth(site, ann, path):
    site.get(path, **WAYS["basic with a password"](ann))
    [sent] = [
        asked.json() for asked in site.auth.at("/internal/exchange") if ann.password.encode() in asked.body
    ]
    assert sent == {"kind": "password", "email": ann.email, "password": ann.password, "address": "127.0.0.1"}


def test_a_crowd_with_one_password_is_one_exchange(site, ann, path, crowd):
    site.auth.before_exchange = lambda sent: time.sleep(0.1) if sent.get("email") == ann.email else None
    found = crowd(12, lambda: site.get(path, **WAYS["basic with a password"](ann)).status)
    assert found == [200] * 12
    assert site.auth.exchanges[ann.password] == 1


WRONG = {
    "nothing": "",
    "unknown scheme": "Digest x",
    "internal credential": "Internal the-internal-secret-of-these-tests",
    "no token": "Bearer",
    "not a token": "Bearer abc",
    "garbage token": "Bearer a.b.c",
    "two at once": "Bearer a.b.c,Bearer a.b.c",
    "not base64": "Basic !!!",
    "not text": "Basic /////w==",
    "no colon": "Basic " + base64.b64encode(b"ann").decode(),
    "empty user": basic("", "secret"),
    "both empty": basic("", ""),
    "unknown person": basic("nobody@example.com", "wrong"),
    "endless password": basic("ann@example.com", "x" * 257),
    "endless token": "Bearer a.b." + "c" * 4100,
}


@pytest.mark.parametrize("header", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_always_answered_alike(site, path, header):
    got = site.get(path, Authorization=header)
    assert (got.status, got.problem["message"]) == (401, "Invalid credentials")
    assert got.headers["WWW-Authenticate"] == 'Basic realm="Flasky", Bearer'
    assert site.posts.at(path) == []


def test_two_people_with_one_password_are_two_people(site, ann, path):
    ben = site.auth.person()
    ben.password = ann.password
    for person in (ann, ben):
        assert site.get(path, **WAYS["basic with a password"](person)).status == 200
    assert [forwarded(asked)["sub"] for asked in site.posts.at(path)] == [ann.sub, ben.sub]


def test_a_wrong_password_stays_wrong_and_is_asked_each_time(site, ann, path):
    for _ in range(2):
        assert site.get(path, Authorization=basic(ann.email, "wrong-" + ann.sub)).status == 401
    assert site.auth.exchanges["wrong-" + ann.sub] == 2


def sign(signer, header=None, **claims):
    """A token with something wrong about it."""
    good = signer.token(1, "x", 7)
    told = jwt.decode(good, options={"verify_signature": False}) | claims
    headers = {"typ": "at+jwt", "kid": signer.kid} | (header or {})
    return jwt.encode(told, signer._key, "EdDSA", headers=headers)


def encode(signer, key, algorithm):
    """A token signed in a way that no key of ours is for."""
    claims = jwt.decode(sign(signer), options={"verify_signature": False})
    return jwt.encode(claims, key, algorithm, headers={"typ": "at+jwt", "kid": signer.kid})


BAD_TOKENS = {
    "wrong audience": lambda signer: sign(signer, aud="other"),
    "wrong issuer": lambda signer: sign(signer, iss="other"),
    "expired": lambda signer: sign(signer, exp=int(time.time()) - 10),
    "wrong type": lambda signer: sign(signer, {"typ": "JWT"}),
    "unknown key": lambda signer: sign(signer, {"kid": "other"}),
    "no subject": lambda signer: sign(signer, sub="x"),
    "secret signature": lambda signer: encode(signer, "k" * 32, "HS256"),
    "no signature": lambda signer: encode(signer, None, "none"),
    "cut": lambda signer: sign(signer)[:-8],
}


@pytest.mark.parametrize("bad", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_a_bad_token_opens_nothing(site, path, bad):
    token = bad(site.auth.signer)
    assert site.get(path, Authorization=f"Bearer {token}").status == 401
    assert site.get(path, Authorization=basic(token)).status == 401
    assert site.posts.at(path) == []


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


def test_too_many_guesses_are_told_as_auth_tells_them(site, ann, path, said):
    site.auth.before_exchange = lambda sent: (
        said(429, b"{}", "Retry-After: 60") if sent.get("email") == ann.email else None
    )
    got = site.get(path, **WAYS["basic with a password"](ann))
    assert (got.status, got.headers["Retry-After"], got.problem["error"]) == (429, "60", "too many requests")


def refusing(site, person, said, **by):
    """Auth has had enough of guesses at this account, from one address if that is given."""
    site.auth.before_exchange = lambda sent: (
        said(429, b"{}", "Retry-After: 60")
        if sent.get("email") == person.email and by.items() <= sent.items()
        else None
    )


def test_a_guess_learns_nothing_from_what_the_owner_has_just_shown(new_site, path, said):
    """While too many wrong ones are refused the right one must look the same, but for the owner."""
    site = new_site(trusted_hops="1")
    ann = site.auth.person()
    here, there = ({"X-Forwarded-For": address} for address in ("192.0.2.1", "198.51.100.2"))
    right = WAYS["basic with a password"](ann)
    assert site.get(path, **right, **here).status == 200
    refusing(site, ann, said, address="198.51.100.2")
    wrong = {"Authorization": basic(ann.email, "wrong")}
    assert [site.get(path, **each, **there).status for each in (wrong, right)] == [429, 429]
    assert site.get(path, **right, **here).status == 200


def test_whoever_guesses_at_the_owners_own_address_learns_nothing_either(site, ann, path, said):
    right = WAYS["basic with a password"](ann)
    assert site.get(path, **right).status == 200
    refusing(site, ann, said)
    assert site.get(path, Authorization=basic(ann.email, "wrong")).status == 429
    assert site.get(path, **right).status == 429


def test_nor_does_whoever_guesses_more_than_one_may_sign_in(new_site, path):
    site = new_site(limit_sign_in="2/hour")
    ann = site.auth.person()
    right, wrong = WAYS["basic with a password"](ann), {"Authorization": basic(ann.email, "wrong")}
    found = [site.get(path, **each).status for each in (right, right, wrong, wrong, right)]
    assert found == [200, 200, 401, 429, 429]


def test_nor_does_whoever_guesses_while_nobody_looks(new_site, path):
    site = new_site()
    ann = site.auth.person()
    right, wrong = WAYS["basic with a password"](ann), {"Authorization": basic(ann.email, "wrong")}
    assert site.get(path, **right).status == 200
    site.auth.stop()
    assert [site.get(path, **each).status for each in (right, wrong, right)] == [200, 503, 503]


def test_only_so_many_passwords_are_tried_at_once(new_site, path):
    site = new_site(password_exchanges="1")
    ann, ben = site.auth.person(), site.auth.person()
    asked, go_on = threading.Event(), threading.Event()

    def slowly(sent):
        asked.set()
        go_on.wait(5)

    site.auth.before_exchange = slowly
    first = threading.Thread(target=site.get, args=(path,), kwargs=WAYS["basic with a password"](ann))
    first.start()
    asked.wait(5)
    got = site.get(path, **WAYS["basic with a password"](ben))
    assert (got.status, got.headers["Retry-After"]) == (503, "1")
    go_on.set()
    first.join()
    assert site.get(path, **WAYS["basic with a password"](ben)).status == 200


def test_passwords_that_are_wrong_keep_nobody_else_from_trying(new_site, path):
    site = new_site(password_exchanges="1")
    ann = site.auth.person()
    for _ in range(2):
        assert site.get(path, Authorization=basic(ann.email, "wrong")).status == 401
    assert site.get(path, **WAYS["basic with a password"](ann)).status == 200


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_however_auth_refuses_somebody_is_refused(site, ann, path, said, status):
    site.auth.before_exchange = lambda sent: said(status) if sent.get("session") == ann.session else None
    assert site.get(path, **WAYS["cookie"](ann)).status == 401


@pytest.mark.parametrize("body", [b"{}", b"[]", b"not JSON", b'{"token": null}', b'{"token": 7}'])
def test_an_answer_without_a_token_is_no_answer_of_auths(site, ann, path, said, body):
    site.auth.before_exchange = lambda sent: said(200, body) if sent.get("session") == ann.session else None
    got = site.get(path, **WAYS["cookie"](ann))
    assert (got.status, got.problem["error"]) == (503, "service unavailable")


@pytest.mark.parametrize(("way", "times"), [("basic with a password", 1), ("cookie", 2)])
def test_a_guess_is_never_tried_twice(new_site, path, way, times):
    """Auth may have counted it although its answer was lost."""
    site = new_site()
    ann = site.auth.person()
    site.auth.script["/internal/exchange"] = lambda asked, connection: None
    assert site.get(path, **WAYS[way](ann)).status == 503
    assert len(site.auth.at("/internal/exchange")) == times


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


COOKIES = {
    "too short": "session=abc",
    "odd letters": "session=" + "x" * 30 + "!",
    "two of them": "session=" + "a" * 32 + "; session=" + "b" * 32,
    "unknown": "session=" + "z" * 32,
}


@pytest.mark.parametrize("cookie", COOKIES.values(), ids=COOKIES.keys())
def test_a_wrong_cookie_is_refused(site, path, cookie):
    assert site.get(path, Cookie=cookie).status == 401


@pytest.mark.parametrize("cookie", ["session={0}; session={1}", "session={1}; session={0}"])
def test_of_two_sessions_neither_is_believed(site, ann, path, cookie):
    assert site.get(path, Cookie=cookie.format(ann.session, "a" * 32)).status == 401


def test_other_cookies_are_nobodys_business(site, path):
    assert site.get(path, Cookie="flash=1; xsession=2").status == 401


def test_credentials_count_before_the_cookie(site, ann, path):
    assert site.get(path, Authorization="Bearer a.b.c", Cookie=f"session={ann.session}").status == 401


FROM_ELSEWHERE = [
    {},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site", "Origin": "http://localhost"},
    {"Sec_Fetch_Site": "none"},
]


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
def test_a_cookie_changes_nothing_for_another_site(site, ann, path, headers):
    got = site.ask("POST", path, b"{}", Cookie=f"session={ann.session}", **headers)
    assert (got.status, got.problem["error"]) == (403, "forbidden")
    assert site.posts.at(path) == []
    assert site.get(path, Cookie=f"session={ann.session}", **headers).status == 200


def test_a_cookie_changes_things_for_our_own_pages(site, ann, path):
    for headers in ({"Sec_Fetch_Site": "same-origin"}, {"Origin": f"http://localhost:{site.port}"}):
        assert site.ask("POST", path, b"{}", Cookie=f"session={ann.session}", **headers).status == 200


@pytest.mark.parametrize("other", ["cross-site", "same-site"])
def test_a_password_that_the_browser_remembers_changes_nothing_for_another_site(site, ann, path, other):
    got = site.ask("POST", path, b"{}", Sec_Fetch_Site=other, **WAYS["basic with a password"](ann))
    assert got.status == 403
    assert site.ask("POST", path, b"{}", **WAYS["basic with a password"](ann)).status == 200


def test_on_https_only_the_host_cookie_counts(new_site, path):
    site = new_site(public_url="https://flasky.example")
    ann = site.auth.person()
    assert site.get(path, Cookie=f"session={ann.session}").status == 401
    got = site.get(path, Cookie=f"__Host-session={ann.session}")
    assert got.status == 200
    assert got.headers["Strict-Transport-Security"].startswith("max-age=")


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


def test_no_secret_is_ever_logged(site, ann, path):
    for way in WAYS.values():
        got = site.get(path + "?token=" + ann.token, **way(ann))
        line = json.dumps(site.logged(got.headers["X-Request-Id"]))
        assert not any(secret in line for secret in (ann.token, ann.password, ann.session, ann.email))
    text = "".join(site.lines)
    assert not any(secret in text for secret in (ann.token, ann.password, ann.session, ann.email))


SECRET_PATHS = {
    "/auth/reset/SECRETTOKEN123": "/auth/reset/<token>",
    "/auth/reset/SECRETTOKEN123/": "/auth/…",
    "/auth/reset/SECRETTOKEN123)": "/auth/…",
    "/auth/confirm/SECRET%54OKEN123": "/auth/…",
    "/auth//reset/SECRETTOKEN123": "/auth/…",
    "/auth%2Freset%2FSECRETTOKEN123": "/…",
    "/auth;x/reset/SECRETTOKEN123": "/…",
    "/AUTH/reset/SECRETTOKEN123": "/…",
    "/SECRETTOKEN123": "/…",
    "/user/susan": "/user/<username>",
    "/user/sus%61n": "/user/…",
    "/user/susan/": "/user/…",
    "/avatar/5ca1ab1e": "/avatar/…",
    "/api/v1/users/susan": "/api/…",
    "/wp-login.php": "/wp-login.php",
}


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize(("target", "shown"), SECRET_PATHS.items())
def test_names_and_secrets_are_not_logged_however_their_address_is_spelled(site, target, shown, accept):
    got = site.get(target, Accept=accept)
    line = site.logged(got.headers["X-Request-Id"])
    assert line["path"] == shown
    told = json.dumps(line).lower()
    assert not any(secret in told for secret in ("secret", "susan", "sus%61n", "5ca1ab1e"))


def test_before_auth_has_ever_answered_a_token_is_not_believed(new_site, path):
    site = new_site(ready=False, auth_url=f"http://127.0.0.1:{uuid.uuid4().int % 100 + 1}")
    ann = site.auth.person()
    assert site.get(path, **WAYS["bearer"](ann)).status == 503
    assert site.ops("/readyz").status == 503
