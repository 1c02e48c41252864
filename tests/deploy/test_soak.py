"""What the soak asks for."""

from bench.load import Ask
from bench.soak import mixed


def test_each_row_is_asked_equally_often_however_many_requests_it_has():
    """Sixteen authors write; twenty is no multiple of that."""
    rows = [[Ask(f"/{row}/{number}") for number in range(many)] for row, many in enumerate((1, 16, 200))]
    asked = mixed(rows)
    assert [ask.path.split("/")[1] for ask in asked] == ["0", "1", "2"] * 20
    assert len({ask.path for ask in asked}) == 1 + 16 + 20
