"""Marks: made by one of this installation's own processes, for one purpose."""

import pytest

from chassis import marks

MARK = marks.marked("a secret", "device", "abc-1")


def test_a_mark_can_be_read_by_whoever_knows_the_secret():
    assert marks.read("a secret", "device", MARK) == "abc-1"
    assert MARK.startswith("abc-1.")


@pytest.mark.parametrize(
    ("secret", "purpose", "mark"),
    [
        ("another", "device", MARK),
        ("a secret", "another", MARK),
        ("a secret", "device", MARK.replace("abc-1", "abc-2")),
        ("a secret", "device", MARK[:-1]),
        ("a secret", "device", "abc-1."),
        ("a secret", "device", "abc-1"),
        ("a secret", "device", marks.marked("a secret", "device", "")),
        ("a secret", "device", MARK + "é"),
        ("a secret", "device", ""),
    ],
)
def test_anything_else_is_none(secret, purpose, mark):
    assert marks.read(secret, purpose, mark) is None
