"""The sheet of capacity: whole, and silent about what was refused."""

from bench.capacity import SHOWN, Burst, Route, costs_of, machine, sheet

COST = dict.fromkeys(SHOWN, 0.5)


def test_a_route_that_was_refused_has_a_sentence_and_no_row():
    text = costs_of([Route("answered", COST, 1000, 5), Route("refused", COST, 1000, 11)])
    assert [line for line in text if line.startswith("| answered | 250 |")]
    assert not [line for line in text if line.startswith("| refused")]
    assert "No figure for refused: 11 of 1000 requests" in text[-1]


def test_the_sheet_says_what_it_was_measured_with_and_on():
    lines = sheet([{"posts": 100.0}] * 4, [Route("answered", COST, 1000, 0)], Burst(10, 20, 2.0, COST))
    told = lines.splitlines()
    assert machine().partition(", load")[0] in told[4]
    assert "| posts | 100 | 100 | 10000.0% | 100.0 |" in told
    assert "10 events were written and had 20 effects within 2.0 s" in lines
    assert max(map(len, told)) < 500
    assert len(told) < 40
