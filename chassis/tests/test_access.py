"""Who gets in, and in which order things are refused."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from flask import Blueprint
from shop.app import PACK, create_app

from chassis.access import respond
from chassis.shapes import utc
from chassis.testing.polling import eventually
from chassis.testing.service import Signer
from chassis.tokens import Keys, jwks_reader


def told(answer):
    return answer.status_code, answer.json["message"]


def test_a_route_that_does_not_say_who_may_call_it_stops_the_service(shop, monkeypatch):
    silent = Blueprint("silent", __name__)
    silent.get("/silent")(lambda: "hello")
    monkeypatch.setattr("shop.app.back", silent)
    with pytest.raises(RuntimeError, match="do not declare who may call them: /silent"):
        create_app(shop.app.extensions["settings"])


def test_without_credentials_nobody_gets_in(shop):
    assert told(shop.anonymous().get("/api/v1/boxes/")) == (401, "Invalid credentials")


@pytest.mark.parametrize(
    "header", ["Basic YTpi", "Bearer", "Bearer ", "Bearer x.y.z", "bearer nonsense", "Internal x"]
)
def test_nothing_but_a_good_bearer_token_proves_an_identity(shop, header):
    answer = shop.anonymous().get("/api/v1/boxes/", headers={"Authorization": header, "X-User-Id": "1"})
    assert told(answer) == (401, "Invalid credentials")
    shown = header.endswith(("x.y.z", "nonsense"))
    assert answer.headers.get("WWW-Authenticate") == ('Bearer error="invalid_token"' if shown else None)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "somebody"},
        {"aud": "elsewhere"},
        {"exp": -60},
        {"iat": 600},
        {"sub": "not a number"},
        {"perms": "many"},
        {"jti": None},
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(shop, claims):
    """Moments are seconds from now: these tests may run long after they are collected."""
    at = int(time.time())
    claims = {name: at + value if isinstance(value, int) else value for name, value in claims.items()}
    assert shop.as_("ann", PACK, **claims).get("/api/v1/boxes/").status_code == 401


def test_a_token_of_another_kind_key_or_algorithm_is_refused(shop, tmp_path_factory):
    good = jwt.decode(shop.signer.token(1, "ann", PACK), options={"verify_signature": False})
    stranger = Signer(tmp_path_factory.mktemp("stranger")).token(1, "ann", PACK)
    unsigned = jwt.encode(good, None, "none", headers={"typ": "at+jwt", "kid": shop.signer.kid})
    symmetric = jwt.encode(good, "x" * 32, "HS256", headers={"typ": "at+jwt", "kid": shop.signer.kid})
    id_token = jwt.encode(good, shop.signer._key, "EdDSA", headers={"typ": "JWT", "kid": shop.signer.kid})
    unknown = jwt.encode(good, shop.signer._key, "EdDSA", headers={"typ": "at+jwt", "kid": "other"})
    for token in (stranger, unsigned, symmetric, id_token, unknown):
        answer = shop.anonymous().get("/api/v1/boxes/", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401


def test_an_unconfirmed_account_is_refused_except_where_a_route_says_so(shop):
    ann = shop.as_("ann", PACK, confirmed=False)
    assert told(ann.get("/api/v1/boxes/")) == (403, "Unconfirmed account")
    assert ann.get("/api/v1/me").json == {"id": 1, "confirmed": False}


def test_permission_comes_before_existence_and_existence_before_the_body(shop):
    assert told(shop.as_("ann").put("/api/v1/boxes/99", data="{")) == (403, "Insufficient permissions")
    assert shop.as_("ann", PACK).put("/api/v1/boxes/99", data="{").status_code == 404
    shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": "one"})
    assert shop.as_("ann", PACK).put("/api/v1/boxes/1", data="{").status_code == 415


def test_unknown_addresses_and_methods_are_told_before_credentials_are_asked(shop):
    assert shop.anonymous().get("/api/v1/nothing").status_code == 404
    refused = shop.anonymous().delete("/api/v1/boxes/")
    assert (refused.status_code, "GET" in refused.headers["Allow"]) == (405, True)
    assert refused.headers["Allow"] in refused.json["message"]


def test_options_answers_with_the_methods(shop):
    answer = shop.anonymous().options("/api/v1/boxes/")
    assert (answer.status_code, "POST" in answer.headers["Allow"]) == (200, True)


def test_options_of_a_collection_without_its_slash_answers_as_with_it(shop):
    """A browser asks so before it calls across origins, and takes no redirect for an answer."""
    asked = shop.anonymous().options
    bare, whole = asked("/api/v1/boxes?page=2"), asked("/api/v1/boxes/")
    methods = lambda answer: sorted(answer.headers["Allow"].split(", "))  # noqa: E731
    assert (bare.status_code, methods(bare), bare.data) == (200, methods(whole), whole.data)
    assert "Location" not in bare.headers
    assert asked("/api/v1/nothing").status_code == 404


def test_the_internal_door_opens_only_to_the_internal_credential(shop):
    assert shop.internal().get("/internal/count").json == {"count": 0}
    for caller in (shop.anonymous(), shop.as_("ann", 31)):
        assert caller.get("/internal/count").status_code == 401


def test_a_collection_without_its_slash_is_redirected_under_the_public_address(shop):
    answer = shop.anonymous().get("/api/v1/boxes?page=2", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["Location"]) == (
        308,
        "http://localhost:8000/api/v1/boxes/?page=2",
    )


def test_keys_may_rotate_and_a_removed_key_is_refused(shop, tmp_path):
    old = shop.as_("ann", PACK)
    assert old.get("/api/v1/boxes/").status_code == 200
    fresh = Signer(tmp_path)
    shop.signer.jwks.write_text(fresh.jwks.read_text())
    shop.app.extensions["verifier"].keys.fetch()
    shop.signer = fresh
    assert shop.as_("ann", PACK).get("/api/v1/boxes/").status_code == 200
    assert old.get("/api/v1/boxes/").status_code == 401


@pytest.mark.parametrize("fraction", [0, 450_000, 7])
def test_moments_of_an_answer_are_written_as_shapes_write_them(fraction):
    at = datetime(2026, 11, 28, 1, 2, 3, fraction, tzinfo=UTC)
    assert respond({"at": at}).json == {"at": utc(at)}


def test_pages_may_ask_for_strangers_where_a_route_says_so(shop):
    assert shop.internal().get("/api/v1/shelf").json == {"asked_by": -1}
    assert shop.as_("ann").get("/api/v1/shelf").json == {"asked_by": 1}
    assert shop.anonymous().get("/api/v1/shelf").status_code == 401
    assert (
        shop.anonymous().get("/api/v1/shelf", headers={"Authorization": "Internal wrong"}).status_code == 401
    )
    assert shop.internal().get("/api/v1/boxes/").status_code == 401


KEY = {"kid": "k1", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
OTHER = {**KEY, "kid": "k2"}


def test_while_the_issuer_is_away_a_key_that_is_not_known_may_be_a_new_one(shop, tmp_path):
    """401 would tell a client to throw a good token away."""
    fresh = Signer(tmp_path)
    published = shop.signer.jwks.read_text()
    shop.signer.jwks.unlink()
    with_new_key = shop._caller(f"Bearer {fresh.token(1, 'ann', PACK)}")
    answer = with_new_key.get("/api/v1/boxes/")
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    shop.signer.jwks.write_text(published)
    assert with_new_key.get("/api/v1/boxes/").status_code == 401


def document(*keys):
    return json.dumps({"keys": keys}).encode()


def test_keys_are_learnt_at_the_start_as_soon_as_the_issuer_is_there():
    answers = iter([b"not yet", document(KEY)])
    keys = Keys(lambda: next(answers), refresh=30.0)
    keys.keep_fresh()
    eventually(lambda: keys.known)
    assert keys.key("k1") is not None


def test_a_request_that_comes_while_everything_starts_waits_for_the_keys():
    """The issuer was not there a moment ago; now it is."""
    answers = iter([b"not yet", document(KEY)])
    keys = Keys(lambda: next(answers), refresh=30.0)
    keys.fetch()
    assert keys.key("k1") is not None


def test_a_withdrawn_key_is_forgotten_without_being_asked_for():
    published = [document(KEY)]
    keys = Keys(lambda: published[0], refresh=0.02)
    keys.keep_fresh()
    eventually(lambda: keys.known)
    published[0] = document(OTHER)
    eventually(lambda: keys.generation == 2)
    assert "k1" not in keys._keys


def test_a_key_made_just_now_is_known_to_all_who_ask_at_once_by_one_reading():
    published, readings = [document(KEY)], []

    def read():
        readings.append(1)
        time.sleep(0.05)
        return published[0]

    keys = Keys(read, refresh=30.0)
    keys.fetch()
    published[0] = document(KEY, OTHER)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: keys.key("k2"), range(8)))
    assert len(readings) <= 3


def test_whose_key_is_known_waits_for_nobody():
    """The issuer hangs: a strange token waits for it, the others go on, and the known keys stay."""
    hangs, reading = threading.Event(), threading.Event()
    answers = iter([lambda: document(KEY), lambda: reading.set() or hangs.wait(10) or b"{}"])
    keys = Keys(lambda: next(answers)(), refresh=30.0)
    keys.fetch()
    stranger = threading.Thread(target=keys.key, args=("k9",))
    stranger.start()
    assert reading.wait(10)
    assert keys.key("k1") is not None
    hangs.set()
    stranger.join()
    assert keys.known


def test_what_has_not_changed_is_not_sent_again():
    asked = []

    class Issuer(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers.get("If-None-Match"))
            self.send_response(304 if asked[-1] else 200)
            self.send_header("ETag", '"one"')
            self.send_header("Content-Length", "0" if asked[-1] else str(len(document(KEY))))
            self.end_headers()
            self.wfile.write(b"" if asked[-1] else document(KEY))

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Issuer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        read = jwks_reader(f"http://127.0.0.1:{server.server_port}/keys")
        assert [read(), read()] == [document(KEY)] * 2
        server.shutdown()
    assert asked == [None, '"one"']
