"""People, profiles and roles, as everybody may see them."""

import pytest

MEMBERS = {"id", "url", "username", "member_since", "last_seen", "avatar_url"}
MEMBERS |= {"posts_url", "followed_posts_url", "post_count"}
PROFILE = {"name", "location", "about_me"}


def test_one_person(auth):
    id = auth.person("susan")
    answer = auth.signed_in("susan").get(f"/api/v1/users/{id}")
    assert (answer.status_code, set(answer.json)) == (200, MEMBERS)
    assert answer.json["member_since"].endswith("Z")


@pytest.mark.parametrize("path", ["99", "0", "x", "99/profile", "99/account", str(2**63)])
def test_nobody(auth, path):
    answer = auth.administrator().get(f"/api/v1/users/{path}")
    assert (answer.status_code, answer.json["error"]) == (404, "not found")


def test_a_profile_has_what_people_say_of_themselves(auth):
    id = auth.person("susan")
    susan = auth.signed_in("susan")
    susan.patch("/api/v1/users/me", json={"name": " Susan Lee ", "location": "Oslo", "about_me": "I\nwrite"})
    shown = susan.get(f"/api/v1/users/{id}/profile").json
    assert set(shown) == MEMBERS | PROFILE
    assert {name: shown[name] for name in PROFILE} == {
        "name": "Susan Lee",
        "location": "Oslo",
        "about_me": "I\nwrite",
    }


def test_people_are_found_by_name_without_regard_to_case(auth):
    auth.person("Susan")
    susan = auth.signed_in("Susan")
    found = susan.get("/api/v1/users/?username=sUSAN").json
    assert ([user["username"] for user in found["users"]], found["count"]) == (["Susan"], 1)
    assert susan.get("/api/v1/users/?username=susa").json["users"] == []
    assert susan.get("/api/v1/users/?username=").json["count"] == 0
    assert susan.get("/api/v1/users/?username=%00").status_code == 400


def test_everybody_is_listed_in_pages(auth, settings_of):
    settings_of(users_per_page=2)
    auth.person("ann")
    for name in ("ben", "cleo"):
        auth.newcomer(name)
    ann = auth.signed_in("ann")
    first, second, third = (ann.get(f"/api/v1/users/?page={page}").json for page in (1, 2, 3))
    assert [user["id"] for user in first["users"] + second["users"]] == [1, 2, 3]
    assert (first["count"], first["prev_url"], second["next_url"]) == (3, None, None)
    assert first["next_url"] == first["next"] == "http://localhost:8000/api/v1/users/?page=2"
    assert third["users"] == []


def test_pages_of_people_cost_two_statements_and_one_person_one(auth):
    auth.person("ann")
    ann = auth.signed_in("ann")
    assert auth.statements(lambda: ann.get("/api/v1/users/")) == 2
    assert auth.statements(lambda: ann.get("/api/v1/users/1")) == 1
    assert auth.statements(lambda: ann.get("/api/v1/users/?username=ann")) == 1


def test_roles_by_name(auth):
    auth.person("ann")
    found = auth.signed_in("ann").get("/api/v1/roles/").json
    assert [(role["name"], role["permissions"], role["default"]) for role in found["roles"]] == [
        ("Administrator", 31, False),
        ("Moderator", 15, False),
        ("User", 7, True),
    ]
    assert found["count"] == 3


def test_lists_end_with_a_slash(auth):
    redirect = auth.anonymous().get("/api/v1/roles")
    assert (redirect.status_code, redirect.headers["Location"]) == (
        308,
        "http://localhost:8000/api/v1/roles/",
    )


@pytest.mark.parametrize(
    "path", ["/api/v1/users/", "/api/v1/users/1", "/api/v1/users/1/profile", "/api/v1/roles/"]
)
def test_reading_needs_a_confirmed_account(auth, path):
    auth.newcomer("susan")
    anonymous, unconfirmed = auth.anonymous().get(path), auth.signed_in("susan").get(path)
    assert (anonymous.status_code, anonymous.json["message"]) == (401, "Invalid credentials")
    assert (unconfirmed.status_code, unconfirmed.json["message"]) == (403, "Unconfirmed account")


def test_public_pages_may_show_people_to_strangers(auth):
    auth.person("susan")
    assert auth.internal().get("/api/v1/users/?username=susan").json["count"] == 1
    assert auth.internal().get("/api/v1/users/1/profile").status_code == 200
    assert auth.internal().get("/api/v1/users/1/account").status_code == 401


def test_only_its_owner_and_administrators_see_an_address(auth):
    administrator, id = auth.administrator(), auth.person("susan")
    susan, ben = auth.signed_in("susan"), auth.person("ben")
    assert susan.get("/api/v1/users/me").json["email"] == "susan@example.com"
    assert administrator.get(f"/api/v1/users/{id}/account").json["email"] == "susan@example.com"
    refused = susan.get(f"/api/v1/users/{ben}/account")
    assert (refused.status_code, refused.json["message"]) == (403, "Insufficient permissions")
    for path in (f"/api/v1/users/{id}", f"/api/v1/users/{id}/profile", "/api/v1/users/"):
        assert "susan@example.com" not in auth.signed_in("ben").get(path).text
