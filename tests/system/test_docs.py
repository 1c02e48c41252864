"""What the documentation shows was taken from a running blog, and is what the blog still says."""

import json
import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from chassis.testing.polling import eventually
from tests.contract.test_agreements import same_kind

SAMPLES = Path(__file__).parents[2] / "docs/change/samples"
UPDATE = "UPDATE_SAMPLES" in os.environ
SHOWN = ("Content-Type", "Location", "X-Request-Id", "Cache-Control", "RateLimit-Remaining")


@pytest.fixture(scope="module")
def taken(blog):
    """The samples: john publishes, and susan, who follows him, sees it."""
    john, susan = blog.member("john"), blog.member("susan")
    eventually(lambda: susan.put(f"/users/{john.id}/follow").status_code == 201, within=10)
    answer = john.post("/posts/", body="Good morning from *john*.")
    post, asked = answer.json(), answer.headers["X-Request-Id"]
    eventually(lambda: post in susan.timeline(), within=10)
    told = rows(blog, "posts", "SELECT body FROM outbox ORDER BY id DESC LIMIT 50")
    event = next(event for [body] in told if (event := json.loads(bytes(body)))["requestid"] == asked)
    [noted] = rows(blog, "social", "SELECT * FROM inbox WHERE event_id = :id", id=event["id"])
    return {
        "answer.http": f"{head(answer)}\n\n{indented(post)}\n",
        "log.jsonl": "".join(f"{json.dumps(line)}\n" for line in logged(blog, asked)),
        "event.json": indented(event) + "\n",
        "inbox.json": indented(dict(noted._mapping)) + "\n",
        "timeline.json": indented(susan.timeline()[0]) + "\n",
    }


def rows(blog, service, statement, **values):
    engine = sa.create_engine(blog.stack.environment(service)["DATABASE_URL"])
    with engine.connect() as connection:
        return connection.execute(sa.text(statement), values).all()


def head(answer):
    told = (f"{name}: {answer.headers[name]}" for name in SHOWN if name in answer.headers)
    return "\n".join([f"HTTP/1.1 {answer.status_code} {answer.reason}", *told])


def indented(members):
    return json.dumps(members, indent=2, default=str)


def logged(blog, request_id):
    """One line of each process that the request has passed."""
    return [
        eventually(lambda name=name: next(of_request(blog, name, request_id), None), within=10)
        for name in ("posts", "gateway")
    ]


def of_request(blog, name, request_id):
    return (line for line in blog.stack.lines(name) if line.get("request_id") == request_id)


def parsed(name, text):
    """JSON is compared by its members, an answer's head by its lines' names, the log service by service."""
    if name == "answer.http":
        head, body = text.split("\n\n", 1)
        status, *told = head.splitlines()
        return {"status": status, "head": {line.split(":")[0]: "" for line in told}, "body": json.loads(body)}
    if name == "log.jsonl":
        return {line["service"]: line for line in map(json.loads, text.splitlines())}
    return json.loads(text)


@pytest.mark.parametrize("name", ["answer.http", "log.jsonl", "event.json", "inbox.json", "timeline.json"])
def test_the_samples_in_the_documentation_are_what_the_blog_says(taken, name):
    if UPDATE:
        SAMPLES.mkdir(exist_ok=True)
        (SAMPLES / name).write_text(taken[name])
    same_kind(parsed(name, (SAMPLES / name).read_text()), parsed(name, taken[name]), name)
