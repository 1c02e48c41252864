"""Services that are away, hang or keep failing: the other parts of a page are there."""

import threading

import pytest


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
        wire.send("GET", "/", {}, None, 1)
