"""Four ways to say who one is, one token further in; what is wrong opens nothing."""

import base64
import time

import jwt
import pytest

from .ways import WAYS, basic, forwarded


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_every_way_in_becomes_one_token(site, ann, path, way):
    assert site.get(path, **way(ann)).status == 200
    [asked] = site.posts.at(path)
    assert forwarded(asked)["sub"] == ann.sub
    assert asked.header("Cookie") is None


def test_a_good_token_costs_auth_nothing(site, ann, path):
    assert site.get(path, **WAYS["bearer"](ann)).status == 200
    assert site.auth.exchanges[ann.token] == 0


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


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_however_auth_refuses_somebody_is_refused(site, ann, path, said, status):
    site.auth.before_exchange = lambda sent: said(status) if sent.get("session") == ann.session else None
    assert site.get(path, **WAYS["cookie"](ann)).status == 401


@pytest.mark.parametrize("body", [b"{}", b"[]", b"not JSON", b'{"token": null}', b'{"token": 7}'])
def test_an_answer_without_a_token_is_no_answer_of_auths(site, ann, path, said, body):
    site.auth.before_exchange = lambda sent: said(200, body) if sent.get("session") == ann.session else None
    got = site.get(path, **WAYS["cookie"](ann))
    assert (got.status, got.problem["error"]) == (503, "service unavailable")
