"""`If-Match`: nobody undoes what they have not seen."""

import pytest

from .states import MODERATOR, USER, a_comment, a_post


@pytest.mark.parametrize(
    ("read", "answers"),
    [
        ('"2.0.0"', True),
        ('W/"2.1.7"', True),
        ('"7.0.0", "2.0.0"', True),
        ("*", True),
        ('"1.0.0"', False),
        ('"9.0.0", "1.0.0", "what", "12345678901234567890"', False),
        ('"*"', False),
        ("", False),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/api/v1/posts/1", "/api/v1/comments/1"])
def test_only_who_has_read_what_there_is_changes_or_removes_it(posts, path, method, read, answers):
    a_comment(posts, a_post(posts), by="ann")
    ann = posts.as_("ann", USER)
    ann.put(path, json={"body": "two"})
    done = ann.open(path, method=method, json={"body": "three"}, headers={"If-Match": read})
    assert done.status_code == ((204 if method == "DELETE" else 200) if answers else 409)
    assert (ann.get(path).json.get("body") == "two") == (not answers)


@pytest.mark.parametrize(
    ("read", "answers"), [('"3.0"', True), ('W/"3.7"', True), ("*", True), ('"2.0"', False), ("", False)]
)
@pytest.mark.parametrize(("method", "hidden"), [("PUT", False), ("DELETE", True)])
def test_no_moderator_judges_a_text_that_has_changed_since(posts, method, hidden, read, answers):
    a_comment(posts, a_post(posts), by="ann")
    ann, moderator, path = posts.as_("ann", USER), posts.as_("mary", MODERATOR), "/api/v1/comments/1"
    if hidden:
        moderator.put(f"{path}/disabled")
    else:
        ann.put(path, json={"body": "two"})
    ann.put(path, json={"body": "three"})
    done = moderator.open(f"{path}/disabled", method=method, headers={"If-Match": read})
    now = ann.get(path)
    assert done.status_code == (200 if answers else 409)
    assert now.json["disabled"] == (hidden != answers)
    assert done.headers.get("ETag") == (now.headers["ETag"] if answers else None)
