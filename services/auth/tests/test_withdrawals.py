"""What every process asks for, page by page."""

import pytest

SAME = "UPDATE users SET ver_changed_at = (SELECT max(ver_changed_at) FROM users)"


def page(auth, after="", size=2, since=0):
    answer = auth.internal().get(f"/internal/changes?since={since}&size={size}&after={after}")
    assert answer.status_code == 200, answer.text
    return answer.json


def pages(auth, size):
    """All pages from the first on."""
    told = [page(auth, size=size)]
    while after := told[-1].get("next"):
        told.append(page(auth, after, size))
        assert len(told) < 20, "no end"
    return told


@pytest.fixture
def many(auth):
    """Five whose rights changed, all at one moment; two sessions of each have ended."""
    for name in ("ann", "ben", "cleo", "dora", "emil"):
        auth.person(name)
        for _ in range(2):
            assert auth.api_client(name).delete("/api/v1/tokens/").status_code == 204
    auth.change(SAME)
    return auth


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_pages_together_tell_everything_and_nothing_twice(many, size):
    told = pages(many, size)
    whole = many.internal().get("/internal/changes").json
    for kind, name in (("changes", "sub"), ("revoked", "sid")):
        assert all(len(one[kind]) <= size for one in told)
        found = [item[name] for one in told for item in one[kind]]
        assert found == [item[name] for item in whole[kind]]
        assert len(set(found)) == len(found)
    assert (len(whole["changes"]), len(whole["revoked"])) == (5, 10)


def test_who_does_not_know_of_pages_is_told_everything(many):
    assert "next" not in many.internal().get("/internal/changes?since=0").json


def test_what_changes_between_two_pages_comes_with_a_later_one(many):
    first = page(many, size=3)
    [again] = first["changes"][:1]
    assert many.flask("users", "grant", "ann@example.com", "Moderator").exit_code == 0
    told = page(many, first["next"], size=1000)
    assert [item["sub"] for item in told["changes"]][-1] == again["sub"] == "1"
    assert told["changes"][-1]["ver"] > again["ver"]


def test_a_page_costs_two_statements(many):
    after = page(many)["next"]
    assert many.statements(lambda: page(many, after)) == 2


@pytest.mark.parametrize(
    "after", ["x", "1.2.3", "1.2.3.4.5", "1.2.3.%27", f"1.{10**18}.1.a", "-1.1.1.a", "1.1.1.a%0A"]
)
def test_a_place_that_is_none(auth, after):
    assert auth.internal().get(f"/internal/changes?after={after}").status_code == 400


@pytest.mark.parametrize("size", ["0", "-1", "1001", "x"])
def test_a_page_has_a_size_and_a_bound(auth, size):
    assert auth.internal().get(f"/internal/changes?size={size}").status_code == 400
