"""Copies against their owners: whatever is wrong with one is found by `flask audit` and repaired."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from chassis.audit import owners
from chassis.events import now
from chassis.testing.service import served
from services.auth.tests import states as auth_states
from services.posts.tests.states import USER, a_comment, a_post
from services.social.tests.states import post_data

PEOPLE = ("ann", "ben", "cleo", "dora")
LISTENERS = {"auth": ("posts", "social"), "posts": ("auth", "social"), "social": ("auth",)}
OWNED = {"posts": ("auth",), "auth": ("posts",), "social": ("auth", "posts")}


@pytest.fixture
def world(auth, posts, social):
    """Four people, posts, comments and follows; every event has arrived, and each can ask the others."""
    doors = {"auth": auth, "posts": posts, "social": social}
    for name in PEOPLE:
        auth_states.registered(auth, name, "correct horse 7")
    deliver(doors)
    for number, by in enumerate(("ann", "ann", "ben", "cleo", "ann", "ben"), 1):
        post = a_post(posts, f"post {number}", by=by)
        if number in (1, 3):
            a_comment(posts, post, by="ben")
    posts.as_("ann", USER).delete("/api/v1/posts/2")
    deliver(doors)
    for follower, followed in ((1, 2), (2, 1), (3, 1)):
        social.as_(PEOPLE[follower - 1], 1, id=follower).put(f"/api/v1/users/{followed}/follow")
    with served(auth) as at_auth, served(posts) as at_posts:
        for name, door in doors.items():
            known = {"auth": at_auth, "posts": at_posts}
            for owner in OWNED[name]:
                setattr(door.app.extensions["settings"], f"{owner}_url", known[owner])
        yield doors


def deliver(doors, to=""):
    """Everything said reaches everybody who listens, or one of them, and then a watermark."""
    for source, listeners in LISTENERS.items():
        listeners = [name for name in listeners if to in ("", name)]
        for event in doors[source].outbox():
            for name in listeners:
                if event.type in doors[name].app.extensions["consumers"].types:
                    doors[name].receive(event.type, event.subject, event.version, event.data, id=event.id)
        for name in listeners:
            doors[name].heard(source, now() + timedelta(minutes=1))


def sql(door, statement):
    with door.app.app_context():
        db = door.app.extensions["sqlalchemy"]
        done = db.session.execute(sa.text(statement)).rowcount
        db.session.commit()
    return done


def rows(door, table):
    with door.app.app_context():
        db = door.app.extensions["sqlalchemy"]
        return sorted(map(tuple, db.session.execute(sa.select(db.metadata.tables[table]))), key=repr)


def audit(door, *words):
    return door.app.test_cli_runner().invoke(args=["audit", *words])


CORRUPTIONS = {
    "posts people": [
        "UPDATE people SET username = 'mallory' WHERE id = 1",
        "UPDATE people SET name = 'Somebody', version = 99 WHERE id = 2",
        "UPDATE people SET avatar_hash = NULL, version = 0 WHERE id = 2",
        "UPDATE people SET removed = true, username = NULL WHERE id = 3",
        "DELETE FROM people WHERE id = 4",
        "INSERT INTO people (id, username, version, removed) VALUES (77, 'ghost', 3, false)",
        "DELETE FROM people",
    ],
    "social people": [
        "UPDATE people SET username = 'mallory' WHERE id = 1",
        "UPDATE people SET name = 'Somebody', version = 99 WHERE id = 2",
        "UPDATE people SET removed = true, username = NULL WHERE id = 3",
        "UPDATE people SET post_count = 40 WHERE id = 1",
        "UPDATE people SET post_count = 40, post_count_version = 99 WHERE id = 1",
        "UPDATE people SET post_count = 1, post_count_version = 0 WHERE id = 1",
        "UPDATE people SET post_count = 7 WHERE id = 4",
        "UPDATE people SET follower_count = 9, following_count = -1 WHERE id = 1",
        "UPDATE people SET latest_at = NULL, latest_id = NULL WHERE id = 1",
        "UPDATE people SET latest_id = 1 WHERE id = 1",
        "INSERT INTO people (id, username, version) VALUES (77, 'ghost', 3)",
        "DELETE FROM people WHERE id = 4",
        "DELETE FROM people",
    ],
    "social cards": [
        "UPDATE cards SET body = 'forged' WHERE id = 1",
        "UPDATE cards SET body_html = 'forged', version = 99 WHERE id = 1",
        "UPDATE cards SET published_at = '2020-01-01 00:00:00', version = 0 WHERE id = 5",
        "UPDATE cards SET author_id = 3 WHERE id = 5",
        "UPDATE cards SET comment_count = 40 WHERE id = 1",
        "UPDATE cards SET comment_count = 40, comment_count_version = 99 WHERE id = 1",
        "UPDATE cards SET comment_count = 0, comment_count_version = 0 WHERE id = 1",
        "UPDATE cards SET removed = true, published_at = NULL, body = NULL, body_html = NULL WHERE id = 1",
        "UPDATE cards SET removed = false, body = 'back', published_at = '2030-01-01 00:00:00' WHERE id = 2",
        "INSERT INTO cards (id, author_id, body, body_html, published_at, version)"
        " VALUES (77, 1, 'ghost', 'ghost', '2030-01-01 00:00:00', 3)",
        "DELETE FROM cards WHERE id = 5",
        "DELETE FROM cards",
    ],
    "auth users": [
        "UPDATE users SET post_count = 40 WHERE id = 1",
        "UPDATE users SET post_count = 40, post_count_version = 99 WHERE id = 1",
        "UPDATE users SET post_count = 1, post_count_version = 0 WHERE id = 1",
        "UPDATE users SET post_count = 7 WHERE id = 4",
    ],
}


@pytest.mark.parametrize("copy", CORRUPTIONS)
def test_whatever_is_wrong_with_a_copy_is_found_and_repaired(world, copy):
    service, table = copy.split()
    door = world[service]
    right = {name: rows(door, name) for name in {table, "people" if service == "social" else table}}
    for corruption in CORRUPTIONS[copy]:
        assert sql(door, corruption), corruption
        counted = audit(door, "--dry-run")
        assert counted.exit_code == 1, f"{corruption} is not found: {counted.output}"
        repaired = audit(door)
        assert repaired.exit_code == 0, f"{corruption}: {repaired.output}"
        for name, before in right.items():
            assert rows(door, name) == before, f"{corruption}: {repaired.output}"
        assert audit(door, "--dry-run").exit_code == 0


def test_somebody_of_whom_auth_knows_nothing_goes_with_their_follows(world):
    """As when auth was put back to before they came."""
    social = world["social"]
    right = rows(social, "people")
    assert sql(social, "INSERT INTO people (id, username, version) VALUES (77, 'ghost', 3)")
    for follower, id, followed in (("cleo", 3, 77), ("ghost", 77, 1)):
        followed = social.as_(follower, 1, id=id).put(f"/api/v1/users/{followed}/follow")
        assert followed.status_code == 201
    assert audit(social).exit_code == 0
    assert rows(social, "people") == right
    ended = [row[3:] for row in rows(social, "follows") if 77 in row[:2]]
    assert ended == [(False, 2), (False, 2)]  # later than what was said of them when they began


def test_a_card_of_which_posts_knows_nothing_goes_and_its_author_has_their_newest_post_again(world):
    """At once: a timeline is put together from that, and numbers are compared later, by another pass."""
    social = world["social"]
    right = {name: rows(social, name) for name in ("people", "cards")}
    [ben] = [row for row in world["posts"].snapshot("posts.author_counts") if row.data["author_id"] == 2]
    post = post_data(77, 2, published_at="2030-01-01T00:00:00+00:00") | ben.data
    social.receive("posts.post_published.v1", 77, 1, post)
    assert rows(social, "people") != right["people"]
    found = audit(social)
    assert found.exit_code == 0
    assert {name: rows(social, name) for name in right} == right
    [numbers] = [line for line in found.output.splitlines() if line.startswith("numbers of people")]
    assert "0 differing" in numbers


def test_a_part_that_is_newer_is_kept_when_another_part_is_repaired(world, monkeypatch):
    """A card's text is wrong; meanwhile a comment was written, and news of it have come."""
    posts, social = world["posts"], world["social"]
    assert sql(social, "UPDATE cards SET body = 'forged' WHERE id = 1")
    page, asked = owners.page, []

    def answer(copy, *given):
        told = page(copy, *given)
        asked.append(copy.name)
        if asked.count("cards") == 2 and asked[-1] == "cards":
            a_comment(posts, {"id": 1}, by="cleo")
            deliver(world, to="social")
        return told

    monkeypatch.setattr(owners, "page", answer)
    assert audit(social).exit_code == 0
    monkeypatch.undo()
    [card] = [row for row in rows(social, "cards") if row[0] == 1]
    assert (card[2], card[7]) == ("post 1", 2)
    assert audit(social, "--dry-run").exit_code == 0


@pytest.mark.parametrize("service", OWNED)
def test_nothing_is_found_where_nothing_is_wrong(world, service):
    found = audit(world[service])
    assert (found.exit_code, "looked at" in found.output) == (0, True)
    assert all("0 differing, 0 missing, 0 extra, 0 repaired" in line for line in found.output.splitlines())


def test_everything_that_is_copied_is_declared(world):
    names = {
        service: [copy.name for copy in door.app.extensions["consumers"].copies]
        for service, door in world.items()
    }
    assert names == {
        "auth": ["numbers of posts"],
        "posts": ["people"],
        "social": ["people", "numbers of posts", "cards", "numbers of people"],
    }


def test_a_removed_account_is_not_drift_and_somebody_brought_back_is(world):
    auth, posts, social = world["auth"], world["posts"], world["social"]
    ann = auth_states.of(auth).signed_in("ann", "correct horse 7")
    gone = ann.delete("/api/v1/users/me", json={"password": "correct horse 7"})
    assert gone.status_code == 202, gone.text
    settled(world)
    for door in world.values():
        found = audit(door, "--dry-run")
        assert found.exit_code == 0, found.output
    for door in (posts, social):
        assert sql(door, "UPDATE people SET removed = false, username = 'ann', name = 'Ann' WHERE id = 1")
        assert audit(door).exit_code == 0
        with door.app.app_context():
            people = door.app.extensions["sqlalchemy"].metadata.tables["people"]
            found = door.app.extensions["sqlalchemy"].row(sa.select(people).where(people.c.id == 1))
        assert (bool(found["removed"]), found["username"], found["name"]) == (True, None, None)


def test_a_removed_account_is_not_drift_while_another_service_has_still_to_erase_it(world, caplog):
    """social keeps nothing of the texts, and posts still tells them."""
    auth, social = world["auth"], world["social"]
    ann = auth_states.of(auth).signed_in("ann", "correct horse 7")
    assert ann.delete("/api/v1/users/me", json={"password": "correct horse 7"}).status_code == 202
    deliver(world, to="social")
    forged = ("UPDATE cards SET author_id = 3 WHERE id = 5", "DELETE FROM cards WHERE id = 1")
    for _ in range(2):
        found = audit(social)
        assert (found.exit_code, found.output.count("0 differing, 0 missing, 0 extra, 0 repaired")) == (0, 4)
        social.job("forget people")
    blank = rows(social, "cards")
    for corruption in forged:
        assert sql(social, corruption)
        assert audit(social).exit_code == 0
        assert rows(social, "cards") == blank, corruption
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def settled(world):
    """What the workers do about a removal, until nothing is left to do."""
    for _ in range(6):
        deliver(world)
        for door in world.values():
            for job in door.app.extensions["jobs"]:
                if job.name in ("removals", "forget people"):
                    with door.app.app_context():
                        job.run(door.app)
