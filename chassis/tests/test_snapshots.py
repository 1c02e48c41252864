"""The owner's side of an audit: pages of what it holds, as of a moment, for insiders."""

import pytest
from shop.app import MADE
from shop.shelf import make

from chassis.events import Event, iso, now


def test_snapshots_are_for_insiders(shop):
    path = f"/internal/snapshots/{MADE}"
    assert shop.anonymous().get(path).status_code == 401
    assert shop.as_("ann").get(path).status_code == 401
    assert shop.internal().get("/internal/snapshots/no.such").status_code == 404
    assert [shop.internal().get(f"{path}?after={no}").status_code for no in ("x", "007", "-1")] == [400] * 3
    assert shop.internal().get(f"{path}?limit=501").status_code == 400


@pytest.mark.parametrize("limit", ["1_0", "%2B2", "%202", "02", "2.0", "２", "٢", ""])
def test_only_what_json_calls_a_whole_number_is_a_limit(shop, limit):
    refused = shop.internal().get(f"/internal/snapshots/{MADE}?limit={limit}")
    assert (refused.status_code, refused.json["message"]) == (400, "limit must be a whole number")


def test_a_page_says_where_the_next_begins(served):
    for number in range(5):
        make(served, f"box {number}")
    path = f"/internal/snapshots/{MADE}?limit=2"
    first = served.internal().get(path).json
    last = served.internal().get(f"{path}&after=4").json
    assert ([state["subject"] for state in first["states"]], first["next"]) == (["1", "2"], "2")
    assert ([state["subject"] for state in last["states"]], last["next"]) == (["5"], None)
    assert Event.of(first["states"][0]).data == {"id": 1, "label": "box 0"}


def test_a_page_is_as_of_a_moment_before_it_was_read(served):
    """What is committed while it is read may not be in it, and must not be taken for missing."""
    read = []
    served.app.extensions["snapshots"][MADE] = lambda *_: read.append(now()) or []
    told = served.internal().get(f"/internal/snapshots/{MADE}").json
    assert told["as_of"] <= iso(read[0])
