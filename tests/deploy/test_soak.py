"""What the soak asks for, and what it calls grown."""

import pytest

from bench.load import Ask
from bench.soak import grown, mixed


def test_each_row_is_asked_equally_often_however_many_requests_it_has():
    """Sixteen authors write; twenty is no multiple of that."""
    rows = [[Ask(f"/{row}/{number}") for number in range(many)] for row, many in enumerate((1, 16, 200))]
    asked = mixed(rows)
    assert [ask.path.split("/")[1] for ask in asked] == ["0", "1", "2"] * 20
    assert len({ask.path for ask in asked}) == 1 + 16 + 20


STEADY = [300.0] * 40
FULLER = [300.0 + look for look in range(40)]
SPELL = [300.0] * 36 + [380.0] * 3 + [301.0]
LAST_QUARTER = [300.0] * 32 + [380.0] * 7 + [301.0]


@pytest.mark.parametrize(
    ("megabytes", "files", "found"),
    [
        (STEADY, STEADY, []),
        (SPELL, SPELL, []),
        (STEADY, FULLER, ["posts: from 314.5 to 334.5 files"]),
        (FULLER, STEADY, ["posts: from 314.5 to 334.5 MB"]),
        (STEADY, LAST_QUARTER, ["posts: from 300.0 to 380.0 files"]),
    ],
    ids=["steady", "for a while", "files", "memory", "most of the last quarter"],
)
def test_what_stays_has_grown(megabytes, files, found):
    looks = [({"posts": taken}, {"posts": opened}) for taken, opened in zip(megabytes, files, strict=True)]
    assert grown(looks) == found
