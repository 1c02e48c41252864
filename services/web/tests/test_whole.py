"""What holds for every page: errors, forms, headers, services that are away, programs that read."""

import gzip
import re
import threading
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from chassis.problems import Unauthenticated
from web import app as web
from web import showing
from web.forms import PostForm
from web.pager import Pager, last_page
from web.showing import BUILD

from .conftest import TOKEN

ATOM = "{http://www.w3.org/2005/Atom}"


# --- errors and forms ---


def test_a_page_that_does_not_exist(site):
    answer = site.stranger().get("/nowhere", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "<title>Flasky - Page not found</title>" in answer.text
    assert 'aria-label="Main"' in answer.text


def test_programs_get_a_problem(site):
    answer = site.stranger().get("/nowhere", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["error"]) == (404, "not found")


def test_a_method_that_a_page_does_not_know(site):
    answer = site.stranger().open("DELETE", "/explore")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert "This page cannot do that" in answer.text


def test_too_large_a_form(ann):
    answer = ann.open("POST", "/", data={"body": "x" * 1_100_000})
    assert answer.status_code == 413
    assert "Too large" in answer.text


def test_a_text_that_is_much_too_long_is_told_at_its_field_and_kept(ann):
    """Percent-encoded, a long text in another script is several times as long on its way."""
    answer = ann.open("POST", "/", data={"body": "שלום " * 20_000})
    assert answer.status_code == 400
    assert "שלום שלום" in answer.text


BAD_TOKEN = 'Bearer error="invalid_token"'


def test_a_token_that_is_not_good_is_told_to_the_gateway(site):
    """It may have a better one for this visitor."""
    answer = site.stranger().get("/user/nobody", headers={"Authorization": "Bearer x.y.z"})
    assert answer.status_code == 302
    assert answer.headers["WWW-Authenticate"] == BAD_TOKEN


@pytest.mark.parametrize("form", [False, True], ids=["page", "form"])
def test_a_service_that_knows_more_of_a_token_than_the_pages_do_is_heard(site, ann, monkeypatch, form):
    def withdrawn(token):
        raise Unauthenticated

    csrf = ann.csrf()
    monkeypatch.setattr(site.parts["posts"].app.extensions["verifier"], "actor", withdrawn)
    answer = ann.open("POST", "/", data={"csrf_token": csrf, "body": "A text."}) if form else ann.get("/")
    assert answer.status_code == (403 if form else 302)
    assert answer.headers["WWW-Authenticate"] == BAD_TOKEN
    assert ("A text." in answer.text) is form


def test_a_mistake_of_ours_is_told_without_its_reasons(site, monkeypatch):
    def broken(page):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("web.clients.posts.newest", broken)
    answer = site.stranger().get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text


@pytest.mark.parametrize("token", [None, "", "forged", "IjEyMyI.aaaa.bbbb"])
def test_a_bad_csrf_token_changes_nothing_and_keeps_the_text(ann, token):
    fields = {"body": "a long <text>", "key": "q" * 22} | ({} if token is None else {"csrf_token": token})
    answer = ann.open("POST", "/", data=fields)
    assert answer.status_code == 400
    assert "a long &lt;text&gt;</textarea>" in answer.text
    assert f'value="{"q" * 22}"' in answer.text
    assert "What you wrote is below" in answer.text
    assert "a long" not in ann.text("/")


def test_the_form_that_was_kept_can_be_sent(ann):
    answer = ann.open("POST", "/", data={"body": "kept and sent"})
    token = re.findall(r'name="csrf_token" value="([^"]+)"', answer.text)[-1]
    assert ann.open("POST", "/", data={"body": "kept and sent", "csrf_token": token}).status_code == 303


def test_a_password_is_never_kept_and_all_else_is(site):
    stranger = site.stranger()
    fields = {"email": "n@example.com", "username": "new", "password": "my secret", "password2": "my secret"}
    answer = stranger.open("POST", "/auth/register", data=fields)
    assert answer.status_code == 400
    assert "my secret" not in answer.text
    for there in ('"n@example.com"', 'value="new"', 'name="password2" type="password"', "enter them again"):
        assert there in answer.text
    assert "Log in in another tab" not in answer.text
    token = TOKEN.findall(answer.text)[-1]
    assert stranger.open("POST", "/auth/register", data=fields | {"csrf_token": token}).status_code == 303


@pytest.mark.parametrize(
    ("path", "fields"), [("change-password", {"old_password": "x"}), ("login/second", {"otp": "123456"})]
)
def test_a_form_of_which_nothing_may_be_kept_begins_anew(ann, path, fields):
    answer = ann.open("POST", f"/auth/{path}", data=fields)
    assert answer.headers["Location"] == f"/auth/{path}"
    assert "This form was open for too long" in ann.text("/auth/change-password")


def test_a_button_alone_has_nothing_to_keep(ann, ben):
    answer = ann.open("POST", f"/follow/{ben.name}", data={"submit": "yes"})
    assert answer.status_code == 400
    assert "below" not in answer.text
    assert "reload that page" in answer.text


def test_a_text_outlives_logging_out_in_another_tab(ann):
    """The other tab has ended what the form's token belongs to, too."""
    token = ann.csrf()
    ann.submit("/auth/logout")
    answer = ann.open("POST", "/", data={"csrf_token": token, "body": "a long text"})
    assert answer.status_code == 403
    assert '<h1 class="page-title">Please log in again</h1>' in answer.text
    assert "a long text</textarea>" in answer.text
    token = TOKEN.findall(answer.text)[-1]
    ann.log_in()
    assert ann.open("POST", "/", data={"csrf_token": token, "body": "a long text"}).status_code == 303


def test_a_profile_that_was_typed_outlives_its_session(site):
    fields = {"name": "Ann", "location": "Bonn", "about_me": "a long text", "shown": "{}"}
    answer = site.stranger().post("/edit-profile", **fields)
    assert answer.status_code == 403
    assert "a long text</textarea>" in answer.text
    assert 'value="Bonn"' in answer.text
    assert 'type="hidden" name="shown"' in answer.text
    assert "Log in in another tab" in answer.text
    empty = site.stranger().post("/edit-profile", name=" ", location="", about_me="")
    assert empty.headers["Location"] == "/auth/login?next=/edit-profile"


def test_a_preview_that_came_too_late_can_still_be_a_preview(ann):
    answer = ann.open("POST", "/", data={"body": "*look*", "preview": "1"})
    assert re.search(r'<button[^>]*name="preview" value="1">Preview</button>', answer.text)
    assert "Send it again" not in answer.text


def test_a_refusal_that_is_about_no_version_does_not_speak_of_others(ann):
    answer = ann.post(f"/follow/{ann.name}")
    assert (answer.status_code, "faster" in answer.text) == (409, False)


def test_a_token_of_somebody_else_is_a_stranger_s(site, ann):
    answer = ann.http.get("/", headers={"Authorization": "Bearer a.b.c"})
    assert answer.headers["Location"] == "/auth/login"


def test_flashes_are_shown_once(ann, ben):
    token = {"csrf_token": ann.csrf()}
    for what in ("follow", "unfollow"):
        ann.open("POST", f"/{what}/{ben.name}", data=token)
    page = ann.text("/")
    assert page.count('class="alert alert-warning flash"') == 2
    assert 'class="alert alert-warning flash"' not in ann.text("/")


def test_a_message_to_one_stranger_is_not_on_the_page_of_others(ann, site):
    """All of them get the same page, except who has been told something."""
    page = site.stranger().get("/")
    leaving = ann.post("/auth/logout")
    told = ann.get(leaving.headers["Location"])
    assert "You have been logged out." in told.text
    assert told.headers["Cache-Control"] == "no-store"
    for again in (site.stranger().get("/"), ann.get("/")):
        assert (again.data, again.headers["ETag"]) == (page.data, page.headers["ETag"])


def test_no_form_at_all_is_taken_without_its_token(site, ben):
    root, parts = site.administrator(), {"<username>": ben.name, "<token>": "abc", "<int:id>": str(ben.id)}
    rules = [rule.rule for rule in site.app.url_map.iter_rules() if "POST" in rule.methods]
    assert len(rules) > 25
    for path in rules:
        for name, value in parts.items():
            path = path.replace(name, value)
        answer = root.open("POST", path)
        assert (path, answer.status_code) == (path, 400)
        assert "so nothing has been changed" in answer.text


# --- headers ---


def test_every_answer_has_a_strict_policy(site, ann):
    for path in ("/", "/nowhere", "/auth/login", "/robots.txt", "/static/site.css", "/newer?after=1"):
        policy = site.stranger().get(path).headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def test_no_page_has_anything_inline_or_from_elsewhere(site, ann):
    post = ann.publish("x")
    for path in ("/", f"/post/{post}", f"/user/{ann.name}", "/explore", "/auth/sessions", "/nowhere"):
        page = ann.get(path).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", page), path
        for address in re.findall(r'(?:src|href)="(https?:[^"]+)"', page):
            assert address.startswith("http://localhost"), path


def test_personal_pages_are_not_kept_anywhere(ann):
    for path in ("/", f"/user/{ann.name}", "/explore", "/auth/sessions"):
        assert ann.get(path).headers["Cache-Control"] == "no-store"


def test_a_stranger_s_page_is_not_sent_again_until_it_changes(site, ann):
    ann.publish("one")
    stranger = site.stranger()
    first = stranger.get("/")
    tag = {"If-None-Match": first.headers["ETag"]}
    assert first.headers["Cache-Control"] == "public, no-cache"
    assert first.headers["Vary"] == "Cookie, Accept-Encoding"
    small = stranger.get("/", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(small.data) == first.data
    assert stranger.get("/", headers={"Accept-Encoding": "gzip;q=0"}).data == first.data
    assert stranger.get("/", headers=tag).status_code == 304
    assert stranger.get("/", headers={"If-None-Match": "*"}).status_code == 304
    assert stranger.get("/").data == first.data
    stranger.http.set_cookie("theme", "dark")
    assert stranger.get("/", headers=tag).status_code == 200
    stranger.http.delete_cookie("theme")
    ann.publish("two")
    assert stranger.get("/", headers=tag).status_code == 200


def test_the_theme_is_in_the_page(site):
    stranger = site.stranger()
    assert 'id="dark" media="(prefers-color-scheme: dark)"' in stranger.text("/")
    stranger.http.set_cookie("theme", "dark")
    assert 'id="dark">' in stranger.text("/")
    stranger.http.set_cookie("theme", "light")
    assert 'id="dark" media="not all"' in stranger.text("/")


def test_files_are_kept_for_a_year_under_an_address_that_changes(site):
    stranger = site.stranger()
    good = stranger.get(f"/static/{BUILD}/site.css", headers={"Accept-Encoding": "gzip"})
    assert good.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (good.headers["Content-Encoding"], good.headers["Vary"]) == ("gzip", "Accept-Encoding")
    refused = stranger.get(f"/static/{BUILD}/site.css", headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "Content-Encoding" not in refused.headers
    assert gzip.decompress(good.data) == refused.data
    assert stranger.get("/static/0123456789/site.css").headers["Cache-Control"] == "public, max-age=3600"
    assert "max-age=3600" in stranger.get("/static/vendor/bootstrap/LICENSE").headers["Cache-Control"]
    for path in (
        "/static/nothing.css",
        f"/static/{BUILD}/../app.py",
        "/static/../app.py",
        f"/static/{BUILD}",
    ):
        assert stranger.get(path).status_code == 404


def test_what_the_services_tell_the_gateway_goes_on_to_it(ann, site):
    answer = ann.post("/", body="told")
    assert re.fullmatch(r"posts\.post_published\.v1:[0-9a-f-]+", answer.headers["Event-Ids"])
    assert ann.post("/auth/sessions", id="all").headers["Identity-Changed"] == str(ann.id)


def test_services_learn_for_whom_they_are_asked_and_until_when(site, ann, monkeypatch):
    """What auth writes into its log, what a page that comes after a write must show, and when to give up."""
    told = {"X-Forwarded-For": "192.0.2.7", "User-Agent": "A browser", "Await-Events": "posts.x.v1:1"}
    app, asked = site.parts["posts"].app, []

    def noting(environ, start):
        asked.append({name: value for name, value in environ.items() if name.startswith("HTTP_")})
        return app(environ, start)

    monkeypatch.setattr(site.parts["posts"].server, "app", noting)
    answer = ann.get("/", headers={**told, "X-Deadline-Ms": "900"})
    heard = next(headers for headers in asked if headers.get("HTTP_AWAIT_EVENTS"))
    assert told == {name: heard["HTTP_" + name.upper().replace("-", "_")] for name in told}
    assert heard["HTTP_X_REQUEST_ID"] == answer.headers["X-Request-Id"]
    assert 0 < int(heard["HTTP_X_DEADLINE_MS"]) <= 900


# --- services that are away ---


def test_without_social(site, ann, ben):
    post = ben.publish("still here")
    site.parts["social"].stop()
    answer = site.stranger().get(f"/user/{ben.name}")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    page = answer.text
    assert "Followers are not available right now" in page
    assert "still here" in page
    assert "still here" in ann.text(f"/post/{post}")
    assert ann.post("/", body="writing works").status_code == 303
    ann.post("/followed")
    assert "Timelines are not available right now" in ann.text("/")
    assert "Followers are not available right now" in ann.text(f"/followers/{ben.name}")
    assert ann.post(f"/follow/{ben.name}").status_code == 503


def test_without_posts(site, ann):
    site.parts["posts"].stop()
    for who in (site.stranger(), ann):
        assert "Posts are not available right now" in who.text("/")
        assert who.get("/").headers["Cache-Control"] == "no-store"
    page = ann.text(f"/user/{ann.name}")
    assert "Posts are not available right now" in page
    assert "0 blog posts." in page
    lost = ann.post("/", body="not lost")
    assert lost.status_code == 503
    assert "not lost</textarea>" in lost.text
    assert lost.headers["Retry-After"]
    assert "It may have arrived all the same" in lost.text
    assert "nothing has been" not in lost.text
    looked = ann.post("/", body="not sent", preview="1").text
    assert 'name="preview" value="1"' in looked
    assert "may have arrived" not in looked
    assert "below" not in site.administrator().post("/moderate/disable/1").text
    gone = ann.get("/post/1?page=2")
    assert (gone.status_code, 'href="/post/1?page=2">Try again</a>' in gone.text) == (503, True)
    assert ann.get("/newer?after=1").json == {"newer": 0}
    assert site.moderator().get("/moderate").status_code == 200


def test_without_auth(site, ann):
    ann.publish("reading goes on")
    site.stranger().text(f"/user/{ann.name}")
    site.parts["auth"].stop()
    stranger = site.stranger()
    assert "reading goes on" in stranger.text("/")
    assert "reading goes on" in stranger.text(f"/user/{ann.name}")
    for path in (f"/user/{ann.name}", "/explore"):
        assert stranger.get(path).headers["Cache-Control"] == "no-store"
    assert "People are not available right now" in stranger.text("/explore")
    assert stranger.get("/user/never.seen").status_code == 503
    answer = stranger.post("/auth/login", email="a@example.com", password="x")
    assert answer.status_code == 503
    assert "Accounts and signing in are not available" in answer.text
    assert "not available" in ann.text("/auth/sessions")
    assert "You have been logged out." in ann.submit("/auth/logout")


def answering_after(part, wait):
    """The application of a part, which waits before each answer to a page. (Keys and the like are asked for
    all the time.)
    """

    def app(environ, start):
        if environ["PATH_INFO"].startswith("/api/"):
            wait(10)
        return part.app(environ, start)

    return app


def test_the_parts_of_a_page_are_asked_for_at_once(site, ann, monkeypatch):
    ann.publish("among others")
    site.stranger().text(f"/user/{ann.name}")
    all_asked = threading.Barrier(len(site.parts))
    for part in site.parts.values():
        monkeypatch.setattr(part.server, "app", answering_after(part, all_asked.wait))
    assert "among others" in site.stranger().text(f"/user/{ann.name}")
    assert not all_asked.broken


def test_a_service_that_hangs_takes_no_other_part_of_the_page_with_it(site, ann, monkeypatch):
    ann.publish("shown all the same")
    site.stranger().text(f"/user/{ann.name}")
    monkeypatch.setattr(site.app.extensions["settings"], "call_seconds", 0.3)
    for name in site.parts:
        go_on = threading.Event()
        with monkeypatch.context() as patch:
            patch.setattr(site.parts[name].server, "app", answering_after(site.parts[name], go_on.wait))
            shown = site.stranger().text(f"/user/{ann.name}")
        go_on.set()
        assert ("shown all the same" in shown) == (name != "posts")
        assert (f"/followers/{ann.name}" in shown) == (name != "social")


def test_a_service_that_keeps_failing_is_left_alone_for_a_moment(site):
    site.parts["posts"].stop()
    wire = site.app.extensions["wires"]["posts"]
    for _ in range(6):
        site.stranger().get("/")
    with pytest.raises(Exception, match="failed too often"):
        wire.ask("GET", "/", {}, None, 1)


# --- programs that read pages ---


def test_feeds(site, ann):
    ann.publish("feed <me> *now*")
    for path, title in (("/feed.atom", "everybody"), (f"/user/{ann.name}/feed.atom", ann.name)):
        answer = site.stranger().get(path)
        assert answer.mimetype == "application/atom+xml"
        tree = ElementTree.fromstring(answer.data)
        entry = tree.find(f"{ATOM}entry")
        assert tree.findtext(f"{ATOM}title") == f"Flasky: {title}"
        assert "<em>now</em>" in entry.findtext(f"{ATOM}content")
        assert entry.findtext(f"{ATOM}author/{ATOM}name") == ann.name
        assert site.stranger().get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert site.stranger().get("/user/nobody/feed.atom").status_code == 404


def test_a_feed_is_xml_whatever_was_written(site, ann):
    ann.publish("bell &#7; & <b>]]></b> \ufffe")
    ElementTree.fromstring(site.stranger().get("/feed.atom").data)


def test_sitemap_and_robots(site, ann):
    post = ann.publish("map me")
    tree = ElementTree.fromstring(site.stranger().get("/sitemap.xml").data)
    found = {element.text for element in tree.iter() if element.tag.endswith("loc")}
    assert {f"http://localhost/post/{post}", f"http://localhost/user/{ann.name}"} <= found
    assert "Sitemap: http://localhost/sitemap.xml" in site.stranger().get("/robots.txt").text


def test_manifest_and_icons(site):
    manifest = site.stranger().get("/site.webmanifest")
    assert manifest.mimetype == "application/manifest+json"
    for icon in manifest.get_json(force=True)["icons"]:
        assert site.stranger().get(icon["src"]).status_code == 200
    assert site.stranger().get("/favicon.ico").data[:4] == b"\x00\x00\x01\x00"


def test_canonical_links_and_open_graph(site, ann):
    post = ann.publish('say "hello" to *robots*')
    page = site.stranger().text(f"/post/{post}")
    assert f'<link rel="canonical" href="http://localhost/post/{post}">' in page
    assert '<meta property="og:description" content="say &#34;hello&#34; to robots">' in page
    assert '<meta name="robots" content="noindex">' not in page
    assert '<meta name="robots" content="noindex">' in site.stranger().text("/auth/login")


# --- small things ---


def numbers(page, pages):
    return list(Pager("/", page, SimpleNamespace(count=pages * 20), 20).iter_pages())


def test_the_numbers_of_a_pager():
    assert numbers(50, 100) == [1, 2, None, 48, 49, 50, 51, 52, 53, 54, 55, None, 99, 100]
    assert numbers(1, 3) == [1, 2, 3]
    assert numbers(1, 1) == [1]
    assert numbers(1, 0) == []
    assert numbers(4, 12) == [1, 2, 3, 4, 5, 6, 7, 8, 9, None, 11, 12]


def test_last_pages():
    assert [last_page(count, 30) for count in (0, 1, 30, 31, 61)] == [1, 1, 1, 2, 3]


def test_an_editor_has_the_fields_that_wtforms_would_write(site):
    with site.app.test_request_context("/"):
        form = PostForm(data={"key": 'a "key" & more'})
        macros = site.app.jinja_env.get_template("_macros.html").module
        editor = macros.editor(form, "post", "draft")
        assert macros.hidden(form.csrf_token, form.key) == f"{form.csrf_token}{form.key}"
        assert form.body.label(class_="form-label") in editor
        assert form.submit(class_="btn btn-primary btn-sm") in editor


# --- other settings ---


def test_on_https_cookies_are_for_this_host_and_https_alone(site, ann):
    told = site.app.extensions["settings"].model_copy(update={"public_url": "https://blog.example"})
    client = web.create_app(told).test_client()
    page = client.get("/auth/login", base_url="https://blog.example")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]
    assert "__Host-flasky=" in page.headers["Set-Cookie"]
    fields = {"csrf_token": token, "email": ann.email, "password": "correct horse 7"}
    answer = client.post("/auth/login", data=fields, base_url="https://blog.example")
    cookies = page.headers.getlist("Set-Cookie") + answer.headers.getlist("Set-Cookie")
    assert {text.partition("=")[0] for text in cookies} == {
        "__Host-flasky",
        "__Host-session",
        "__Host-device",
    }
    for cookie in cookies:
        assert "; Secure; HttpOnly; " in cookie
        assert "; Path=/; SameSite=Lax" in cookie
        assert "Domain" not in cookie


def test_gravatar_is_the_only_other_site_and_only_if_it_is_chosen(site, ann):
    told = site.app.extensions["settings"].model_copy(update={"avatars": "gravatar"})
    policy = web.create_app(told).test_client().get("/explore").headers["Content-Security-Policy"]
    assert "img-src 'self' data: https://secure.gravatar.com;" in policy


def test_production_wants_a_secret_of_its_own(monkeypatch):
    monkeypatch.setenv("FLASK_CONFIG", "production")
    monkeypatch.setenv("INTERNAL_SECRET", "kN3v-7sPq_xT2wLzR9dYb")
    with pytest.raises(SystemExit, match="WEB_SECRET_KEY is missing or well known"):
        web.Settings.load("web")


def test_kept_pages_are_bounded_in_bytes_and_large_ones_are_not_kept(site, ann, monkeypatch):
    """Anybody chooses addresses, and each is a page of its own."""
    ann.publish("shelved")
    stranger, small = site.stranger(), showing.Shelf(200_000)
    monkeypatch.setattr(showing, "shelf", small)
    for number in range(40):
        assert stranger.get(f"/?y={number}").status_code == 200
    assert 100_000 < small._pages.currsize <= 200_000
    monkeypatch.setattr(showing, "LARGE", 1000)
    monkeypatch.setattr(showing, "shelf", showing.Shelf(200_000))
    whole = stranger.get("/")
    packed = stranger.get("/", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data) == whole.data
    assert showing.shelf._pages.currsize == 0
