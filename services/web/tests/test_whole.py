"""What all pages share: headers, feeds, maps and icons, numbers of pages, and what settings change."""

import gzip
import html
import re
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from web import app as web
from web import showing
from web.forms import PostForm
from web.pager import Pager, last_page
from web.showing import BUILD

ATOM = "{http://www.w3.org/2005/Atom}"


# --- headers ---


def test_every_answer_has_a_strict_policy(site, ann):
    for path in ("/", "/nowhere", "/auth/login", "/robots.txt", "/static/styles.css", "/newer?after=1"):
        policy = site.stranger().get(path).headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def test_a_browser_s_name_may_hold_a_tab(site, ann):
    for path in ("/", "/explore", f"/user/{ann.name}"):
        assert site.stranger().get(path, headers={"User-Agent": "a\tb"}).status_code == 200


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


def test_a_stranger_s_page_is_kept_for_its_own_address_and_look_alone(site):
    """What others have asked for just before: the look as the end of an address, the head of a page."""
    dark, light = site.stranger(), site.stranger()
    dark.http.set_cookie("theme", "dark")
    light.get("/?dark")
    assert 'id="dark">' in dark.text("/")
    light.http.head("/?page=2")
    assert 'href="/auth/login?next=/%3Fpage%3D2"' in light.text("/?page=2")


def test_the_theme_is_in_the_page(site):
    stranger = site.stranger()
    assert 'id="dark" media="(prefers-color-scheme: dark)"' in stranger.text("/")
    stranger.http.set_cookie("theme", "dark")
    assert 'id="dark">' in stranger.text("/")
    stranger.http.set_cookie("theme", "light")
    assert 'id="dark" media="not all"' in stranger.text("/")


def test_files_are_kept_for_a_year_under_an_address_that_changes(site):
    stranger = site.stranger()
    good = stranger.get(f"/static/{BUILD}/styles.css", headers={"Accept-Encoding": "gzip"})
    assert good.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert (good.headers["Content-Encoding"], good.headers["Vary"]) == ("gzip", "Accept-Encoding")
    refused = stranger.get(f"/static/{BUILD}/styles.css", headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "Content-Encoding" not in refused.headers
    assert gzip.decompress(good.data) == refused.data
    assert stranger.get("/static/0123456789/styles.css").headers["Cache-Control"] == "public, max-age=3600"
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


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("![A fox](https://e.example/f.png) in the [snow](/x 'y')", "A fox in the snow"),
        ("[a][1] ![](/x)", "[a][1] ![](/x)"),
    ],
)
def test_descriptions_tell_links_and_pictures_by_their_words(site, ann, body, title):
    post = ann.publish(body)
    entry = ElementTree.fromstring(site.stranger().get("/feed.atom").data).find(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == title
    page = html.unescape(site.stranger().text(f"/post/{post}"))
    assert f'<meta name="description" content="{title}">' in page


def test_a_feed_is_xml_whatever_was_written(site, ann):
    ann.publish("bell &#7; & <b>]]></b> \ufffe")
    tree = ElementTree.fromstring(site.stranger().get("/feed.atom").data)
    assert "bell" in tree.find(f"{ATOM}entry").findtext(f"{ATOM}content")


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
    stranger = site.stranger()
    assert stranger.get("/favicon.ico").data[:4] == b"\x00\x00\x01\x00"
    kinds = re.findall(r'<link rel="((?:shortcut )?icon)" href="([^"]+)"', stranger.text("/"))
    assert [kind for kind, _ in kinds] == ["shortcut icon", "icon"]
    assert all(stranger.get(address).status_code == 200 for _, address in kinds)


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
