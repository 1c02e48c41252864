"""When something is wrong with what people send or ask for: a sentence, the right status, nothing lost."""

import base64
import json

import pytest
from dotenv import dotenv_values
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from playwright.sync_api import expect

from tests.system.people import PASSWORD

from .crowd import comment, publish
from .steps import agree, complaint, newest, says, send, titled


def spoiled(page, form, value):
    """Makes the form's token one that the server has not given out; None takes it away."""
    field = page.locator(f"{form} [name=csrf_token]")
    field.evaluate("(node, value) => value === null ? node.remove() : node.value = value", value)


def yesterdays(page, site):
    """The token that this very browser got a day ago."""
    [cookie] = [one["value"] for one in page.context.cookies() if one["name"] == "flasky"]
    session = json.loads(base64.urlsafe_b64decode(cookie.partition(".")[0] + "=="))
    key = dotenv_values(site.stack.data / "secrets.env")["WEB_SECRET_KEY"]
    signer = URLSafeTimedSerializer(key, salt="wtf-csrf-token", signer=OneDayAgo)
    return signer.dumps(session["csrf_token"])


class OneDayAgo(TimestampSigner):
    def get_timestamp(self):
        return super().get_timestamp() - 24 * 3600


@pytest.mark.parametrize("kind", ["forged", "missing", "old"])
def test_a_bad_token_gives_a_page_that_keeps_the_text(open_as, member, site, kind):
    page = open_as(member("kept"))
    tokens = {"forged": lambda: "forged", "missing": lambda: None, "old": lambda: yesterdays(page, site)}
    spoiled(page, "#post-form", tokens[kind]())
    with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        send(page, body="Twenty minutes of *work*")
    assert sent.value.status == 400
    expect(page.get_by_role("alert")).to_contain_text("so nothing has been changed")
    expect(page.get_by_label("Your text")).to_have_value("Twenty minutes of *work*")
    page.get_by_role("button", name="Send it again").click()
    expect(newest(page).locator(".post-body em")).to_have_text("work")


def test_a_token_of_somebody_else_is_no_token(desk, member):
    theirs = desk.open("/", member("eve")).locator("#post-form [name=csrf_token]").input_value()
    page = desk.open("/", member("victim"))
    spoiled(page, "#post-form", theirs)
    send(page, body="not published")
    expect(page.locator("#kept-form")).to_be_visible()


def test_a_form_with_a_password_begins_anew(desk, member):
    person = member("shy")
    page = desk.open("/auth/change-password", person)
    spoiled(page, "#account-form", "forged")
    send(page, old_password=PASSWORD, password="never shown 1", password2="never shown 1")
    says(page, "This form was open for too long. Please fill it in again.")
    assert "never shown" not in page.content()


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"email": "nonsense"}, "email", ""),
        ({"email": "susan@example.com"}, "email", "already"),
        ({"username": "7 of 9"}, "username", "Usernames must"),
        ({"username": "SUSAN"}, "username", "already"),
        ({"password2": "different"}, "password", "Passwords must match."),
        ({"password": "short", "password2": "short"}, "password", "8"),
        ({"password": "password", "password2": "password"}, "password", ""),
        ({"username": ""}, "username", "Please fill in this field."),
    ],
)
def test_registration_says_what_is_wrong_at_its_field(desk, crowd, fields, field, sentence):
    good = {"email": "ok@example.com", "username": "okay", "password": PASSWORD, "password2": PASSWORD}
    typed = good | fields
    page = desk.open("/auth/register", java_script_enabled=False)
    send(page, **typed)
    expect(complaint(page, field)).to_contain_text(sentence)
    expect(page.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")
    for name in ("email", "username"):
        expect(page.locator(f"#{name}")).to_have_value(typed[name])
    for name in ("password", "password2"):
        expect(page.locator(f"#{name}")).to_have_value("")


def test_white_space_is_not_a_post_and_not_a_comment(open_as, crowd):
    for path in ("/", f"/post/{crowd.posts['plain']}", f"/edit/{crowd.posts['plain']}"):
        page = open_as(crowd.susan, path)
        send(page, body=" \n ")
        expect(complaint(page, "body")).to_have_text("Please fill in this field.")


def test_a_comment_that_is_refused_says_so_where_one_looks(open_as, crowd):
    """Below the post and all its comments."""
    page = open_as(crowd.susan, f"/post/{crowd.posts['huge']}")
    send(page, body=" ")
    expect(complaint(page, "body")).to_be_in_viewport()


def test_two_people_edit_one_post(open_as, member, crowd):
    author = member("torn")
    post = publish(author, "as it was")
    page, other = open_as(author, f"/edit/{post}"), open_as(crowd.john, f"/edit/{post}")
    send(other, body="the administrator's words")
    says(other, "The post has been updated.")
    send(page, body="the author's words")
    expect(page.get_by_role("alert")).to_contain_text("Your text is in the form")
    expect(page.locator("#body")).to_have_value("the author's words")
    expect(page.get_by_text("the administrator's words")).to_be_visible()
    send(page)
    says(page, "The post has been updated.")
    expect(page.locator(".post-body")).to_have_text("the author's words")


@pytest.mark.parametrize("kind", ["edit", "delete"])
def test_a_foreign_post_is_forbidden_and_a_vanished_one_is_not_found(desk, crowd, member, kind):
    post = publish(crowd.david, "Mine.")
    page = desk.open("about:blank", member("thief"))
    assert page.goto(f"/{kind}/{post}").status == 403
    titled(page, "Forbidden")
    crowd.david.delete(f"/posts/{post}")
    assert page.goto(f"/{kind}/{post}").status == 404
    titled(page, "Page not found")
    assert page.goto(f"/post/{post}").status == 404


def test_a_post_that_vanished_while_one_comments_on_it(open_as, crowd, member):
    post = publish(crowd.david, "Soon gone.")
    page = open_as(member("slow"), f"/post/{post}")
    crowd.david.delete(f"/posts/{post}")
    send(page, body="too late")
    titled(page, "Page not found")
    expect(page.get_by_label("Your text")).to_have_value("too late")


def test_comments_of_others_are_theirs(desk, crowd, member):
    said = comment(crowd.susan, crowd.posts["plain"], "Hers.")
    page = desk.open("about:blank", member("meddler"))
    for path in (
        f"/comment/{said}/edit",
        f"/comment/{said}/delete",
        f"/moderate/disable/{said}",
        "/moderate",
    ):
        assert page.goto(path).status == 403, path
    assert page.goto("/comment/99999/edit").status == 404
    assert page.goto(f"/edit-profile/{crowd.susan.id}").status == 403


def test_a_right_that_is_taken_away_is_gone_at_the_next_click(open_as, crowd, member):
    person = member("demoted")
    crowd.john.patch(f"/users/{person.id}", role="Moderator")
    said = comment(crowd.susan, crowd.posts["plain"], "Still here.")
    page = open_as(person, "/moderate")
    crowd.john.patch(f"/users/{person.id}", role="User")
    page.locator(f"#comment-{said}").get_by_role("button", name="Disable").click()
    titled(page, "Forbidden")


def test_an_administrator_can_remove_what_others_wrote(open_as, crowd):
    post = publish(crowd.david, "Spam.")
    said = comment(crowd.susan, post, "More spam.")
    page = open_as(crowd.john, f"/post/{post}")
    page.locator(f"#comment-{said}").get_by_role("link", name="Delete").click()
    agree(page)
    says(page, "The comment has been deleted.")
    page.get_by_role("link", name="Edit [Admin]").click()
    send(page, body="Moderated.")
    says(page, "The post has been updated.")
    page.get_by_role("link", name="Delete [Admin]").click()
    agree(page)
    says(page, "The post has been deleted.")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/user/nobody.here", 404),
        ("/post/999999", 404),
        ("/post/abc", 404),
        ("/post/99999999999999999999", 404),
        ("/edit-profile/999999", 302),
        ("/?page=abc", 200),
        ("/?page=-5", 200),
        ("/?page=99999999999999999999", 200),
        ("/static/../app.py", 404),
        ("/user/a%00b", 400),
    ],
)
def test_odd_addresses(desk, crowd, path, status):
    page = desk.open("about:blank")
    answer = page.request.get(path, max_redirects=0)
    assert answer.status == status
    assert status == 400 or "text/html" in answer.headers["content-type"]


def test_an_expired_or_foreign_link_of_a_mail(open_as, member, site):
    newcomer = site.newcomer("unlucky")
    other = site.newcomer("mixed.up")
    page = open_as(newcomer, f"/auth/confirm/{site.mail(other.email, 'confirm')}")
    agree(page)
    says(page, "The confirmation link is invalid or has expired.")
    page.goto("/auth/confirm/nonsense")
    agree(page)
    says(page, "The confirmation link is invalid or has expired.")
