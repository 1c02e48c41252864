"""What was released of this repository, beside the code as it is: both ways, by running both."""

from itertools import permutations

from deploy.release.compat import NEEDS, SAYS, matrix, table
from deploy.release.parts import Part


def test_whatever_is_released_and_whatever_is_here_keep_their_promises_to_each_other():
    """In a clone without the commits of the releases this fails, and says how to get them."""
    rows = matrix()
    print(table(rows))
    assert [(row.told, row.provider, row.consumer, row.what) for row in rows if not row.kept] == []
    parts = {part.name: part for part in Part.services()}
    compared = {(row.provider, row.consumer, row.what) for row in rows}
    for provider, consumer in permutations(("auth", "posts"), 2):
        for what in (NEEDS, SAYS):
            assert (f"{provider} today", f"{consumer} {parts[consumer].last}", what) in compared
            assert (f"{provider} {parts[provider].last}", f"{consumer} today", what) in compared
