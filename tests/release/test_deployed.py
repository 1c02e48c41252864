"""`make can-i-deploy`, in a repository of its own."""

import pytest

from deploy.k8s.pin import pinned
from deploy.release.deployed import OVERLAYS, beside_what_runs, running
from deploy.release.parts import Part, Refused, version_of
from deploy.release.release import release

pytestmark = pytest.mark.xdist_group("release")
DIGEST = f"sha256:{'0f' * 32}"


def test_the_overlay_is_the_record_by_tag_or_by_what_is_noted_behind_the_digest(repository, edit):
    before = running("production", repository)
    assert set(before) == {"auth", "posts", "social", "gateway", "web"}
    file = f"{OVERLAYS}/production/kustomization.yaml"
    text = (repository / file).read_text()
    edit(file, text, pinned(text, "1.4.2", {"posts": DIGEST, "posts-backup": DIGEST}))
    assert {name: str(version) for name, version in running("production", repository).items()} == {
        name: "1.4.2" if name == "posts" else str(version) for name, version in before.items()
    }


def test_what_would_break_a_promise_there_is_told_and_nothing_else(repository, edit):
    release(Part.services(repository), "minor")
    events = "services/posts/posts/events.py"
    edit(events, 'POST_EDITED = "posts.post_edited.v1"', 'POST_EDITED = "posts.post_edited.v2"')
    schema = "services/posts/contract/events/posts.post_edited"
    (repository / f"{schema}.v1.json").rename(repository / f"{schema}.v2.json")
    edit(events, '"""Every event', '"""All events', message="posts: another name")
    posts = Part.named("posts", repository)
    [second] = release([posts], "major")
    rows = beside_what_runs(posts, second, "production")
    broken = {(row.provider, row.consumer) for row in rows if not row.kept}
    assert broken == {("posts 2.0.0", "social 1.0.0"), ("posts 2.0.0", "auth 1.0.0")}
    assert ("auth 1.0.0", "posts 2.0.0") in {(row.provider, row.consumer) for row in rows if row.kept}


@pytest.mark.parametrize(
    ("environment", "version", "sentence"),
    [
        ("moon", "1.0.0", "there is no environment 'moon'"),
        ("production", "9.9.9", "posts 9.9.9 was never released"),
    ],
)
def test_what_is_not_known_is_said(repository, environment, version, sentence):
    with pytest.raises(Refused, match=sentence):
        beside_what_runs(Part.named("posts", repository), version_of(version), environment)
