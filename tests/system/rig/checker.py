"""The invariants I1-I6, read directly from every database of the blog and from its logs.

I1 each 2xx write exists once. I2 each other one at most once, and its key gives one answer. I3 each fact has
exactly one event, handled once by each subscriber. I4 copies equal what their owners hold. I5 nothing private
in another database, an event or a log. I6 no 500 without a log line with its request id.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from chassis.testing.polling import eventually
from deploy.local.stack import SERVICES, Stack

from .books import Books
from .load import Ledger, Promise
from .privacy import not_private

LIVE = "removed_at IS NULL"
AGAIN = ("user_removed.v1", "user_forgotten.v1")  # said as often as it takes


def settle(books: Books, within: float = 120.0) -> float:
    """Waits until nothing is on its way; returns the seconds it took."""
    began = time.monotonic()
    deadline = began + within
    while waiting := books.waiting():
        assert time.monotonic() < deadline, f"after {within} s: {waiting}"
        time.sleep(0.05)
    return time.monotonic() - began


def check(stack: Stack, books: Books, ledger: Ledger, within: float = 120.0) -> float:
    """Settles, then asserts every invariant. Returns the seconds until it was settled."""
    took = settle(books, within)
    wrong = [*broken_promises(books, ledger), *doubled_or_missing_events(books), *not_private(stack, books)]
    wrong += unlogged_errors(stack, ledger)
    wrong += wrong_copies(books)
    assert not wrong, "\n".join(wrong[:20])
    return took


def broken_promises(books: Books, ledger: Ledger) -> Iterable[str]:
    """I1 and I2."""
    yield from lost_or_doubled_creations(books, ledger)
    yield from changing_answers(ledger)
    actual = states(books)
    for subject, allowed in expected(ledger, books.gone).items():
        found = actual.get(subject, False if subject[0] == "follows" else None)
        if found not in allowed:
            yield f"{subject} is {found!r}, promised was one of {allowed!r}"


def lost_or_doubled_creations(books: Books, ledger: Ledger) -> Iterable[str]:
    events = books.events()
    for kind in ("post", "comment"):
        found = Counter(
            (event["data"]["author_id"], event["data"]["body"])
            for event in events
            if event["type"] == f"posts.{kind}_published.v1" and event["data"]
        )
        ids = {id for (id,) in books.rows("posts", f"SELECT id FROM {kind}s")}
        made = [
            promise for promise in ledger.promises if promise.kind == kind and promise.by not in books.gone
        ]
        for promise in made:
            times = found[promise.by, promise.state]
            least = int(promise.outcome == "done")
            if not least <= times <= int(promise.outcome != "refused"):
                yield f"{kind} {promise.state!r} ({promise.outcome}) was written {times} times"
            if least and promise.made not in ids:
                yield f"{kind} {promise.made} was promised and is not there"


def changing_answers(ledger: Ledger) -> Iterable[str]:
    for promise in (promise for promise in ledger.promises if promise.key):
        made = {each.body["id"] for each in promise.tries if each.status == 201}
        if len(made) > 1:
            yield f"the key {promise.key} gave different things: {made}"


def expected(ledger: Ledger, gone: set[int]) -> dict[tuple[Any, ...], set[Any]]:
    """For each subject the states it may be in: the last promised one, or also those asked for in vain."""
    allowed: dict[tuple[Any, ...], set[Any]] = {}
    for promise in ledger.promises:
        subject = promise.subject
        if promise.kind == "post" and promise.outcome == "done":
            subject = ("posts", promise.made)
        if not subject or promise.outcome == "refused":
            continue
        if promise.by in gone or (subject[0] != "posts" and gone.intersection(subject[1:])):
            continue
        if promise.outcome == "done":
            allowed[subject] = {promise.state}
        else:
            allowed.setdefault(subject, {None, False}).add(promise.state)
    return allowed


def states(books: Books) -> dict[tuple[Any, ...], Any]:
    found: dict[tuple[Any, ...], Any] = {}
    found |= {("posts", id): body for id, body in books.rows("posts", "SELECT id, body FROM posts")}
    ties = books.rows("social", "SELECT follower_id, followed_id, active FROM follows")
    found |= {("follows", follower, followed): bool(active) for follower, followed, active in ties}
    people = "SELECT u.id, r.name, u.name FROM users u JOIN roles r ON r.id = u.role_id"
    found |= {("users", id): (role, name) for id, role, name in books.rows("auth", people)}
    return found


def doubled_or_missing_events(books: Books) -> Iterable[str]:
    """I3: versions 1..n of each subject have one event each; no event is left over or parked."""
    events = books.events()
    told = Counter(
        (event["type"].split("_")[0], event["subject"], event["version"])
        for event in events
        if not event["type"].endswith(AGAIN)
    )
    again = {e["subject"]: e["version"] for e in events if e["type"] == "auth.user_removed.v1"}
    told += Counter(("auth.user", subject, version) for subject, version in again.items())
    facts = Counter(fact for source in (subjects(books)) for fact in source)
    ended = {fact for fact in facts if fact[0] == "social.user" and ends_with(fact[1], books.gone)}
    if missing := [fact for fact in facts - told if fact not in ended]:
        yield f"facts without an event: {sorted(missing)[:5]}"
    if doubled := told - facts:
        yield f"events without a fact, or doubled: {sorted(doubled)[:5]}"
    for service in SERVICES:
        for reason, type in books.rows(service, "SELECT reason, type FROM parked"):
            yield f"{service} has parked {type}: {reason}"
    if waiting := books.unhandled():
        yield waiting


def ends_with(subject: str, gone: set[int]) -> bool:
    """The follows of a removed account end with it, without an event for each."""
    return not gone.isdisjoint(map(int, subject.split(":")))


def subjects(books: Books) -> Iterable[Iterable[tuple[str, str, int]]]:
    def versions(prefix: str, service: str, query: str) -> Iterable[tuple[str, str, int]]:
        for subject, newest in books.rows(service, query):
            yield from ((prefix, str(subject), version) for version in range(1, newest + 1))

    yield versions("auth.user", "auth", "SELECT id, version FROM users")
    yield versions("posts.post", "posts", "SELECT id, version FROM posts")
    yield from (comment_versions(books),)
    pairs = "SELECT CAST(follower_id AS TEXT) || ':' || CAST(followed_id AS TEXT), version FROM follows"
    yield versions("social.user", "social", pairs)


def comment_versions(books: Books) -> Iterable[tuple[str, str, int]]:
    """The comments of a removed post go with it: their last version has no event of its own."""
    query = (
        "SELECT c.id, c.version - CASE WHEN c.removed_at IS NOT NULL AND c.removed_at >= p.removed_at"
        " THEN 1 ELSE 0 END FROM comments c JOIN posts p ON p.id = c.post_id"
    )
    for id, newest in books.rows("posts", query):
        yield from (("posts.comment", str(id), version) for version in range(1, newest + 1))


def differing(what: str, owner: Iterable[Any], copy: Iterable[Any]) -> Iterable[str]:
    here, there = set(owner), set(copy)
    if here != there:
        yield f"{what}: owner {sorted(here - there, key=str)[:3]}, copy {sorted(there - here, key=str)[:3]}"


def wrong_copies(books: Books) -> Iterable[str]:
    """I4."""
    person = "SELECT id, nullif(username, ''), name, nullif(avatar_hash, ''), version FROM"
    users = books.rows("auth", f"{person} users")
    for service in ("posts", "social"):
        yield from differing(f"people of {service}", users, books.rows(service, f"{person} people"))
    card = "SELECT id, author_id, version, comment_count, {} FROM {}"
    live = books.rows("posts", card.format("body", f"posts WHERE {LIVE}"))
    yield from differing("cards", live, books.rows("social", card.format("body", "cards WHERE NOT removed")))
    gone = books.rows("posts", f"SELECT id FROM posts WHERE NOT ({LIVE})")
    yield from differing("removed cards", gone, books.rows("social", "SELECT id FROM cards WHERE removed"))
    counts = dict(
        books.rows("posts", f"SELECT author_id, count(*) FROM posts WHERE {LIVE} GROUP BY author_id")
    )
    kept = [(id, counts.get(id, 0)) for id, *_ in users]
    for service, table in (("auth", "users"), ("social", "people")):
        found = books.rows(service, f"SELECT id, post_count FROM {table}")
        yield from differing(f"numbers of posts in {service}", kept, found)
    yield from wrong_numbers(books)


def wrong_numbers(books: Books) -> Iterable[str]:
    """Numbers that are kept instead of counted, each in its own database."""
    for kind in ("posts", "comments"):
        kept = books.value("posts", f"SELECT coalesce(sum(n), 0) FROM tallies WHERE kind = '{kind}'")
        counted = books.value("posts", f"SELECT count(*) FROM {kind} WHERE {LIVE}")
        if int(kept) != counted:
            yield f"the total of {kind} is kept as {kept}, counted {counted}"
    comments = f"(SELECT count(*) FROM comments c WHERE c.post_id = p.id AND c.{LIVE})"
    for id, kept, counted in books.rows(
        "posts", f"SELECT id, comment_count, {comments} FROM posts p WHERE p.{LIVE}"
    ):
        if kept != counted:
            yield f"post {id} has {counted} comments and says {kept}"
    for one, other in (("follower", "followed"), ("following", "follower")):
        ties = f"(SELECT count(*) FROM follows f WHERE f.{other}_id = p.id AND f.active)"
        for id, kept, counted in books.rows("social", f"SELECT id, {one}_count, {ties} FROM people p"):
            if kept != counted:
                yield f"person {id}: {one}_count is {kept}, counted {counted}"


def unlogged_errors(stack: Stack, ledger: Ledger) -> Iterable[str]:
    """I6; and a 500 is a fault in any case."""
    failed = [each for each in ledger.tries() if each.status == 500 and id(each) not in ledger.told]
    ledger.told |= set(map(id, failed))
    logs = "".join(path.read_text(errors="replace") for path in stack.logs.glob("*.log")) if failed else ""
    for each in failed:
        logged = "" if each.request_id and each.request_id in logs else ", and no log line has its request id"
        yield f"an answer 500 after {each.seconds:.2f} s{logged}"


def repeated(member: Any, promise: Promise) -> bool:
    """Whether the same request with its key gives the original answer."""
    again = member.once(promise)
    return again.status == 201 and again.body["id"] == promise.made


def soon(question: Callable[[], Any], within: float = 60.0) -> Any:
    """For what is not measured: a busy machine may take its time."""
    return eventually(question, within=within)
