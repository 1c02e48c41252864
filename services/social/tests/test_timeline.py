"""Timelines: whose posts, in which order, how many, and what they cost."""

import random
import re
from itertools import pairwise

import pytest
import sqlalchemy as sa

from social.queries.merging import HEADS, POSTGRESQL, SHOWN, SQLITE

from .states import (
    DAVID,
    JOHN,
    MORNING,
    SUSAN,
    USER,
    a_person,
    a_post,
    a_removed_person,
    a_removed_post,
    as_,
    comments,
    follow,
    ids,
    the_golden_example,
    timeline,
)


def test_the_golden_example(social):
    the_golden_example(social)
    assert ids(timeline(social, SUSAN)) == [4, 3, 2, 1]
    assert ids(timeline(social, JOHN)) == [4, 3, 2]
    assert ids(timeline(social, DAVID)) == [3]
    assert [timeline(social, id)["count"] for id in (SUSAN, JOHN, DAVID)] == [4, 3, 1]


def test_a_post_looks_as_posts_shows_it(social):
    a_person(social, JOHN, "john")
    a_post(social, 4, JOHN, comment_count=2, comment_count_version=3)
    [shown] = timeline(social, JOHN)["posts"]
    assert shown == {
        "id": 4,
        "url": "http://localhost:8000/api/v1/posts/4",
        "body": "post *4*",
        "body_html": "<p>post <em>4</em></p>",
        "timestamp": "2026-01-01T09:04:00Z",
        "author_url": "http://localhost:8000/api/v1/users/1",
        "comments_url": "http://localhost:8000/api/v1/posts/4/comments/",
        "comment_count": 2,
        "author": {
            "id": 1,
            "username": "john",
            "avatar_url": f"http://localhost:8000/avatar/{1:032x}.svg",
            "url": "http://localhost:8000/api/v1/users/1",
        },
    }


def test_anybody_may_read_anybodys(social):
    the_golden_example(social)
    assert ids(timeline(social, SUSAN, reader=DAVID)) == [4, 3, 2, 1]


def test_nobodys_timeline_is_not_there(social):
    a_removed_person(social, 8)
    assert as_(social, JOHN).get("/api/v1/users/9/timeline/").status_code == 404
    assert as_(social, JOHN).get("/api/v1/users/8/timeline/").status_code == 404


def test_the_reader_exists_before_the_news_of_it(social):
    answer = as_(social, 77).get("/api/v1/users/77/timeline/")
    assert (answer.status_code, answer.json["posts"], answer.json["count"]) == (200, [], 0)


def test_following_and_unfollowing_hold_at_once(social):
    the_golden_example(social)
    as_(social, SUSAN).delete(f"/api/v1/users/{JOHN}/follow")
    assert (ids(timeline(social, SUSAN)), timeline(social, SUSAN)["count"]) == ([3, 1], 2)
    follow(social, SUSAN, JOHN)
    assert ids(timeline(social, SUSAN)) == [4, 3, 2, 1]


def test_a_rename_an_edit_and_a_comment_show_at_once(social):
    the_golden_example(social)
    a_person(social, JOHN, "johnny", version=2)
    a_post(social, 4, JOHN, version=2, count=2, body_html="<p>new</p>", edited_at=MORNING.isoformat())
    comments(social, 4, 1, 1)
    first = timeline(social, SUSAN)["posts"][0]
    shown = (first["author"]["username"], first["body_html"], first["comment_count"], first["timestamp"])
    assert shown == ("johnny", "<p>new</p>", 1, "2026-01-01T09:04:00Z")


def test_a_removed_post_is_gone_and_the_one_before_is_the_latest(social):
    the_golden_example(social)
    a_removed_post(social, 4, JOHN, count=1)
    assert (ids(timeline(social, SUSAN)), timeline(social, SUSAN)["count"]) == ([3, 2, 1], 3)
    a_removed_post(social, 2, JOHN, count=0, count_version=100)
    assert (ids(timeline(social, JOHN)), timeline(social, JOHN)["count"]) == ([3], 1)


def test_posts_of_the_same_moment_are_in_the_order_of_their_ids(social):
    a_person(social, JOHN)
    a_person(social, DAVID)
    follow(social, JOHN, DAVID)
    for id, by in ((1, JOHN), (2, DAVID), (3, JOHN), (4, DAVID)):
        a_post(social, id, by, count=id, published_at=MORNING.isoformat())
    assert ids(timeline(social, JOHN)) == [4, 3, 2, 1]


def test_pages_of_many_who_wrote_at_the_same_moment_are_in_that_order_too(social):
    """Whose posts compete for a page is decided by the same order, whoever they are."""
    social.app.extensions["settings"].posts_per_page = 2
    writers = [5, 9, 2, 8, 3, 7, 4, 6]
    for id, by in enumerate(writers, 1):
        a_person(social, by)
        a_post(social, id, by, published_at=MORNING.isoformat())
        follow(social, JOHN, by)
    pages = [ids(timeline(social, JOHN, page)) for page in (1, 2, 3, 4)]
    assert pages == [[8, 7], [6, 5], [4, 3], [2, 1]]


def test_a_post_with_a_lower_number_may_be_the_newer_one(social):
    """Numbers are given before the moment is, or the other way round, where two write at once."""
    social.app.extensions["settings"].posts_per_page = 1
    for by in (JOHN, DAVID):
        a_person(social, by)
    follow(social, JOHN, DAVID)
    for id, by, minute in ((1, DAVID, 10), (2, DAVID, 1), (3, JOHN, 5)):
        a_post(social, id, by, count=id, published_at=MORNING.replace(minute=minute).isoformat())
    assert [ids(timeline(social, JOHN, page)) for page in (1, 2, 3)] == [[1], [3], [2]]


def test_pages_link_to_each_other(social):
    a_person(social, JOHN)
    for id in range(1, 46):
        a_post(social, id, JOHN, count=id)
    first, second, third, beyond = (timeline(social, JOHN, page) for page in (1, 2, 3, 4))
    assert [ids(page) for page in (first, second, third, beyond)] == [
        list(range(45, 25, -1)),
        list(range(25, 5, -1)),
        list(range(5, 0, -1)),
        [],
    ]
    here = "http://localhost:8000/api/v1/users/1/timeline/"
    assert (first["prev_url"], first["next_url"], first["next"]) == (None, f"{here}?page=2", f"{here}?page=2")
    assert (third["prev_url"], third["next_url"], third["count"]) == (f"{here}?page=2", None, 45)
    assert (beyond["count"], beyond["next"]) == (45, None)
    assert ids(timeline(social, JOHN, page=1_000_000)) == []


@pytest.mark.parametrize("seed", range(6))
def test_pages_are_what_a_plain_sort_gives(social, seed):
    """However the posts are spread over silent and busy authors, and whatever the page."""
    some = random.Random(seed)
    shares = [some.choice((0, 0, 1, 3, 40)) for _ in range(60)]
    posts = [(id, some.choices(range(1, 61), shares)[0], some.randrange(150)) for id in range(1, 401)]
    fill(social, people=60, follows=[(1, id) for id in range(2, 51)], posts=posts)
    seen = range(1, 51)
    expected = [id for _, id in sorted(((at, id) for id, by, at in posts if by in seen), reverse=True)]
    for page in (1, 2, 3, 7, 12, 15):
        found = timeline(social, 1, page)
        assert ids(found) == expected[(page - 1) * 20 : page * 20]
        assert found["count"] == len(expected)


def fill(social, people, follows, posts):
    """Rows by the thousand, past the doors. `posts` are (id, author, seconds after the morning)."""
    count = {id: sum(1 for post in posts if post[1] == id) for id in range(1, people + 1)}
    latest = {by: (at, id) for at, id, by in sorted((at, id, by) for id, by, at in posts)}
    db, moment = (
        social.app.extensions["sqlalchemy"],
        lambda at: MORNING.replace(minute=at // 60, second=at % 60),
    )
    table = db.metadata.tables
    rows = {
        "people": [
            {
                "id": id,
                "version": 1,
                "removed": False,
                "post_count": count[id],
                "latest_at": moment(latest[id][0]) if id in latest else None,
                "latest_id": latest[id][1] if id in latest else None,
            }
            for id in range(1, people + 1)
        ],
        "follows": [
            {"follower_id": a, "followed_id": b, "since": MORNING, "active": True, "version": 1}
            for a, b in follows
        ],
        "cards": [
            {"id": id, "author_id": by, "body": "", "body_html": "", "published_at": moment(at), "version": 1}
            for id, by, at in posts
        ],
    }
    with social.app.app_context(), db.engine.begin() as connection:
        for name, values in rows.items():
            connection.execute(sa.insert(table[name]), values)


def test_reading_costs_one_statement(social):
    the_golden_example(social)
    timeline(social, SUSAN)
    assert social.statements(lambda: timeline(social, SUSAN)) == 1
    assert social.statements(lambda: timeline(social, SUSAN, page=9)) == 1


def test_no_page_is_found_by_going_through_all_posts(social):
    """The plans on both databases touch posts by an index only, in its order, whatever is asked for."""
    posts = [(id, id % 400 + 1, id % 3600) for id in range(1, 8001)]
    fill(social, people=400, follows=[(1, id) for id in range(2, 300)], posts=posts)
    for page in (1, 2, 30):
        for plan in plans(social, person=1, size=20, offset=(page - 1) * 20, reach=page * 20):
            assert wrong_steps(plan) == []


@pytest.mark.only_real
def test_the_rows_of_those_who_are_followed_are_found_one_by_one(social):
    """And not by going through everybody's, which PostgreSQL takes for cheaper among a thousand people."""
    follows = [(by, (by * 31 + n * 37) % 1000 + 1) for by in range(1, 41) for n in range(30)]
    fill(
        social, people=1000, follows=follows, posts=[(id, id % 1000 + 1, id % 3600) for id in range(1, 2001)]
    )
    for plan in plans(social, person=1, size=20, offset=0, reach=20):
        [then] = [then for step, then in pairwise(plan) if re.search(r"Scan using \w+ on people p_1", step)]
        assert "Index Cond: (id = f.followed_id)" in then


def plans(social, **values):
    """The plan with the values known, and on PostgreSQL also the one that is kept for all values."""
    with social.app.extensions["reader"].connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        if connection.dialect.name == "sqlite":
            query = sa.text(f"EXPLAIN QUERY PLAN {HEADS}{SQLITE}{SHOWN}")
            return [[row.detail for row in connection.execute(query, values)]]
        modes = ("force_custom_plan", "force_generic_plan")
        return [kept_plan(connection, mode, values) for mode in modes]


def kept_plan(connection, mode, values):
    text = f"{HEADS}{POSTGRESQL}{SHOWN}"
    for number, name in enumerate(values, 1):
        text = text.replace(f":{name}", f"${number}")
    connection.exec_driver_sql(f"SET plan_cache_mode = {mode}")
    connection.exec_driver_sql(f"PREPARE {mode}(bigint, bigint, bigint, bigint) AS {text}")
    given = ", ".join(map(str, values.values()))
    plan = [row[0] for row in connection.exec_driver_sql(f"EXPLAIN EXECUTE {mode}({given})")]
    connection.exec_driver_sql(f"DEALLOCATE {mode}")
    return plan


IN_ORDER = r"ix_cards_author \(author_id=|Backward using ix_cards_author .* Index Cond: \(+author_id = h"
ONE = r"cards_pkey on cards c .* Index Cond: \(id = cards|SEARCH c USING INTEGER PRIMARY KEY \(rowid="


def wrong_steps(plan):
    """Steps that read posts otherwise than by an index made for it: by author in order, or one by its id."""
    steps = zip(plan, [*plan[1:], ""], strict=True)
    posts = [f"{step} {then}" for step, then in steps if re.search(r"\b(on|SCAN|SEARCH) (cards|n|c)\b", step)]
    assert len(posts) > 1
    return [step for step in posts if not any(re.search(good, step) for good in (IN_ORDER, ONE))]


def test_the_settings_size_pages(social):
    a_person(social, JOHN)
    social.app.extensions["settings"].posts_per_page = 2
    for id in (1, 2, 3):
        a_post(social, id, JOHN, count=id)
    assert (ids(timeline(social, JOHN)), ids(timeline(social, JOHN, 2))) == ([3, 2], [1])


def test_who_may_read(social):
    path = f"/api/v1/users/{JOHN}/timeline/"
    assert social.anonymous().get(path).status_code == 401
    assert social.as_("john", USER, confirmed=False).get(path).status_code == 403
    assert social.as_("john", 0, id=JOHN).get(path).status_code == 200
