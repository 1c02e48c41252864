"""What auth and posts say: twice, late, in any order."""

import random

import pytest

from .states import (
    DAVID,
    JOHN,
    MORNING,
    SUSAN,
    a_person,
    a_post,
    a_removed_person,
    a_removed_post,
    as_,
    comments,
    follow,
    ids,
    post_data,
    tables,
    the_golden_example,
    timeline,
)


def shown(social, id=JOHN):
    return timeline(social, id)["posts"]


def test_late_news_do_not_undo_a_rename(social):
    a_post(social, 1, JOHN)
    a_person(social, JOHN, "johnny", version=2)
    a_person(social, JOHN, "john", version=1)
    assert shown(social)[0]["author"]["username"] == "johnny"


def test_the_same_version_again_repairs_a_copy(social):
    a_person(social, JOHN, "wrong", version=2)
    a_person(social, JOHN, "right", version=2)
    a_post(social, 1, JOHN, body="wrong", count=5, author_post_count_version=3)
    a_post(social, 1, JOHN, body="right", count=1, author_post_count_version=3)
    [post] = shown(social)
    assert (post["author"]["username"], post["body"], timeline(social, JOHN)["count"]) == (
        "right",
        "right",
        1,
    )


def test_a_post_may_come_before_its_author(social):
    a_post(social, 1, DAVID)
    assert follow(social, JOHN, DAVID).status_code == 201
    assert shown(social)[0]["author"]["username"] is None
    a_person(social, DAVID, "david")
    assert shown(social)[0]["author"]["username"] == "david"


def test_a_number_of_comments_may_come_before_its_post(social):
    a_person(social, JOHN)
    comments(social, 1, 3, 3)
    assert (shown(social), timeline(social, JOHN)["count"]) == ([], 0)
    a_post(social, 1, JOHN, comment_count=0, comment_count_version=0)
    assert [post["comment_count"] for post in shown(social)] == [3]


@pytest.mark.parametrize(
    "type", ["posts.comment_published.v1", "posts.comment_moderated.v1", "posts.comment_removed.v1"]
)
def test_only_a_newer_number_of_comments_counts(social, type):
    a_post(social, 1, JOHN)
    comments(social, 1, 5, 7, type)
    comments(social, 1, 6, 6, type)
    assert shown(social)[0]["comment_count"] == 5


def test_a_post_costs_four_statements_beside_its_transaction(social):
    a_person(social, JOHN)
    began = social.statements(lambda: a_post(social, 1, JOHN))
    assert 4 <= began <= 5  # SQLite is told to begin
    assert shown(social)[0]["author"]["id"] == JOHN


def test_a_late_publication_does_not_bring_a_removed_post_back(social):
    a_removed_post(social, 1, JOHN)
    a_post(social, 1, JOHN, count=1)
    a_post(social, 1, JOHN, version=2, count=1)
    assert (shown(social), timeline(social, JOHN)["count"]) == ([], 0)


def test_a_removed_post_leaves_no_text(social):
    a_post(social, 1, JOHN)
    a_removed_post(social, 1, JOHN)
    [card] = tables(social)["cards"]
    assert "post" not in repr(card)


def test_a_late_edit_does_not_undo_a_newer_one(social):
    a_post(social, 1, JOHN, version=3, body="third")
    a_post(social, 1, JOHN, version=2, body="second")
    a_post(social, 1, JOHN, version=1, body="first")
    assert shown(social)[0]["body"] == "third"


def test_only_a_newer_number_of_posts_counts(social):
    a_post(social, 2, JOHN, count=2)
    a_post(social, 1, JOHN, count=1)
    assert (ids(timeline(social, JOHN)), timeline(social, JOHN)["count"]) == ([2, 1], 2)


def test_a_removed_person_leaves_no_name_and_does_not_come_back(social):
    a_person(social, JOHN, "john")
    a_removed_person(social, JOHN)
    a_person(social, JOHN, "john", version=8)
    assert as_(social, SUSAN).get(f"/api/v1/users/{JOHN}/timeline/").status_code == 404
    assert "john" not in repr(tables(social)["people"])


def test_a_removed_persons_follows_end_on_both_sides(social):
    the_golden_example(social)
    follow(social, DAVID, SUSAN)
    social.outbox()
    a_removed_person(social, SUSAN)
    a_removed_person(social, SUSAN)
    found = {id: as_(social, JOHN).get(f"/api/v1/users/{id}/relationship").json for id in (JOHN, DAVID)}
    counts = {id: (one["follower_count"], one["following_count"]) for id, one in found.items()}
    assert counts == {JOHN: (0, 1), DAVID: (1, 0)}
    assert ids(timeline(social, DAVID)) == [3]
    assert {row[:2]: row[3:] for row in tables(social)["follows"]} == {
        (JOHN, DAVID): (True, 1),
        (SUSAN, JOHN): (False, 2),
        (SUSAN, DAVID): (False, 2),
        (DAVID, SUSAN): (False, 2),
    }
    assert social.outbox() == []


def test_late_news_of_a_removed_person_end_nothing(social):
    a_person(social, DAVID, version=12)
    follow(social, JOHN, DAVID)
    a_removed_person(social, DAVID, version=9)
    assert as_(social, JOHN).get(f"/api/v1/users/{DAVID}/relationship").json["following"] is True


def test_members_that_are_not_read_may_be_anything(social):
    a_person(social, JOHN, colour="green", member_since=3)
    a_post(social, 1, JOHN, mood="good")
    assert social.parked() == []


def test_what_cannot_be_read_is_put_aside_with_its_reason(social):
    a_post(social, 1, JOHN, author_id="nobody")
    a_post(social, 2, JOHN, author_id=2**63)
    assert [row["reason"].split(":")[0] for row in social.parked()] == ["data.author_id"] * 2
    assert tables(social)["cards"] == []


def history(some):
    """What auth and posts say, in the order in which it happened: (type, subject, version, data)."""
    said, counts, versions, open_posts = [], {}, {}, {}
    for id in (1, 2, 3):
        person = {"id": id, "username": f"user{id}", "name": None, "avatar_hash": None}
        said.append(("auth.user_registered.v1", id, 1, person))
        said.append(("auth.user_changed.v1", id, 2, person | {"username": f"new{id}"}))
    for post in range(1, some.randrange(4, 9)):
        open_posts[post] = {"by": some.choice((1, 2, 3)), "version": 0, "comments": 0, "comments_version": 0}
    for _ in range(some.randrange(10, 25)):
        id = some.choice(list(open_posts))
        said += [happens(some, id, open_posts[id], counts, versions)]
    if some.random() < 0.3:
        said.append(("auth.user_removed.v1", 3, 3, {"id": 3}))
        mine = [(id, post) for id, post in open_posts.items() if post["by"] == 3 and post["version"] > 0]
        said += [removed(id, post, counts, versions) for id, post in mine]
    return [event for event in said if event]


def removed(id, post, counts, versions):
    """Posts says so of each post of somebody who is gone."""
    counts[3], versions[3] = counts[3] - 1, versions[3] + 1
    numbers = {"author_post_count": counts[3], "author_post_count_version": versions[3]}
    return ("posts.post_removed.v1", id, post["version"] + 1, {"id": id, "author_id": 3} | numbers)


def happens(some, id, post, counts, versions):
    """Something happens to a post: published, edited, commented, or removed for good."""
    by = post["by"]
    if post["version"] < 0:
        return None
    if post["version"] and some.random() < 0.4:
        post["comments"] += some.choice((1, 1, -1)) if post["comments"] else 1
        post["comments_version"] += 1
        told = {"post_id": id, "post_comment_count": post["comments"]}
        told["post_comment_count_version"] = post["comments_version"]
        return (f"posts.comment_{some.choice(('published', 'moderated', 'removed'))}.v1", id, 1, told)
    gone, first = post["version"] and some.random() < 0.3, not post["version"]
    counts[by] = counts.get(by, 0) + (1 if first else -1 if gone else 0)
    versions[by] = versions.get(by, 0) + 1
    post["version"] += 1
    numbers = {"author_post_count": counts[by], "author_post_count_version": versions[by]}
    if gone:
        version, post["version"] = post["version"], -1
        return ("posts.post_removed.v1", id, version, {"id": id, "author_id": by} | numbers)
    told = post_data(id, by) | numbers | {"body": f"text {post['version']}"}
    told |= {"comment_count": post["comments"], "comment_count_version": post["comments_version"]}
    edited = None if first else MORNING.isoformat()
    type = "posts.post_published.v1" if first else "posts.post_edited.v1"
    return (type, id, post["version"], told | {"edited_at": edited})


def told(social, said):
    """The tables after these events, from empty ones."""
    with social.app.app_context():
        db = social.app.extensions["sqlalchemy"]
        with db.engine.begin() as connection:
            for table in reversed(db.metadata.sorted_tables):
                connection.execute(table.delete())
    for type, subject, version, data in said:
        social.receive(type, subject, version, data)
    return tables(social)


@pytest.mark.parametrize("block", range(8))
def test_any_order_and_repetition_gives_the_same_tables(social, block):
    """F8, on 80 histories for each database: shuffled, and some said up to five times."""
    for seed in range(block * 10, block * 10 + 10):
        some = random.Random(seed)
        said = history(some)
        expected = told(social, said)
        shuffled = [event for event in said for _ in range(some.choice((1, 1, 1, 2, 5)))]
        some.shuffle(shuffled)
        assert told(social, shuffled) == expected, f"seed {seed}"
        assert social.parked() == []
        check(expected)


def check(found):
    """Every person's numbers are those of the cards."""
    for id, *_, post_count, _, _, latest_id, _, _ in found["people"]:
        live = [(card[4], card[0]) for card in found["cards"] if card[1] == id and card[4]]
        assert post_count == len(live)
        assert latest_id == (max(live)[1] if live else None)
