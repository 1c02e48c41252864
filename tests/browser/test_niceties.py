"""What JavaScript adds: preview, count, drafts, relative times, themes, news; and the keyboard alone."""

import re
import time

import pytest
from playwright.sync_api import expect

from chassis.testing.polling import eventually

from .crowd import publish
from .steps import fill, log_in, newest, says, send

DRAFT = "() => Object.keys(localStorage).filter((name) => name.startsWith('draft:')).length"
VISIBLE_FOCUS = """() => {
    const node = document.activeElement, look = getComputedStyle(node), box = node.getBoundingClientRect();
    return box.width > 0 && box.top >= 0 && (look.outlineStyle !== "none" || look.boxShadow !== "none");
}"""
# After a key was pressed, what gets the focus shows it.
PRESSED = "a[href], button, input, select, textarea, summary, [tabindex='0']"
WITHOUT_OUTLINE = """(pressed) => [...document.querySelectorAll(pressed)]
    .filter((node) => node.type !== "hidden" && node.checkVisibility())
    .filter((node) => {
        node.focus();
        const look = getComputedStyle(node);
        return look.outlineStyle === "none" || parseFloat(look.outlineWidth) < 2;
    })
    .map((node) => node.outerHTML.slice(0, 200))"""
SHOWN = "() => getComputedStyle(document.body).backgroundColor"


def test_the_preview_is_what_the_server_makes_of_it(desk, member):
    page = desk.open("/", member("viewer"))
    text = "*em* <img src=x onerror=alert(1)> <script>alert(1)</script> https://example.com"
    fill(page, body=text)
    preview = page.locator(".preview-body")
    expect(preview.locator("em")).to_have_text("em")
    seen = preview.inner_html()
    send(page)
    expect(newest(page).locator("em")).to_be_visible()
    assert newest(page).locator(".post-body").inner_html() == seen
    assert "<script" not in seen
    assert "<img" not in seen


def test_the_preview_without_scripts_is_a_button(desk, member):
    page = desk.open("/", member("plain"), java_script_enabled=False)
    fill(page, body="*em*")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".preview-body em")).to_have_text("em")
    expect(page.locator("#body")).to_have_value("*em*")
    send(page)
    expect(newest(page).locator("em")).to_have_text("em")


def test_what_is_written_is_counted_as_the_server_does(desk, member):
    page = desk.open("/", member("counter"))
    fill(page, body="naïve 👍")
    expect(page.locator(".editor-count")).to_have_text("11 of 65,536")
    fill(page, body="x" * 65_540)
    expect(page.locator(".editor-count")).to_have_text("4 too many")
    send(page)
    expect(page.locator("#body-error")).to_contain_text("too long by 4 bytes")
    expect(page.locator("#body")).to_have_value("x" * 65_540)


def test_a_draft_outlives_a_reload_and_a_failed_request(desk, member):
    page = desk.open("/", member("drafter"))
    fill(page, body="Do not lose *me*")
    eventually(lambda: page.evaluate(DRAFT) == 1)
    page.reload()
    expect(page.locator("#body")).to_have_value("Do not lose *me*")
    page.route("**/", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    with page.expect_event("requestfailed"):
        page.locator("main [name=submit]").click(no_wait_after=True)
    page.unroute_all()
    page.goto("/")
    expect(page.locator("#body")).to_have_value("Do not lose *me*")
    send(page)
    expect(newest(page).locator(".post-body")).to_have_text("Do not lose me")
    expect(page.locator("#body")).to_be_empty()
    assert page.evaluate(DRAFT) == 0


def test_the_text_is_kept_when_the_session_has_ended_while_writing(desk, member):
    author = member("logged.out")
    page = desk.open("/", author)
    page.context.clear_cookies(name="session")
    send(page, body="A long thought.")
    expect(page.get_by_role("alert")).to_contain_text("You are no longer logged in")
    expect(page.locator("[name=body]")).to_have_value("A long thought.")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Log in in another tab").click()
    log_in(opened.value, author.email)
    expect(opened.value.locator("#account-menu")).to_be_visible()
    page.get_by_role("button", name="Send it again").click()
    if page.locator("#kept-form").count():  # the login has begun a new session of forms
        page.get_by_role("button", name="Send it again").click()
    expect(newest(page).locator(".post-body")).to_have_text("A long thought.")


def test_follow_stays_on_the_page(desk, member):
    star, fan = member("idol"), member("admirer")
    page = desk.open(f"/user/{star.username}", fan)
    page.evaluate("() => { window.stayed = true; }")
    page.get_by_role("button", name="Follow").click()
    says(page, f"You are now following {star.username}.")
    expect(page.get_by_role("button", name="Unfollow")).to_be_focused()
    expect(page.get_by_role("link", name=re.compile("Followers"))).to_have_text(re.compile("1$"))
    assert page.evaluate("() => window.stayed")


def test_two_clicks_on_follow_are_one(desk, member):
    star, fan = member("twice"), member("hasty")
    page = desk.open(f"/user/{star.username}", fan)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.get_by_role("button", name="Follow").dblclick()
    says(page, f"You are now following {star.username}.")
    expect(page.get_by_role("button", name="Unfollow")).to_be_visible()
    assert len(sent) == 1


def test_times_are_relative_with_the_exact_one_on_hover(desk, crowd):
    post = publish(crowd.susan, "Timely.")
    page = desk.open(f"/post/{post}")
    shown = page.locator(".post-date time")
    expect(shown).to_have_text("just now")
    expect(shown).to_have_attribute("title", re.compile(r"20\d\d at \d\d:\d\d:\d\d (CET|CEST|GMT)"))
    plain = desk.open(f"/post/{post}", java_script_enabled=False)
    expect(plain.locator(".post-date time")).to_have_text(re.compile(r"^\d+ \w+ 20\d\d, \d\d:\d\d UTC$"))


def test_a_time_grows_older_while_one_reads(desk, crowd):
    page = desk.open("about:blank")
    page.clock.install()
    page.goto(f"/post/{publish(crowd.susan, 'Ageing.')}")
    expect(page.locator(".post-date time")).to_have_text("just now")
    page.clock.fast_forward("02:00:01")
    expect(page.locator(".post-date time")).to_have_text("2 hours ago")


def test_nothing_happens_later_than_now_where_the_clock_is_slow(desk, crowd):
    page = desk.open("about:blank")
    page.clock.install(time=time.time() - 3 * 3600)
    page.goto(f"/post/{publish(crowd.susan, 'Fresh.')}")
    expect(page.locator(".post-date time")).to_have_text("just now")


def test_after_a_refusal_the_focus_is_where_something_is_wrong(desk):
    page = desk.open("/auth/register")
    send(page, email="ann@example.com", username="1", password="short", password2="other")
    expect(page.locator("#username")).to_be_focused()
    expect(page.locator("#username")).to_have_accessible_description(
        re.compile("must begin with a letter.*Everybody sees it")
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_controls_have_the_colours_that_were_chosen(desk, scheme):
    page = desk.open("/", color_scheme={"light": "dark", "dark": "light"}[scheme])
    page.locator("theme-switch button").click()
    assert page.evaluate("() => getComputedStyle(document.documentElement).colorScheme") == scheme


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_can_be_chosen_and_is_kept(desk, scheme):
    page = desk.open("/", color_scheme=scheme)
    system = page.evaluate(SHOWN)
    switch = page.locator("theme-switch button")
    other = {"light": "dark", "dark": "light"}[scheme]
    switch.click()
    changed = page.evaluate(SHOWN)
    assert changed != system
    page.reload()
    assert page.evaluate(SHOWN) == changed
    expect(switch).to_have_attribute("aria-label", f"Colours: {other}")
    switch.click()
    assert page.evaluate(SHOWN) == system
    page.emulate_media(color_scheme=other)
    assert page.evaluate(SHOWN) == system, "chosen, whatever the system says"
    switch.click()
    assert page.evaluate(SHOWN) == changed, "as the system again"
    plain = desk.open("/", java_script_enabled=False)
    expect(plain.locator("theme-switch")).to_be_hidden()


def test_new_posts_are_announced_and_not_pushed_into_place(desk, crowd):
    page = desk.open("about:blank")
    page.clock.install()
    page.goto("/")
    before = page.locator(".post").all_inner_texts()
    publish(crowd.david, "This just in.")
    page.clock.fast_forward(60_000)
    expect(page.get_by_role("link", name="1 new post")).to_be_visible()
    assert [text.split("\n")[0] for text in page.locator(".post").all_inner_texts()] == [
        text.split("\n")[0] for text in before
    ]
    expect(newest(page)).not_to_contain_text("This just in.")
    page.get_by_role("link", name="1 new post").click()
    expect(newest(page)).to_contain_text("This just in.")


def test_writing_with_the_keyboard_alone(desk, member, scripts):
    page = desk.open("/", member("keys"), java_script_enabled=scripts)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    assert page.evaluate(VISIBLE_FOCUS)
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Tab")
        assert page.evaluate(VISIBLE_FOCUS)
        if page.locator("#body:focus").count():
            break
    page.keyboard.type("Typed *only*")
    if scripts:
        page.keyboard.press("Control+Enter")
    else:
        while not page.locator("[name=submit]:focus").count():
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    expect(newest(page).locator("em")).to_have_text("only")


def test_focus_is_visible_on_everything_there_is_to_press(desk, crowd):
    page = desk.open("/", crowd.john)
    seen = 0
    page.keyboard.press("Tab")
    while not page.locator("body:focus").count() and seen < 40:
        assert page.evaluate(VISIBLE_FOCUS), page.evaluate("() => document.activeElement.outerHTML")
        seen += 1
        page.keyboard.press("Tab")
    assert seen == 40


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/", None),
        ("/?page=2", "susan"),
        ("/post/{post[rich]}", "susan"),
        ("/explore", None),
        ("/auth/login", None),
        ("/auth/sessions", "susan"),
        ("/edit-profile/{susan.id}", "john"),
        ("/auth/log/all", "john"),
        ("/moderate", "moderator"),
    ],
)
def test_the_focus_has_an_outline_on_every_kind_of_thing(desk, crowd, path, who):
    page = desk.open(path.format(post=crowd.posts, susan=crowd.susan), getattr(crowd, who) if who else None)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.keyboard.press("Tab")
        assert page.evaluate(WITHOUT_OUTLINE, PRESSED) == []


def test_the_menu_opens_and_closes_by_keyboard(desk, crowd):
    page = desk.open("/", crowd.susan)
    page.locator("#account-menu summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Sessions")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Sessions")).to_be_hidden()
    expect(page.locator("#account-menu summary")).to_be_focused()


def test_messages_can_be_dismissed(desk):
    page = desk.open("/edit-profile")
    says(page, "Please log in to access this page.")
    page.get_by_role("button", name="Dismiss this message").click()
    expect(page.locator(".flash")).to_have_count(0)
