"""What becomes of the writings of people who are gone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from chassis.testing.crossing import waits_for_a_lock
from chassis.testing.polling import eventually
from posts.commands import people
from posts.models import Comment, Person, Post, Tally, db

from .states import MODERATOR, USER, a_comment, a_person, a_post

ANN, BEN = 1, 2


def remove(posts, id=ANN, version=9):
    posts.receive("auth.user_removed.v1", id, version, {"id": id})


def forget(posts):
    """The worker, until everything that was said has been sent."""
    posts.job("forget people")
    said = posts.outbox()
    posts.job("forget people")
    return said + posts.outbox()


def texts(posts):
    """Everything that anybody has written, wherever it is kept."""
    with posts.app.app_context():
        rows = [db.rows(sa.select(table)) for table in db.metadata.sorted_tables]
    return repr(
        [
            [bytes(v) if isinstance(v, memoryview) else v for v in row.values()]
            for some in rows
            for row in some
        ]
    )


def totals(posts):
    with posts.app.app_context():
        query = sa.select(Tally.kind, Tally.subject, sa.func.sum(Tally.n)).group_by(Tally.kind, Tally.subject)
        return {tuple(row.values())[:2]: int(tuple(row.values())[2]) for row in db.rows(query)}


def types(events):
    return [event.type.split(".")[1] for event in events]


def test_posts_go_with_their_comments_and_comments_go_everywhere(posts):
    for id, name in ((ANN, "ann"), (BEN, "ben")):
        a_person(posts, id, name)
    mine, other = a_post(posts, "secret of ann"), a_post(posts, "bens own", by="ben")
    a_comment(posts, mine, "remark of ben")
    a_comment(posts, other, "remark of ann", by="ann")
    a_comment(posts, other, "bens second")
    posts.outbox()
    remove(posts)
    said = forget(posts)
    reader = posts.as_("ben", USER)
    assert reader.get(f"/api/v1/posts/{mine['id']}").status_code == 404
    assert reader.get(f"/api/v1/users/{ANN}/posts/").status_code == 404
    left = reader.get(f"/api/v1/posts/{other['id']}/comments/").json
    assert ([comment["body"] for comment in left["comments"]], left["count"]) == (["bens second"], 1)
    assert reader.get("/api/v1/posts/").json["count"] == 1
    assert types(said) == ["post_removed", "comment_removed", "user_forgotten"]
    assert (said[0].data["author_post_count"], said[1].data["post_comment_count"]) == (0, 1)
    assert said[1].data["post_comment_count_version"] == 3  # or a copy could hold on to the older number
    assert (said[2].subject, said[2].version) == ("1", 9)
    assert totals(posts) == {
        ("posts", 0): 1, ("comments", 0): 1,
        ("posts_of", ANN): 0, ("posts_of", BEN): 1, ("comments_of", ANN): 0, ("comments_of", BEN): 1,
    }  # fmt: skip
    assert not [word for word in ("secret of ann", "remark of ann") if word in texts(posts)]
    assert "bens own" in texts(posts)


def test_of_what_is_removed_no_word_is_kept(posts):
    """By its author, a moderator, or with the post; events that were sent keep theirs for two days."""
    post, other = a_post(posts, "words of ann"), a_post(posts, "still here")
    a_comment(posts, post, "words of ben"), a_comment(posts, other, "words of ben, too")
    posts.as_("ben", USER).delete("/api/v1/comments/2")
    posts.as_("ann", USER).delete(f"/api/v1/posts/{post['id']}")
    with posts.app.app_context():
        kept = [row for table in (Post, Comment) for row in db.rows(sa.select(table.body, table.body_html))]
    assert sorted(row["body"] for row in kept) == ["", "", "", "still here"]
    assert sorted(row["body_html"] for row in kept) == ["", "", "", "<p>still here</p>"]


def test_those_who_were_forgotten_keep_nobody_waiting(posts):
    """There may be very many of them, and all before the one who goes now."""
    for id in range(30, 0, -1):
        remove(posts, id)
    for _ in range(4):
        forget(posts)
    remove(posts, 31)
    assert [event.subject for event in forget(posts)] == ["31"]


def test_many_posts_go_in_batches_and_numbers_are_right_after_each(posts):
    a_person(posts, ANN, "ann")
    written = [a_post(posts, f"text {number}") for number in range(7)]
    for _ in range(40):
        a_comment(posts, written[0])
    remove(posts)
    steps, said = 0, []
    with posts.app.app_context():
        while people.forget_more(ANN, 3):
            steps += 1
            [first, *_] = posts.snapshot("posts.post_published.v1")
            said.append((first.data.get("comment_count"), first.data.get("comment_count_version")))
            live = [
                db.value(sa.select(sa.func.count()).where(of.removed_at.is_(None))) for of in (Post, Comment)
            ]
            kept = totals(posts)
            assert [kept[name, 0] for name in ("posts", "comments")] == live
            assert (kept["posts_of", ANN], kept["comments_of", BEN]) == tuple(live)
    assert steps == 5  # two with a part of the comments only, then 3, 3 and 1 posts
    assert live == [0, 0]
    assert said[:3] == [(24, 41), (8, 42), (None, None)]  # a copy takes none but a later number


def test_every_event_with_words_in_it_says_whose_they_are(posts):
    """By that they are found when that person goes, wherever they are kept meanwhile."""
    ann, post = posts.as_("ann", USER), a_post(posts, "words")
    remark = a_comment(posts, post, "words of ben")
    ann.put(f"/api/v1/posts/{post['id']}", json={"body": "other words"})
    posts.as_("ben", USER).put(f"/api/v1/comments/{remark['id']}", json={"body": "other words"})
    moderator = posts.as_("moderator", MODERATOR)
    for change in (moderator.put, moderator.delete):
        assert change(f"/api/v1/comments/{remark['id']}/disabled").status_code == 200
    said = [event for event in posts.outbox() if event.data.get("body")]
    assert {event.type.split(".")[1] for event in said} == {
        "post_published", "post_edited", "comment_published", "comment_moderated",
    }  # fmt: skip
    assert [event for event in said if event.about != event.data["author_id"]] == []


def test_it_is_said_only_when_nothing_is_left_not_even_on_its_way(posts):
    a_post(posts)
    remove(posts)
    posts.job("forget people")
    assert types(posts.outbox()) == ["post_published", "post_removed"]  # nobody had sent them yet
    posts.job("forget people")
    assert types(posts.outbox()) == ["user_forgotten"]
    posts.job("forget people")
    assert posts.outbox() == []


def test_asked_again_it_says_so_again(posts):
    a_post(posts)
    for _ in range(2):
        remove(posts)
        assert types(forget(posts))[-1:] == ["user_forgotten"]


def test_somebody_who_was_never_here_is_forgotten_too(posts):
    remove(posts)
    assert types(forget(posts)) == ["user_forgotten"]
    assert posts.as_("ann", USER).post("/api/v1/posts/", json={"body": "a ghost"}).status_code == 401


def test_whoever_is_gone_writes_nothing_with_a_token_that_is_still_good(posts):
    a_person(posts, BEN, "ben")
    post = a_post(posts, by="ben")
    remove(posts)
    ann = posts.as_("ann", USER)
    assert ann.post("/api/v1/posts/", json={"body": "late"}).status_code == 401
    assert ann.post(f"/api/v1/posts/{post['id']}/comments/", json={"body": "late"}).status_code == 401
    assert "late" not in texts(posts)


def test_a_post_that_is_being_written_is_erased_or_not_written(posts):
    """Eight at once with the news: whatever was in time is found, whatever was not is refused."""
    a_person(posts, ANN, "ann")
    ann, statuses = posts.as_("ann", USER), []
    write = lambda: statuses.append(ann.post("/api/v1/posts/", json={"body": "late"}).status_code)  # noqa: E731
    threads = [threading.Thread(target=write) for _ in range(8)]
    threads.insert(4, threading.Thread(target=remove, args=[posts]))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    forget(posts)
    assert set(statuses) <= {201, 401}
    with posts.app.app_context():
        assert db.value(sa.select(sa.func.count()).select_from(Post).where(Post.removed_at.is_(None))) == 0
    assert "late" not in texts(posts)


@pytest.mark.only_real  # SQLite has one writer at a time
def test_a_comment_that_is_written_while_its_author_goes_is_refused(posts):
    a_person(posts, BEN, "ben")
    path, ben = f"/api/v1/posts/{a_post(posts)['id']}/comments/", posts.as_("ben", USER)
    with posts.app.app_context(), ThreadPoolExecutor(1) as pool:
        people.forget_person(BEN, 9)
        late = pool.submit(lambda: ben.post(path, json={"body": "late"}).status_code)
        eventually(lambda: waits_for_a_lock(posts))
        db.session.commit()
        assert late.result() == 401
    assert "late" not in texts(posts)


@pytest.mark.parametrize("given", [{"dead": "given up"}, {}])
@pytest.mark.parametrize("late", [False, True])
def test_what_could_not_be_handled_of_them_goes_early_or_late(posts, given, late):
    if late:
        remove(posts)
        forget(posts)
    for id in (ANN, BEN):
        unreadable = {"id": id, "username": "secret", "name": 7, "avatar_hash": None}
        posts.receive("auth.user_changed.v1", id, 1, unreadable, about=id, **given)
    posts.try_again()
    if not late:
        remove(posts)
    assert types(forget(posts)) == ([] if late else ["user_forgotten"])
    assert [row["about"] for row in posts.parked()] == [BEN]


@pytest.mark.parametrize("version", [1, 8])
def test_late_news_change_nothing_of_a_forgotten_person(posts, version):
    remove(posts)
    forget(posts)
    a_person(posts, ANN, "ann", version=version)
    with posts.app.app_context():
        row = db.row(sa.select(Person.username, Person.removed, Person.version))
    assert tuple(row.values()) == (None, True, 9)


def test_every_comment_that_goes_has_a_later_version_however_it_goes(posts):
    """Or a late copy of its words could pass for the newest state of it."""
    for id, name in ((ANN, "ann"), (BEN, "ben")):
        a_person(posts, id, name)
    anns, bens, another = a_post(posts, "anns"), a_post(posts, "bens", by="ben"), a_post(posts, by="ben")
    for post in (anns, another):
        a_comment(posts, post, "on a post that goes")
    a_comment(posts, bens, "by somebody who goes", by="ann")
    own = a_comment(posts, bens, "taken back")
    before = {state.subject: state.version for state in posts.snapshot("posts.comment_published.v1")}
    ben = posts.as_("ben", USER)
    answers = [ben.delete(f"/api/v1/{each}") for each in (f"posts/{another['id']}", f"comments/{own['id']}")]
    assert {answer.status_code for answer in answers} == {204}
    remove(posts)
    forget(posts)
    after = posts.snapshot("posts.comment_published.v1")
    assert {state.type for state in after} == {"posts.comment_removed.v1"}
    assert {state.subject: state.version for state in after} == {id: now + 1 for id, now in before.items()}
