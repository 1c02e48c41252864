"""Profiles and follows."""

import re
import threading

import pytest

from web.profiles import AccountForm


def test_a_profile_is_public(site, ann):
    ann.publish("mine")
    page = site.stranger().text(f"/user/{ann.name}")
    assert f"<title>Flasky - {ann.name}</title>" in page
    assert re.search(rf"<h1[^>]*>{re.escape(ann.name)}</h1>", page)
    assert f"Posts by {ann.name}" in page
    assert "1 blog post. 0 comments." in page
    assert "Member since" in page
    assert "Follow</button>" not in page
    assert ann.email not in page


def test_a_profile_counts_what_was_written(site, ann, ben):
    post = ann.publish("mine")
    for _ in range(2):
        ben.comment(post, "well")
    assert "0 blog posts. 2 comments." in site.stranger().text(f"/user/{ben.name}")


@pytest.mark.parametrize("name", ["nobody", "..", "a%20b", "%F0%9F%98%80", "x" * 300])
def test_nobody_has_no_profile(site, name):
    assert site.stranger().get(f"/user/{name}").status_code == 404


def test_following_and_unfollowing(ann, ben):
    profile = f"/user/{ben.name}"
    assert ">Follow</button>" in ann.text(profile)
    assert ">Follow</button>" not in ann.text(f"/user/{ann.name}")
    page = ann.submit(f"/follow/{ben.name}")
    assert f"You are now following {ben.name}." in page
    assert ">Unfollow</button>" in page
    assert re.search(r'Followers: <span class="badge">1<', page)
    assert "You are already following this user." in ann.submit(f"/follow/{ben.name}")
    assert "Follows you" in ben.text(f"/user/{ann.name}")
    assert "Follows you" not in ann.text(profile)
    page = ann.submit(f"/unfollow/{ben.name}")
    assert f"You are not following {ben.name} anymore." in page
    assert ">Follow</button>" in page
    assert "You are not following this user." in ann.submit(f"/unfollow/{ben.name}")


@pytest.mark.parametrize("what", ["follow", "unfollow"])
def test_following_asks_first_and_wants_somebody(site, ann, ben, what):
    assert 'id="confirm-form"' in ann.text(f"/{what}/{ben.name}")
    assert ">Follow</button>" in ann.text(f"/user/{ben.name}")
    assert "Invalid user." in ann.text(f"/{what}/nobody")
    assert "Invalid user." in ann.submit(f"/{what}/nobody")
    assert site.stranger().get(f"/{what}/{ben.name}").headers["Location"].startswith("/auth/login?next=")


def test_lists_of_followers(site, ann, ben):
    ann.submit(f"/follow/{ben.name}")
    followers = site.stranger().text(f"/followers/{ben.name}")
    assert "Followers of" in followers
    assert f'href="/user/{ann.name}"' in followers
    followed = site.stranger().text(f"/followed_by/{ann.name}")
    assert "Followed by" in followed
    assert f'href="/user/{ben.name}"' in followed
    for path in ("followers", "followed_by"):
        assert "Invalid user." in site.stranger().text(f"/{path}/nobody")
        assert "Nobody yet" in site.stranger().text(f"/{path}/{(ann if path == 'followers' else ben).name}")
        assert "Nothing on this page" in site.stranger().text(f"/{path}/{ann.name}?page=9")


def test_editing_ones_own_profile(ann, site):
    fields = {"name": "Ann <b>Example</b>", "location": "Köln & Bonn", "about_me": "I\r\nam <i>me</i>"}
    page = ann.submit("/edit-profile", **fields)
    assert "Your profile has been updated." in page
    assert "Ann &lt;b&gt;Example&lt;/b&gt;" in page
    assert "https://maps.google.com/?q=K%C3%B6ln%20%26%20Bonn" in page
    assert "I\nam &lt;i&gt;me&lt;/i&gt;" in page
    assert "I\nam &lt;i&gt;me&lt;/i&gt;</textarea>" in ann.text("/edit-profile")
    ann.submit("/edit-profile", name="", location="", about_me="")
    assert "maps.google" not in ann.text(f"/user/{ann.name}")
    assert site.stranger().get("/edit-profile").headers["Location"] == "/auth/login?next=/edit-profile"


def test_a_profile_that_is_too_long_is_told_at_the_field(ann):
    answer = ann.post("/edit-profile", name="x" * 65, location="kept", about_me="y" * 5000)
    assert answer.status_code == 400
    assert "between 0 and 64" in answer.text or "longer than 64" in answer.text
    assert "too long by 904 bytes" in answer.text
    assert 'value="kept"' in answer.text


def test_an_administrator_edits_anybody(site, ann):
    root, path = site.administrator(), f"/edit-profile/{ann.id}"
    assert "Edit Profile [Admin]" in root.text(f"/user/{ann.name}")
    assert "User. Only administrators" in root.text(f"/user/{ann.name}")
    assert f"<title>Flasky - Edit Profile of {ann.name}</title>" in root.text(f"/edit-profile/{ann.id}")
    assert f'mailto:{ann.email}"' in root.text(f"/user/{ann.name}")
    now = root.form(path)
    assert (now["email"], now["username"], now["confirmed"]) == (ann.email, ann.name, "y")
    renamed = f"{ann.name}x"
    page = root.submit(path, **(now | {"username": renamed, "name": "By root"}))
    assert "The profile has been updated." in page
    assert "By root" in page
    assert site.stranger().get(f"/user/{ann.name}").status_code == 404
    assert "By root" in site.stranger().text(f"/user/{renamed}")


def test_two_administrators_who_change_the_same_field(site, ann):
    """The second is told what it says now, at that field, and keeps the first one's other changes."""
    root, path = site.administrator(), f"/edit-profile/{ann.id}"
    opened = root.form(path)
    faster = {"location": "Oslo", "about_me": "By the first", "role": "2", "disabled": "y", "name": "Ann"}
    root.submit(path, **(opened | faster))
    answer = root.post(path, **(opened | {"location": "Bonn", "name": "Ann", "role": "3"}))
    assert answer.status_code == 409
    assert "Somebody else was faster." in answer.text
    assert answer.text.count("Somebody else made this:") == 2
    assert "Somebody else made this: Oslo" in answer.text
    assert "Somebody else made this: Moderator" in answer.text
    again = root.form_in(answer)
    assert (again["location"], again["role"], again["name"]) == ("Bonn", "3", "Ann")
    assert (again["about_me"], again["disabled"]) == ("By the first", "y")
    assert "The profile has been updated." in root.submit(path, **again)
    now = root.form(path)
    assert (now["location"], now["role"], now["about_me"]) == ("Bonn", "3", "By the first")
    assert "disabled" in now


def test_what_an_administrator_has_taken_out_does_not_come_back_unseen(site, ann):
    """By a form that its owner had open meanwhile; who has read that it is gone may write it again."""
    root, path = site.administrator(), f"/edit-profile/{ann.id}"
    ann.submit("/edit-profile", **(ann.form("/edit-profile") | {"about_me": "12 Main Street"}))
    mine = ann.form("/edit-profile")
    root.submit(path, **(root.form(path) | {"about_me": "", "location": "Oslo"}))
    answer = ann.post("/edit-profile", **(mine | {"about_me": "12 Main Street, third floor"}))
    assert (answer.status_code, "Somebody else emptied this." in answer.text) == (409, True)
    again = ann.form_in(answer)
    assert (again["about_me"], again["location"]) == ("12 Main Street, third floor", "Oslo")
    assert "Your profile has been updated." in ann.submit("/edit-profile", **again)


def test_a_field_that_was_emptied_or_switched_meanwhile(site, ann):
    root, path = site.administrator(), f"/edit-profile/{ann.id}"
    root.submit(path, **(root.form(path) | {"location": "Oslo"}))
    opened = root.form(path)
    root.submit(path, **(opened | {"location": "", "disabled": "y"}))
    answer = root.post(path, **(opened | {"location": "Bonn"}))
    assert (answer.status_code, "Somebody else emptied this." in answer.text) == (409, True)
    assert root.form_in(answer)["disabled"] == "y", "not touched here, so as it is now"


def test_an_account_that_changes_at_the_very_moment(site, ann, monkeypatch):
    """Between the last look and the change: auth compares once more."""
    root, path = site.administrator(), f"/edit-profile/{ann.id}"
    form, mine = root.form(path) | {"location": "Bonn"}, ann.form("/edit-profile") | {"location": "Oslo"}
    late = AccountForm.late

    def meanwhile(self, now):
        faster = threading.Thread(target=ann.submit, args=("/edit-profile",), kwargs=mine)
        faster.start()
        faster.join()
        return late(self, now)

    monkeypatch.setattr(AccountForm, "late", meanwhile)
    answer = root.post(path, **form)
    assert answer.status_code == 409
    assert "Somebody else changed this in the meantime" in answer.text
    assert root.form_in(answer)["location"] == "Bonn"


def test_an_older_form_changes_only_what_was_changed_in_it(site, ann):
    root, path = site.administrator(), f"/edit-profile/{ann.id}"
    opened, mine = root.form(path), ann.form("/edit-profile")
    faster = opened | {"username": f"{ann.name}x", "role": "2", "about_me": "By root"}
    root.submit(path, **(faster | {"disabled": "y"}))
    root.submit(path, **(opened | {"location": "Bonn"}))
    now = root.form(path)
    assert "disabled" in now
    assert (now["username"], now["role"], now["location"]) == (f"{ann.name}x", "2", "Bonn")
    root.submit(path, **{name: text for name, text in now.items() if name != "disabled"})
    ann.log_in()
    ann.submit("/edit-profile", **(mine | {"name": "Ann"}))
    now = ann.form("/edit-profile")
    assert (now["name"], now["location"], now["about_me"]) == ("Ann", "Bonn", "By root")


@pytest.mark.parametrize("shown", [None, "", "x", "[]", "[" * 5000, "{}"])
def test_a_form_that_does_not_tell_what_was_shown_is_taken_as_it_is(ann, shown):
    fields = {"name": "Ann", "location": "", "about_me": ""} | ({} if shown is None else {"shown": shown})
    ann.submit("/edit-profile", **fields)
    assert ann.form("/edit-profile")["name"] == "Ann"


def test_what_an_administrator_may_not_enter(site, ann, ben):
    root, path = site.administrator(), f"/edit-profile/{ann.id}"
    taken = root.post(path, **(root.form(path) | {"username": ben.name, "email": ben.email}))
    assert taken.status_code == 409
    assert "Email is registered already." in taken.text
    assert "Username is in use already." in taken.text
    bad = root.post(path, **(root.form(path) | {"username": "1x"}))
    assert bad.status_code == 400
    assert "Usernames must begin with a letter" in bad.text
    mine = f"/edit-profile/{root.id}"
    demoted = root.post(mine, **(root.form(mine, "role") | {"role": 1}))
    assert demoted.status_code == 409
    assert "last administrator" in demoted.text


def test_who_may_edit_others(site, ann, ben):
    path = f"/edit-profile/{ben.id}"
    assert site.stranger().get(path).headers["Location"] == f"/auth/login?next={path}"
    assert ann.get(path).status_code == 403
    assert ann.post(path, role=3).status_code == 403
    assert site.administrator().get("/edit-profile/999999").status_code == 404
    assert "Edit Profile [Admin]" not in ann.text(f"/user/{ben.name}")


def test_a_disabled_account_is_out(site, ann):
    root, path = site.administrator(), f"/edit-profile/{ann.id}"
    root.submit(path, **(root.form(path) | {"disabled": "y"}))
    assert "Hello, Stranger!" in ann.text("/")
