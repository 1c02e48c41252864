"""Two at once, and the state that others can ask for again."""

from concurrent.futures import ThreadPoolExecutor

import flask_migrate
import pytest
import sqlalchemy as sa

from posts import events, queries
from posts.models import db

from .states import MODERATOR, USER, a_comment, a_post

MANY = """INSERT INTO posts
    (author_id, body, body_html, published_at, version, comment_count, comment_count_version)
    SELECT 1, 'p', '<p>p</p>', now() + n * interval '1 second', 1, 0, 0 FROM generate_series(1, 5000) n"""
PLANS = """SELECT custom_plans AS custom, generic_plans AS generic FROM pg_prepared_statements
    WHERE statement LIKE '%LIMIT%' AND statement NOT LIKE '%custom_plans%' AND NOT from_sql"""


def together(number, call):
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(call, range(number)))


def publish(posts, body="p"):
    return posts.as_("ann", USER).post("/api/v1/posts/", json={"body": body}).status_code


def remark(posts):
    return posts.as_("ben", USER).post("/api/v1/posts/1/comments/", json={"body": "c"}).status_code


def remove(posts):
    return posts.as_("ann", USER).delete("/api/v1/posts/1").status_code


def test_counts_stay_right_when_many_write_at_once(posts):
    publish(posts)
    statuses = together(12, lambda _: remark(posts)) + together(12, lambda _: publish(posts))
    ann = posts.as_("ann")
    versions = [e.data["author_post_count_version"] for e in posts.outbox() if "post_published" in e.type]
    assert set(statuses) == {201}
    assert ann.get("/api/v1/posts/1").json["comment_count"] == 12
    assert ann.get("/api/v1/users/1/posts/").json["count"] == 13
    assert ann.get("/api/v1/posts/").json["count"] == 13
    assert sorted(versions) == list(range(1, 14))


def test_of_many_who_remove_at_once_one_does(posts):
    a_post(posts)
    posts.outbox()
    statuses = together(8, lambda _: posts.as_("ann", USER).delete("/api/v1/posts/1").status_code)
    assert sorted(statuses) == [204] + [404] * 7
    assert [event.type for event in posts.outbox()] == ["posts.post_removed.v1"]
    assert posts.as_("ann").get("/api/v1/posts/").json["count"] == 0


def test_commenting_and_removing_at_once_leaves_no_orphan(posts):
    publish(posts)
    calls = [remark, remark, remark, remove, remark, remark, remark]
    statuses = together(len(calls), lambda n: calls[n](posts))
    left = posts.as_("ann").get("/api/v1/comments/").json
    assert statuses[3] == 204
    assert set(statuses) <= {201, 204, 404}
    assert (left["count"], left["comments"]) == (0, [])


def test_comments_that_go_at_once_are_all_counted_down(posts):
    post = a_post(posts)
    for _ in range(12):
        a_comment(posts, post)
    ben = posts.as_("ben", USER)
    gone = together(11, lambda n: ben.delete(f"/api/v1/comments/{n + 1}").status_code)
    assert gone == [204] * 11
    counted = [e.data["post_comment_count"] for e in posts.outbox() if "comment_removed" in e.type]
    assert sorted(counted) == list(range(1, 12))
    assert ben.get("/api/v1/posts/1").json["comment_count"] == 1


def test_the_state_of_everything_can_be_told_again(posts):
    first, second = a_post(posts), a_post(posts, "second")
    a_comment(posts, first), a_comment(posts, second)
    posts.as_("ann", USER).delete("/api/v1/posts/2")
    told = {(event.type, event.subject): event for event in posts.outbox()}
    states = [
        event for name in events.PUBLISHES if name in events.SNAPSHOTS for event in posts.snapshot(name)
    ]
    again = {(event.type, event.subject): event for event in states}
    assert set(again) == {
        ("posts.post_published.v1", "1"),
        ("posts.post_removed.v1", "2"),
        ("posts.comment_published.v1", "1"),
        ("posts.comment_removed.v1", "2"),
    }
    assert again["posts.post_removed.v1", "2"].data == told["posts.post_removed.v1", "2"].data
    state = again["posts.post_published.v1", "1"]
    assert (state.version, state.data["comment_count"], state.data["author_post_count"]) == (1, 1, 1)


def test_a_snapshot_goes_on_over_pages_and_each_is_one_query(posts):
    for number in range(5):
        a_post(posts, f"post {number}")
    told = posts.snapshot("posts.post_published.v1", size=2)
    assert [event.subject for event in told] == ["1", "2", "3", "4", "5"]
    page = "/internal/snapshots/posts.post_published.v1?after=2&limit=2"
    assert posts.statements(lambda: posts.internal().get(page)) == 1


def test_the_number_of_posts_of_every_author_can_be_asked_for(posts):
    for by in ("ann", "ben", "ben"):
        a_post(posts, by=by)
    posts.as_("ann", USER).delete("/api/v1/posts/1")
    told = posts.snapshot("posts.author_counts", size=1)
    assert [(state.subject, state.version, state.data["author_post_count"]) for state in told] == [
        ("1", 2, 0),
        ("2", 2, 2),
    ]


def test_migrations_go_down_and_up_and_give_what_the_models_say(posts):
    with posts.app.app_context():
        folder = posts.app.extensions["migrations"]
        flask_migrate.downgrade(directory=folder, revision="base")
        assert set(sa.inspect(db.engine).get_table_names()) == {"alembic_version"}
        flask_migrate.upgrade(directory=folder)
        assert flask_migrate.check(directory=folder) is None


def test_an_error_in_the_middle_leaves_nothing(posts, monkeypatch):
    def broken(*_):
        raise RuntimeError("between row and event")

    monkeypatch.setattr("posts.events.post_published", broken)
    assert posts.as_("ann", USER).post("/api/v1/posts/", json={"body": "x"}).status_code == 500
    monkeypatch.undo()
    assert posts.as_("ann").get("/api/v1/posts/").json["count"] == 0
    assert posts.outbox() == []


@pytest.mark.parametrize("kind", ["posts", "comments"])
def test_lists_are_read_in_the_order_of_their_index(posts, stack, kind):
    plan = planned(posts, stack, queries.beginning(kind, 20))
    assert f"ix_{kind}_newest" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


@pytest.mark.parametrize(
    ("index", "pages"),
    [
        ("ix_posts_newest", queries.EVERYBODYS["posts"]),
        ("ix_comments_newest", queries.EVERYBODYS["comments"]),
        ("ix_posts_author", queries.BY_AUTHOR),
        ("ix_comments_post", queries.OF_POST),
    ],
)
def test_a_later_page_is_cut_by_its_index_before_anything_else_is_read(posts, stack, index, pages):
    plan = planned(posts, stack, pages[1].params(size=20, offset=20, author=1, post=1))
    if stack == "embedded":
        texts, cut = plan.split("LIST SUBQUERY", 1)
        assert "INTEGER PRIMARY KEY" in texts
        assert cut.split("people")[0].count(f"USING INDEX {index}") == 1
        assert plan.count("TEMP B-TREE") == 1  # that of the twenty which are left
    else:
        cut = plan.split("Limit")[1].split("->")[1]
        assert cut.strip().startswith("Index Only Scan")
        assert index in cut
        assert plan.count("Sort Key") == 1


@pytest.mark.only_real  # SQLite keeps what it has planned in any case
def test_the_first_page_of_all_is_not_planned_each_time(posts):
    with posts.app.app_context():
        db.session.execute(sa.text(MANY))
        db.session.execute(sa.text("ANALYZE posts"))
        db.session.commit()
        for _ in range(30):
            assert len(queries.posts(20, 0)[0]) == 20
        asked = sa.text(PLANS)
        db.rows(asked)
        [plans] = db.rows(asked)  # what is asked again goes by the connection that was read by last
    assert plans["generic"] > plans["custom"]


def planned(posts, stack, statement):
    with posts.app.app_context():
        text = statement.compile(db.engine, compile_kwargs={"literal_binds": True})
        return sqlite_plan(text) if stack == "embedded" else postgresql_plan(text)


def sqlite_plan(text):
    return " ".join(row["detail"] for row in db.rows(sa.text(f"EXPLAIN QUERY PLAN {text}")))


def postgresql_plan(text):
    """What the planner does where it may not scan: it would always scan an empty table."""
    for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):
        db.session.execute(sa.text(f"SET LOCAL enable_{way} = off"))
    return " ".join(db.session.scalars(sa.text(f"EXPLAIN {text}")))


def test_moderators_at_once_each_get_a_version_of_their_own(posts):
    publish(posts)
    remark(posts)
    posts.outbox()
    calls = ["put", "delete"] * 6
    hide_or_show = lambda n: getattr(posts.as_("mod", MODERATOR), calls[n])("/api/v1/comments/1/disabled")  # noqa: E731
    assert {answer.status_code for answer in together(len(calls), hide_or_show)} == {200}
    told = [(event.version, event.data["disabled"]) for event in posts.outbox() if "moderated" in event.type]
    assert [version for version, _ in told] == list(range(2, 2 + len(told)))
    assert [disabled for _, disabled in told] == [n % 2 == 0 for n in range(len(told))]
