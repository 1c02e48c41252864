"""`If-Match`: nobody undoes what they have not seen."""

import pytest

from .states import USER, a_comment, a_post


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
