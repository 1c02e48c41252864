"""A7: tokens that are not what they should be, at every door, however they are shown."""

import base64
import json
from pathlib import Path

import pytest

from .site import Site, told
from .tokens import Mint

VECTORS = Path(__file__).parent / "corpora" / "wycheproof" / "json_web_signature.json"
REFUSED = (401, 431)  # who somebody is, is not known; the head is too long


@pytest.fixture(scope="module")
def mint(site: Site) -> Mint:
    return Mint(site, site.ann.id, site.ann.username)


def asked(site: Site, door: str, authorization: str) -> int:
    url = f"http://127.0.0.1:{site.doors[door]}{site.own(door)}"
    headers = {"Authorization": authorization, "Accept": "application/json"}
    return site.ann.http.get(url, headers=headers, timeout=20, allow_redirects=False).status_code


def test_a_token_that_is_wrong_in_one_way_opens_nothing(site, mint):
    wrong = list(mint.wrong())
    opened = [
        (door, name, status)
        for name, token in wrong
        for door in site.doors
        if (status := asked(site, door, f"Bearer {token}")) not in REFUSED
    ]
    told(
        "A7",
        site.kind,
        "tokens wrong in alg, kid, typ, aud, iss, exp, key, shape: opened a door",
        len(wrong) * 5,
        len(opened),
    )
    assert not opened, "\n".join(map(str, opened))
    assert site.unexpected() == []


def test_nothing_that_others_have_signed_or_bent_opens_a_door(site):
    """Without a signature, with a part too few or too many, alg none, the key in the token, in JSON; and some
    that would be good, had auth their key.
    """
    vectors = json.loads(VECTORS.read_text())["vectors"]
    opened = [
        (door, vector["comment"])
        for vector in vectors
        for door in site.doors
        if asked(site, door, f"Bearer {vector['jws']}".strip()) != 401
    ]
    told("A7", site.kind, "tokens of Wycheproof's JWS vectors: opened a door", len(vectors) * 5, len(opened))
    assert not opened
    assert site.unexpected() == []


def test_and_one_that_is_right_opens_every_door(site, mint):
    """Or the test above shows nothing."""
    for door in site.doors:
        assert asked(site, door, f"Bearer {mint.good()}") == 200, door


@pytest.mark.parametrize(
    "scheme", ["", "bearer", "Token ", "JWT ", "Bearer\t", "Bearer  Bearer ", "Digest ", "Internal "]
)
def test_a_good_token_under_another_name_is_none(site, mint, scheme):
    for door in site.doors:
        assert asked(site, door, f"{scheme}{mint.good()}") == 401, door


def test_a_token_in_place_of_a_name_is_good_at_the_gateway_alone(site, mint):
    shown = "Basic " + base64.b64encode(f"{mint.good()}:".encode()).decode()
    assert {door for door in site.doors if asked(site, door, shown) == 200} == {"gateway"}
