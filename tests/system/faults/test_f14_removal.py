"""F14: an account is removed under load, with kills and late events: no trace of it, and no resurrection."""

import json
import time
import uuid

import sqlalchemy as sa

from chassis.bus import Message, open_bus
from deploy.local.stack import SERVICES

from ..people import PASSWORD
from ..rig.blog import Rig, limit, long, told
from ..rig.checker import soon
from ..rig.load import Load, Member, within

RATE, SEED = 10.0, 14
PLACES = ["posts.consumer.effect", "social.consumer.before-ack", "posts.relay.confirmed", "auth.relay.sent"]


def somebody(rig: Rig, members: list[Member]) -> tuple[Member, dict[str, str]]:
    """An account with everything an account can have, in words that nobody else uses."""
    word = f"zq{uuid.uuid4().hex[:10]}"
    person = rig.blog.member(word)
    words = {name: f"{word}{name}" for name in ("name", "location", "about", "post", "comment")}
    profile = {"name": words["name"], "location": words["location"], "about_me": words["about"]}
    assert person.patch("/users/me", **profile).status_code == 200
    member = Member(person, rig.ledger, patience=10, others=[other.id for other in members])
    avatar = person.get("/users/me").json()["avatar_url"].rpartition("/")[2].partition(".")[0]
    return member, words | {"username": person.username, "email": person.email, "avatar": avatar}


def lives(rig: Rig, member: Member, words: dict[str, str], others: list[Member]) -> None:
    """Posts, comments on own and others' posts, follows both ways, sessions, mails, keys, looked-at pages."""
    other = others[0].publish(f"text {uuid.uuid4().hex}").made
    for number in range(long(30, 6)):
        post = member.publish(f"{words['post']} {number}").made
        member.comment(post, f"{words['comment']} own {number}")
        others[1].comment(post, f"text {uuid.uuid4().hex}")
        member.comment(other, f"{words['comment']} {number}")
    member.edit(member.mine[0], f"{words['post']} edited")
    soon(lambda: rig.books.rows("social", f"SELECT 1 FROM people WHERE id = {member.id} AND version > 0"))
    for one in others:
        member.follow(one.id)
        one.follow(member.id)
    member.person.post("/users/me/email", email=f"new.{words['email']}", password=PASSWORD)
    member.person.post("/users/reset", email=words["email"])
    rig.blog.stranger().ask("GET", f"{rig.blog.url}/user/{words['username']}")
    rig.blog.stranger().ask("POST", "/tokens/", auth=(words["email"], "a wrong password"))


def history(rig: Rig, id: int) -> list[tuple[str, bytes]]:
    """Every event that tells of somebody, as it was really said."""
    events = [(e["type"], e) for e in rig.books.events() if e.get("about") == id]
    return [(type, json.dumps(event).encode()) for type, event in events]


def said_again(rig: Rig, events: list[tuple[str, bytes]], fresh: bool) -> None:
    """Delivered again, late: as the same events, or as others with the same content."""
    publisher = open_bus(rig.stack.environment("posts")["BUS_URL"]).publisher()
    messages = []
    for type, body in events:
        event = json.loads(body)
        event["id"] = f"late-{uuid.uuid4()}" if fresh else event["id"]
        messages.append(Message(event["id"], type, json.dumps(event).encode()))
    publisher.publish(messages)
    publisher.close()


def said_for_the_first_time(rig: Rig, events: list[tuple[str, bytes]]) -> None:
    """A post of which its owner knows nothing any more, and its readers knew nothing yet."""
    known = next(json.loads(body) for type, body in events if type == "posts.post_published.v1")
    number = rig.books.value("posts", "SELECT max(id) FROM posts") + 1_000_000
    data = known["data"] | {"id": number}
    event = known | {"id": f"late-{uuid.uuid4()}", "subject": str(number), "data": data}
    open_bus(rig.stack.environment("social")["BUS_URL"]).send(
        "social", [Message(event["id"], event["type"], json.dumps(event).encode())]
    )
    handled = f"SELECT 1 FROM inbox WHERE event_id = '{event['id']}'"
    soon(lambda: rig.books.rows("social", handled))
    assert rig.books.rows("social", f"SELECT 1 FROM cards WHERE id = {number} AND removed AND body IS NULL")
    with rig.books.engines["social"].begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM cards WHERE id = {number}")


def done(rig: Rig, id: int) -> bool:
    """Whether auth has nothing left to do with an account that is removed."""
    waiting = f"SELECT 1 FROM users WHERE id = {id} AND username <> ''"
    unsent = "SELECT 1 FROM mails WHERE last AND state = 'queued'"
    return not rig.books.rows("auth", waiting) and not rig.books.rows("auth", unsent)


def traces(rig: Rig, words: dict[str, str]) -> list[str]:
    """Where any of these words is: every column of every table, every log, and whatever SQLite has on the
    disk.
    """
    found = []
    for service in SERVICES:
        engine = rig.books.engines[service]
        tables = sa.inspect(engine).get_table_names()
        for table in tables:
            rows = rig.books.rows(service, f'SELECT * FROM "{table}"')
            text = "\n".join(plain(value) for row in rows for value in row)
            found += [f"{name} in {service}.{table}" for name, word in words.items() if word in text]
    for path in [
        *rig.stack.logs.glob("*.log"),
        *rig.stack.data.glob("*.sqlite"),
        *rig.stack.data.glob("*-wal"),
    ]:
        text = path.read_bytes().decode(errors="replace") if path.exists() else ""
        found += [f"{name} in {path.name}" for name, word in words.items() if word in text]
    return found


def plain(value: object) -> str:
    return bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value)


def revived(rig: Rig, id: int) -> list[str]:
    """What is there again, or still, of somebody who is gone."""
    questions = {
        "posts": ["posts WHERE author_id = {} AND removed_at IS NULL", "people WHERE id = {} AND NOT removed",
                  "comments WHERE author_id = {} AND removed_at IS NULL"],
        "social": ["cards WHERE author_id = {} AND NOT removed", "people WHERE id = {} AND NOT removed",
                   "follows WHERE active AND (follower_id = {0} OR followed_id = {0})"],
    }  # fmt: skip
    asked = [(service, text.format(id)) for service, texts in questions.items() for text in texts]
    return [text for service, text in asked if rig.books.rows(service, f"SELECT 1 FROM {text}")]


def receipts(rig: Rig, words: dict[str, str]) -> int:
    mails = [path.read_text() for path in (rig.stack.data / "mail").glob("*.eml")]
    mine = [mail for mail in mails if f"\nTo: {words['email']}\n" in mail]
    return sum("Your Account Has Been Removed" in mail for mail in mine)


def removed_amid_deaths(
    rig: Rig, member: Member, words: dict[str, str], events: list[tuple[str, bytes]]
) -> int:
    """Returns the status of a post that is written with a token of before, straight at its service."""
    token = member.person.token
    answer = member.person.ask(
        "DELETE", "/users/me", json={"password": PASSWORD}, auth=(words["email"], PASSWORD)
    )
    assert answer.status_code == 202, answer.text
    rig.books.gone.add(member.id)
    said_again(rig, events, fresh=True)
    direct = f"http://127.0.0.1:{rig.stack.ports['posts']}/api/v1/posts/"
    member.person.token = token
    late = member.person.ask("POST", direct, json={"body": words["post"]}).status_code
    for _ in range(long(8, 3)):
        rig.revive()
        rig.stack.kill("auth-worker")
        rig.stack.kill("social-worker")
        rig.revive()
        time.sleep(0.3)
    within(limit(60), lambda: rig.revive() or done(rig, member.id))
    return int(late)


def last_traces(rig: Rig, words: dict[str, str], deadline: float) -> list[str]:
    while (left := traces(rig, words)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left


def test_an_account_that_is_removed_leaves_no_trace_and_does_not_come_back(rig):
    others = rig.members(2, patience=10)
    member, words = somebody(rig, others)
    lives(rig, member, words, others)
    rig.check()
    events = history(rig, member.id)
    hits = [rig.arm(place, "die") for place in PLACES]
    with Load(others, RATE, SEED):
        began = time.monotonic()
        late = removed_amid_deaths(rig, member, words, events)
        took = time.monotonic() - began
    killed = sum(hit.exists() for hit in hits)
    rig.disarm()
    rig.revive()
    rig.stack.ready()
    for fresh in (False, True):
        said_again(rig, events, fresh)
    said_for_the_first_time(rig, events)
    rig.check()
    left = last_traces(rig, words, began + limit(60))
    measured = (
        f"{len(left)} traces of {len(words)} words, {len(revived(rig, member.id))} resurrected,"
        f" {receipts(rig, words)} receipt, done after {took:.1f} s, a token still good got {late}"
    )
    injected = (
        f"removed under load, {killed} deaths at failpoints, workers killed, {len(events)} events again × 3"
    )
    told("F14", rig.kind, injected, measured, "0 traces, 0 resurrected, 1 receipt, ≤ 60 s")
    assert left == []
    assert revived(rig, member.id) == []
    assert receipts(rig, words) == 1
    assert late in (201, 401)
    assert member.person.get("/users/me").status_code == 401
