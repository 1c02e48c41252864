"""A2: messages that two programs could frame in two ways. The gateway and every service read them alike, and
no answer belongs to another request.
"""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .messages import own
from .site import Site, told
from .wire import Reply, exchange

CORPORA = Path(__file__).parent / "corpora"
CORPUS = {
    name: message
    for whose in ("gunicorn", "aiohttp", "h11")
    for name, message in json.loads((CORPORA / whose / "requests.json").read_text()).items()
}
STATUSES = {200, 303, 308, 304, 400, 401, 403, 404, 405, 408, 413, 414, 415, 417, 431, 501}
MESSAGES = CORPUS | dict(own())


class Heard:
    """What a door made of a message: its answers, and whether what followed was a request of its own."""

    def __init__(self, port: int, message: str) -> None:
        self.probe, self.hidden = (f"{kind}-{uuid.uuid4().hex}" for kind in ("probe", "hidden"))
        following = (
            f"GET /api/v1/posts/ HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {self.probe}\r\n"
            "Connection: close\r\n\r\n"
        )
        sent = message.replace("{hidden}", self.hidden) + following
        self.replies: list[Reply] = exchange(
            port, sent.encode("latin-1", "replace"), head=message.startswith("HEAD")
        )

    @property
    def followed(self) -> bool:
        return any(reply.id == self.probe for reply in self.replies)

    @property
    def smuggled(self) -> bool:
        return any(reply.id == self.hidden for reply in self.replies)


@pytest.fixture(scope="module")
def heard(site: Site) -> dict[tuple[str, str], Heard]:
    """Every message at every door, many at once."""
    cells = [(name, door) for name in MESSAGES for door in site.doors]
    with ThreadPoolExecutor(16) as pool:
        found = pool.map(lambda cell: Heard(site.doors[cell[1]], MESSAGES[cell[0]]), cells)
        return dict(zip(cells, found, strict=True))


def test_the_gateway_and_every_service_frame_alike(site, heard):
    differ = {
        name: {door: heard[name, door].followed for door in site.doors}
        for name in MESSAGES
        if len({heard[name, door].followed for door in site.doors}) > 1
    }
    assert differ == {}
    told(
        "A2",
        site.kind,
        f"{len(MESSAGES)} raw messages at {len(site.doors)} doors: framed differently",
        len(heard),
        0,
    )


def test_no_hidden_request_is_answered_or_even_seen(site, heard):
    assert {name for (name, _), each in heard.items() if each.smuggled} == set()
    seen = "\n".join(site.logs())
    assert {name for (name, _), each in heard.items() if each.hidden in seen} == set()
    told(
        "A2",
        site.kind,
        "requests hidden in others",
        sum("{hidden}" in text for text in MESSAGES.values()) * 5,
        0,
    )


def test_every_answer_is_one_that_is_promised_and_the_last_one_is_the_probes(site, heard):
    for cell, each in heard.items():
        assert {reply.status for reply in each.replies} <= STATUSES, (cell, each.replies)
        assert not each.followed or each.replies[-1].id == each.probe, cell
        for reply in each.replies:
            assert_guarded(reply, cell)


def assert_guarded(reply: Reply, where: object) -> None:
    """What every answer carries, whoever made it."""
    assert reply.headers["x-content-type-options"] == "nosniff", where
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"], where
    assert reply.headers["referrer-policy"] == "same-origin", where
    assert reply.id, where
    if reply.status >= 400 and reply.body and reply.headers["content-type"] == "application/problem+json":
        problem = json.loads(reply.body)
        assert (problem["status"], problem["request_id"]) == (reply.status, reply.id), where


def test_no_message_is_an_error_of_ours(site, heard):
    assert site.unexpected() == []


def test_pipelined_answers_come_in_the_order_of_their_requests(site):
    """Reads, refusals and bodies mixed, hundreds of them on one connection."""
    rest = " HTTP/1.1\r\nHost: x\r\nX-Request-Id: {id}\r\n"
    kinds = (
        f"GET /api/v1/posts/{rest}\r\n",
        f"POST /api/v1/users/confirm{rest}Content-Length: 2\r\n\r\n{{{{}}}}",
        f"POST /api/v1/users/reset{rest}Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
        f"GET /api/v1/nowhere{rest}\r\n",
        f"DELETE /api/v1/posts/1{rest}Content-Length: 3\r\n\r\nabc",
    )
    for door, port in site.doors.items():
        ids = [f"line-{number:04d}-{door}" for number in range(200)]
        sent = "".join(kinds[number % len(kinds)].format(id=id) for number, id in enumerate(ids))
        assert [reply.id for reply in exchange(port, sent.encode())] == ids, door
    told("A2", site.kind, "pipelined requests answered by another's answer", 200 * len(site.doors), 0)
