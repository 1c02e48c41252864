"""The sheet of capacity says nothing of what was refused."""

from bench.capacity import SHOWN, Route, costs_of


def test_a_route_that_was_refused_has_a_sentence_and_no_row():
    cost = dict.fromkeys(SHOWN, 0.5)
    text = costs_of([Route("answered", cost, 1000, 5), Route("refused", cost, 1000, 11)])
    assert [line for line in text if line.startswith("| answered | 250 |")]
    assert not [line for line in text if line.startswith("| refused")]
    assert "No figure for refused: 11 of 1000 requests" in text[-1]
