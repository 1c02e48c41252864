"""Every agreement is kept twice: by the consumer, here, and by the provider (test_between_versions.py)."""

import json
import time
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from chassis.http import Client
from chassis.testing.service import Doors
from chassis.tokens import Verifier, jwks_reader
from chassis.withdrawn import Withdrawn, changes_reader
from gateway.changes import Changes
from gateway.credentials import Credential
from gateway.insider import Insider
from gateway.settings import Settings as GatewaySettings
from web import app as web
from web.clients import auth as web_auth
from web.clients import posts as web_posts
from web.clients import social as web_social

from .states import STATES
from .upstream import answering

FOLDER = Path(__file__).parent / "agreements"
SERVICES = Path(__file__).parents[2] / "services"
ALL = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
EVENTS = {name: agreement for name, agreement in ALL.items() if "event" in agreement}
REQUESTS = {name: agreement for name, agreement in ALL.items() if "request" in agreement}
GRACE = 5.0


def in_state(agreement, request) -> Doors:
    doors = request.getfixturevalue(agreement["provider"])
    STATES[agreement["provider"], agreement["state"]](doors)
    return doors


def same_kind(example, found, at="answer"):
    """Everything in the example is in what was found, of the same kind."""
    if isinstance(example, dict):
        assert isinstance(found, dict), at
        for name, value in example.items():
            assert name in found, f"{at} has no {name}"
            same_kind(value, found[name], f"{at}.{name}")
    elif isinstance(example, list):
        assert isinstance(found, list), at
        assert found or not example, f"{at} is empty"
        for item in found if example else ():
            same_kind(example[0], item, f"{at}[]")
    else:
        number = isinstance(example, int | float) and not isinstance(example, bool)
        assert isinstance(found, int | float if number else type(example)), f"{at} is {found!r}"


# Events ---------------------------------------------------------------------------------------------


def the_provider_keeps(agreement, request):
    """The provider's real application says it, or answers it."""
    (says if "event" in agreement else answers)(agreement, request)


def says(agreement, request):
    told = [
        event for event in in_state(agreement, request).outbox() if event.type == agreement["event"]["type"]
    ]
    assert told, f"{agreement['provider']} said nothing of this type when {agreement['state']}"
    same_kind(agreement["event"]["data"], told[-1].data, "data")
    schema = SERVICES / agreement["provider"] / "contract" / "events" / f"{told[-1].type}.json"
    jsonschema.validate(told[-1].data, json.loads(schema.read_text()))


def answers(agreement, request):
    doors = in_state(agreement, request)
    asked, expected = agreement["request"], agreement["answer"]
    caller = getattr(doors, agreement["as"])()
    answer = caller.open(asked["path"], method=asked["method"], json=asked.get("body"))
    assert answer.status_code == expected["status"], answer.text
    if "body" in expected:
        same_kind(expected["body"], answer.json)


@pytest.mark.parametrize("name", EVENTS)
def test_the_consumer_takes_it(name, request):
    consumer, event = request.getfixturevalue(EVENTS[name]["consumer"]), EVENTS[name]["event"]
    consumer.receive(event["type"], "1", 7, event["data"])
    assert consumer.parked() == []


@pytest.mark.parametrize("name", EVENTS)
def test_the_agreement_names_exactly_what_the_consumer_reads(name, request):
    consumer, event = request.getfixturevalue(EVENTS[name]["consumer"]), EVENTS[name]["event"]
    reads = consumer.app.extensions["consumers"][event["type"]].reads
    assert set(event["data"]) == set(reads.model_fields)


@pytest.mark.parametrize("name", EVENTS)
def test_the_consumer_cannot_do_without_any_member(name, request):
    consumer, event = request.getfixturevalue(EVENTS[name]["consumer"]), EVENTS[name]["event"]
    for member in event["data"]:
        consumer.receive(
            event["type"], "1", 7, {key: value for key, value in event["data"].items() if key != member}
        )
    assert [row["reason"].split(":")[0] for row in consumer.parked()] == [
        f"data.{member}" for member in event["data"]
    ]


@pytest.mark.parametrize("service", ["auth", "posts", "social"])
def test_whoever_listens_has_an_agreement(service, request):
    listens = set(request.getfixturevalue(service).app.extensions["consumers"].types)
    agreed = {agreement["event"]["type"] for agreement in EVENTS.values() if agreement["consumer"] == service}
    assert listens == agreed


@pytest.mark.parametrize("service", ["auth", "posts", "social"])
def test_what_nobody_listens_to_is_declared_and_nothing_else(service, request):
    """Or an event that lost its queue would count as sent, or one without listeners would wait for ever."""
    app = request.getfixturevalue(service).app
    heard = {event["event"]["type"] for event in EVENTS.values()}
    assert set(app.extensions["unheard"]) == set(app.extensions["publishes"]) - heard


# HTTP -----------------------------------------------------------------------------------------------


def insider(address):
    return Insider(GatewaySettings(auth_url=address, internal_secret="a-secret-for-tests-only"))


def exchanging(address, **more):
    password = Credential("password", "correct horse 7", "ann@example.com", **more)
    return insider(address).exchange(password, "192.0.2.1")


def changes(address):
    known = Changes(insider(address), 1.0)
    known._withdrawn._since = 0.0
    known.read()
    return known


def keys(address):
    verifier = Verifier(jwks_reader(f"{address}/.well-known/jwks.json"), issuer="auth", audience="api")
    verifier.keys.fetch()
    return verifier.keys


def withdrawn(address):
    known = Withdrawn(changes_reader(f"{address}/internal/changes", "a-secret-for-tests-only"))
    known.read()
    return known


def pages(call):
    """A client of the pages, within a request of a stranger."""

    def asking(address):
        urls = {f"{name}_url": address for name in ("auth", "posts", "social")}
        app = web.create_app(web.Settings(environment="testing", log_level="CRITICAL", **urls))
        with app.test_request_context("/"):
            app.preprocess_request()
            return call()

    return asking


def listed(page):
    """All that a page shows of a list."""
    return page.items, page.count


PAGES = {
    "web.auth.people": lambda: listed(web_auth.people(1)),
    "web.posts.newest": lambda: listed(web_posts.newest(1)),
    "web.posts.post": lambda: web_posts.post(1),
    "web.posts.comments": lambda: listed(web_posts.comments_on(1, 1)),
    "web.social.followers": lambda: listed(web_social.followers(2, 1)),
}
CLIENTS = {
    **{name: pages(call) for name, call in PAGES.items()},
    "gateway.auth.exchange-password": exchanging,
    "gateway.auth.exchange-for-tokens": lambda address: exchanging(address, agent="curl/8", issue=True),
    "gateway.auth.changes": changes,
    "gateway.auth.seen": lambda address: insider(address).seen({"1": 1795212000.5}),
    "gateway.auth.keys": keys,
    "posts.auth.changes": withdrawn,
    "posts.auth.keys": keys,
    "social.auth.changes": withdrawn,
    "social.auth.keys": keys,
}


@pytest.mark.parametrize("name", CLIENTS)
def test_the_consumers_client_asks_as_agreed_and_takes_the_answer(name):
    agreement = REQUESTS[name]
    with answering(agreement["answer"]) as upstream:
        taken = CLIENTS[name](upstream.address)
    [asked] = upstream.requests
    assert (asked.method, asked.path.split("?")[0]) == (
        agreement["request"]["method"],
        agreement["request"]["path"].split("?")[0],
    )
    assert asked.body == agreement["request"].get("body")
    if name.startswith("gateway.auth.exchange"):
        assert taken == (
            agreement["answer"]["body"]["token"],
            None,
        )  # without tokens for the client: they may be
    if name == "gateway.auth.changes":
        assert (taken.known, taken.revoked("0f8fad5b")) == (True, True)
    if name in ("posts.auth.changes", "social.auth.changes"):
        assert not taken.holds(1, 2, "0f8fad5b")
    if name.endswith(".keys"):
        assert taken.key("k1") is not None


def without_one(body):
    """Copies of it, each without one of its members, however deep."""
    members = body.items() if isinstance(body, dict) else enumerate(body)
    for name, value in members:
        if isinstance(body, dict):
            yield {other: kept for other, kept in body.items() if other != name}
        if isinstance(value, dict | list):
            for less in without_one(value):
                yield body | {name: less} if isinstance(body, dict) else [less]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_cannot_do_without_any_member(name):
    for body in without_one(REQUESTS[name]["answer"]["body"]):
        with (
            answering({"status": 200, "body": body}) as upstream,
            pytest.raises((KeyError, ValidationError)),
        ):
            CLIENTS[name](upstream.address)


def test_a_refused_exchange_is_a_refusal_to_the_gateway():
    from chassis.problems import Unauthenticated

    with (
        answering(REQUESTS["gateway.auth.exchange-wrong-password"]["answer"]) as upstream,
        pytest.raises(Unauthenticated),
    ):
        exchanging(upstream.address)


# One object -----------------------------------------------------------------------------------------


def test_the_timeline_shows_the_very_object_that_posts_shows(posts, social):
    """Fed by nothing but their events, social answers with the same JSON as posts."""
    ann = {
        "id": 1,
        "username": "ann",
        "name": None,
        "avatar_hash": f"{1:032x}",
        "member_since": "2026-01-01T00:00:00Z",
    }
    for service in (posts, social):
        service.receive("auth.user_registered.v1", "1", 1, ann)
    STATES["posts", "a moderator has disabled ben's comment"](posts)
    STATES["posts", "ann has edited her post"](posts)
    listens = social.app.extensions["consumers"].types
    for event in (told for told in posts.outbox() if told.type in listens):
        social.receive(event.type, event.subject, event.version, event.data, id=event.id)
    assert social.parked() == []
    shown = social.as_("ann", 1).get("/api/v1/users/1/timeline/").json
    listed = posts.as_("ann").get("/api/v1/users/1/posts/").json
    assert shown["posts"] == listed["posts"]
    assert shown["count"] == listed["count"] == 2


def test_clients_never_wait_for_ever():
    began = time.monotonic()
    with pytest.raises(Exception, match="away"):
        Client("http://127.0.0.1:9", sentence="It is away.").get("/")
    assert time.monotonic() - began < GRACE
