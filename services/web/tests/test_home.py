"""The home page: reading, writing, the tabs."""

import html
import re

import pytest


def test_a_stranger_is_greeted_and_sees_no_form(site, ann):
    ann.publish("for *everybody*")
    page = site.stranger().text("/")
    assert "Hello, Stranger!" in page
    assert "for <em>everybody</em>" in page
    assert 'id="post-form"' not in page
    assert "csrf_token" not in page


def test_a_member_is_greeted_and_writes(ann):
    page = ann.text("/")
    assert f"Hello, {ann.name}!" in page
    assert "What&#39;s on your mind?" in page
    page = ann.submit("/", body="Hello *world*\r\n\r\n- one")
    assert "<p>Hello <em>world</em></p>" in page


def test_the_answer_to_a_form_is_a_redirect(ann):
    answer = ann.post("/", body="once")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_the_same_form_sent_twice_makes_one_post(ann):
    key, body = "k" * 22, f"only one of {ann.name}"
    for _ in range(2):
        assert ann.post("/", body=body, key=key).status_code == 303
    assert ann.text("/").count(body) == 1


def test_another_text_with_a_used_key_is_told_and_kept(ann):
    ann.post("/", body="first", key="z" * 22)
    answer = ann.post("/", body="second thoughts", key="z" * 22)
    assert answer.status_code == 422
    assert "second thoughts" in answer.text
    assert "This form was sent before" in answer.text
    assert 'value="zzzzzzzzzzzzzzzzzzzzzz"' not in answer.text


def test_what_was_removed_can_be_published_anew_from_the_form_that_made_it(ann):
    """The "back" button shows that form: what it sends must neither vanish nor be refused for ever."""
    body, key = f"twice by {ann.name}", "y" * 22
    ann.post("/", body=body, key=key)
    newest = max(map(int, re.findall(r'id="post-(\d+)"', ann.text("/"))))
    ann.submit(f"/delete/{newest}")
    answer = ann.post("/", body=body, key=key)
    assert (answer.status_code, "has been removed since" in answer.text, body in answer.text) == (
        410,
        True,
        True,
    )
    assert ann.submit("/", **(ann.form_in(answer) | {"body": body})).count(body) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "Please fill in this field."),
        (" \r\n ", "Please fill in this field."),
        ("é" * 40_000, "too long by 14,464 bytes"),
        ("x" * 65_537, "too long by 1 byte:"),
        ("nul \x00", "a character that is not allowed"),
    ],
)
def test_what_is_wrong_with_a_text_stands_at_its_field_and_the_text_stays(ann, body, reason):
    answer = ann.post("/", body=body)
    assert answer.status_code == 400
    assert reason in html.unescape(answer.text)
    assert 'aria-describedby="body-error"' in answer.text
    assert body.strip()[:100] in answer.text


def test_line_ends_of_browsers_do_not_count_twice(ann):
    assert ann.post("/", body="\r\n".join(["x" * 31] * 2000)).status_code == 303


def test_a_preview_without_a_script_comes_from_the_same_form(ann):
    page = ann.post("/", body="**bold** <script>x</script>", preview="1")
    assert page.status_code == 200
    assert "<p><strong>bold</strong>" in page.text
    assert "<script>x" not in page.text


def test_the_tabs_choose_all_or_followed(ann, ben):
    ben.publish(f"news of {ben.name}")
    assert re.search(r'tab active"[^>]*>All<', ann.text("/"))
    answer = ann.post("/followed")
    assert re.search(r"show_followed=1; .*Max-Age=2592000; HttpOnly", answer.headers["Set-Cookie"])
    page = ann.text("/")
    assert re.search(r'tab active"[^>]*>Followed<', page)
    assert "Your timeline is empty" in page
    ann.submit(f"/follow/{ben.name}")
    assert f"news of {ben.name}" in ann.text("/")
    ann.post("/all")
    assert re.search(r'tab active"[^>]*>All<', ann.text("/"))


@pytest.mark.parametrize("path", ["/all", "/followed"])
def test_the_tabs_do_nothing_by_get(ann, path):
    answer = ann.get(path)
    assert answer.status_code == 200
    assert "show_followed" not in str(answer.headers)
    assert 'id="confirm-form"' in answer.text


def test_strangers_always_see_all(site, ann):
    stranger = site.stranger()
    stranger.http.set_cookie("show_followed", "1")
    assert 'tab active" href="/"' in stranger.text("/")
    for path in ("/all", "/followed"):
        assert stranger.get(path).headers["Location"] == f"/auth/login?next={path}"


def test_pages_of_posts(site, ann):
    for number in range(6):
        ann.publish(f"post {number} of {ann.name}")
    first, second = ann.text("/"), ann.text("/?page=2")
    assert 'href="/?page=2"' in first
    assert f"post 5 of {ann.name}" in first
    assert f"post 0 of {ann.name}" in second
    for page in ("x", "0", "-3", "0_2", "%2B2", "２", "02"):
        assert f"post 5 of {ann.name}" in ann.text(f"/?page={page}")
    assert "Nothing on this page" in ann.text("/?page=9999")


def test_newer_posts_are_counted(ann, ben):
    post = ann.publish("old")
    assert ann.get(f"/newer?after={post}").json == {"newer": 0}
    ben.publish("new")
    assert ann.get(f"/newer?after={post}").json == {"newer": 1}
    for nonsense in ("", "x", "9" * 30, "-1"):
        assert ann.get(f"/newer?after={nonsense}").json == {"newer": 0}


def test_the_script_gets_what_readers_would_get(ann, site):
    assert ann.post("/preview", body="*x*").json == {"html": "<p><em>x</em></p>"}
    assert ann.post("/preview", body="- x", kind="comment").json == {"html": "x"}
    assert (
        ann.post("/preview", body="`a`\n\n    code")
        .json["html"]
        .endswith('<pre tabindex="0"><code>code\n</code></pre>')
    )
    assert site.stranger().post("/preview", body="x").headers["Location"].startswith("/auth/login")


def test_people_are_listed(site, ann):
    first = site.stranger().text("/explore")
    pages = max(map(int, re.findall(r"/explore\?page=(\d+)", first)), default=1)
    assert f'href="/user/{ann.name}"' in site.stranger().text(f"/explore?page={pages}")


def test_long_posts_are_folded_in_lists_only(site, ann):
    post = ann.publish("word " * 1000)
    assert "Read the whole post" in ann.text("/")
    assert "Read the whole post" not in ann.text(f"/post/{post}")


def test_a_form_of_thousands_of_fields_is_not_even_read(ann):
    fields = "&".join(f"f{number}" for number in range(5000))
    answer = ann.open("POST", "/", data=fields, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 413
    assert "larger than this site takes" in answer.text
    assert len(answer.text) < 10_000
