"""Pages of the gateway and pages of `web` are one site to people: what both say, they say alike."""

from gateway import answers
from web import errors


def test_an_error_has_one_title_wherever_it_is_told():
    both = answers.TITLES.keys() & errors.TITLES.keys()
    assert {400, 413, 429, 500, 503} <= both
    assert {status: answers.TITLES[status] for status in both} == {
        status: errors.TITLES[status] for status in both
    }
