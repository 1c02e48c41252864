"""`make release` and `make compat`, in a repository of their own."""

import json

import pytest

from deploy.release.compat import Trees, answered, beside_the_last, between
from deploy.release.parts import Part, Refused, git
from deploy.release.release import release

pytestmark = pytest.mark.xdist_group("release")
EVENTS = "services/posts/posts/events.py"
MEMBER = "    edited_at: Moment | None\n"


@pytest.fixture
def released(posts, repository, edit):
    release([posts], "minor")
    yield posts
    assert git("status", "--porcelain", root=repository) == ""


def test_a_first_release_keeps_the_version_and_takes_a_snapshot(released, repository, edit):
    assert str(released.version) == "1.0.0"
    snapshot = released.snapshot(released.version)
    assert released.promises(released.version) == released.promises()
    assert {path.name for path in (snapshot / "agreements").iterdir()} >= {
        "posts.auth.user_registered.v1.json"
    }
    assert (snapshot / "fixtures" / "posts.post_published.v1.json").exists()
    record = json.loads((snapshot / "release.json").read_text())
    assert git("tag", "--points-at", "HEAD", root=repository) == "posts-v1.0.0"
    assert f"## 1.0.0 – {record['date']}" in released.changelog.read_text()


def test_a_release_is_found_by_its_tag_and_without_tags_by_what_it_brought(released, repository, edit):
    commit = git("rev-parse", "HEAD", root=repository)
    edit("README.md", "# Flasky", "# Flasky itself")
    assert released.commit(released.version) == commit
    git("tag", "--delete", "posts-v1.0.0", root=repository)
    assert released.commit(released.version) == commit


def test_a_clone_without_the_release_says_what_to_do(released, repository, edit, tmp_path):
    edit("README.md", "# Flasky", "# Flasky itself")
    clone = tmp_path / "shallow"
    git("clone", "--quiet", "--depth=1", f"file://{repository}", str(clone), root=repository)
    with pytest.raises(Refused, match=r"lacks the commit of posts 1\.0\.0; .* git fetch --unshallow --tags"):
        Part.named("posts", clone).commit(released.version)
    git("fetch", "--quiet", "--unshallow", root=clone)
    assert Part.named("posts", clone).commit(released.version) == released.commit(released.version)


def test_several_go_out_together_as_one_commit_with_a_tag_each(repository, edit):
    before = git("rev-parse", "HEAD", root=repository)
    release([Part.named(name, repository) for name in ("chassis", "flasky-client", "web")], "minor")
    assert git("rev-parse", "HEAD~1", root=repository) == before
    assert git("log", "-1", "--format=%s", root=repository) == "chassis 1.0.0, flasky-client 1.0.0, web 1.0.0"
    tags = git("tag", "--points-at", "HEAD", root=repository).split()
    assert tags == ["chassis-v1.0.0", "flasky-client-v1.0.0", "web-v1.0.0"]


def test_a_release_tells_what_was_committed_since_the_last(released, edit):
    edit("services/posts/README.md", "#", "# ", message="posts: a better sentence")
    edit("services/social/README.md", "#", "# ", message="social: not of posts")
    [second] = release([released], "patch")
    assert str(second) == "1.0.1"
    told = released.changelog.read_text().split("## 1.0.0")[0]
    assert "- posts: a better sentence" in told
    assert "social" not in told
    document = json.loads((released.contract / "openapi.json").read_text())
    assert document["info"]["version"] == "1.0.1"


def test_a_broken_promise_needs_a_major_release_and_the_member_is_named(released, repository, edit):
    edit(EVENTS, MEMBER, "")
    broken = json.loads((released.contract / "events/posts.post_published.v1.json").read_text())
    del broken["properties"]["edited_at"]
    edit(
        "services/posts/contract/events/posts.post_published.v1.json",
        (released.contract / "events/posts.post_published.v1.json").read_text(),
        json.dumps(broken),
    )
    before = git("rev-parse", "HEAD", root=repository)
    with pytest.raises(Refused, match=r"post_published\.v1\.edited_at is gone \(promised by 1\.0\.0\)"):
        release([released], "minor")
    assert git("rev-parse", "HEAD", root=repository) == before
    assert str(released.version) == "1.0.0"


def test_nothing_is_released_with_work_lying_about(released, repository, edit):
    (repository / "left.txt").write_text("behind")
    with pytest.raises(Refused, match="not committed"):
        release([released], "minor")
    (repository / "left.txt").unlink()


def test_an_unknown_service_or_step_is_refused_in_a_sentence(posts, repository, edit):
    with pytest.raises(Refused, match="'blog' is not one of: chassis, flasky-client, auth"):
        Part.named("blog", repository)
    with pytest.raises(Refused, match="BUMP=huge is not one of: major, minor, patch"):
        release([posts], "huge")
    with pytest.raises(Refused, match="say which: SERVICE=posts"):
        release([], "minor")


def test_who_would_miss_something_is_told_by_running_both(repository, edit, tmp_path):
    """Today's posts beside the released social, and the reverse; then posts renames an event."""
    posts, social = (Part.named(name, repository) for name in ("posts", "social"))
    release([posts, social], "minor")
    trees = Trees(tmp_path, repository)
    rows = answered([*beside_the_last(trees, posts, social), *beside_the_last(trees, social, posts)])
    assert [(row.told, row.provider, row.consumer) for row in rows if not row.kept] == []
    assert {(row.provider, row.consumer, row.what) for row in rows} == {
        ("posts today", "social 1.0.0", "gives what the other needs"),
        ("posts today", "social 1.0.0", "its events are understood"),
        ("posts 1.0.0", "social today", "gives what the other needs"),
        ("posts 1.0.0", "social today", "its events are understood"),
    }
    edit(EVENTS, 'POST_EDITED = "posts.post_edited.v1"', 'POST_EDITED = "posts.post_edited.v2"')
    rows = answered(between(trees.today(posts), trees.at(social, social.last)))
    [broken] = [row for row in rows if not row.kept]
    assert (broken.provider, broken.consumer, broken.what) == (
        "posts today",
        "social 1.0.0",
        "gives what the other needs",
    )
    assert "posts said nothing of this type when ann has edited her post" in broken.told
