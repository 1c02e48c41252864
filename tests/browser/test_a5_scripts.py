"""A5: scripts in every text that people can write, at every place that shows it; with sanitising, policy and cookie
rules each switched off in turn. Nothing runs, nothing leaks, while one of the first two is left.
"""

import email
import email.policy
import json
import urllib.parse
from dataclasses import dataclass

import pytest

from chassis.testing.polling import eventually
from tests.system.abuse.site import LONG, Site, told
from tests.system.people import PASSWORD, Blog, Person

from .crowd import comment, publish, session_of
from .scripts import EVIL, OWN, Trap, chunks, payloads, unsanitised
from .watch import Watch

TEXTS = payloads() if LONG else [*OWN, *payloads()[len(OWN) :: 9]]
FEEDS = ("/feed.atom", "/sitemap.xml")


@dataclass
class Written:
    """Everything that mallory has written, and where it is shown."""

    site: Blog
    mallory: Person
    posts: list[int]
    marked: dict[str, str]  # what stands for a text where escaping and sanitising are off
    marked_post: int
    cookie: dict[str, str]

    @property
    def session(self) -> str:
        return self.cookie["value"]

    @property
    def pages(self) -> list[str]:
        name, last = self.mallory.username, self.posts[-1]
        asked = ["/user/%3Cscript%3Ealert(1)%3C/script%3E", "/nowhere/%22onload=alert(1)%3E"]
        asked += [
            f"/{where}{urllib.parse.quote(text, safe='')}"
            for text in OWN[:3]
            for where in ("?page=", "auth/login?next=")
        ]
        lists = [f"/?page={number}" for number in range(1, len(self.posts) // 20 + 2)]
        return [
            *lists, "/explore", f"/user/{name}", f"/followers/{name}", f"/post/{self.posts[0]}", f"/edit/{last}",
            "/edit-profile", "/moderate", "/auth/log", "/auth/sessions", f"/edit-profile/{self.mallory.id}", "/auth/log/all",
            f"/user/{name}/feed.atom", *FEEDS, "/api/v1/posts/", f"/api/v1/posts/{last}", *asked,
        ]  # fmt: skip


@pytest.fixture(scope="module")
def written(site: Blog) -> Written:
    root, mallory = site.administrator(), site.member("mallory")
    root.patch(f"/users/{mallory.id}", role="Administrator")
    for text in OWN[:3]:
        mallory.ask(
            "POST",
            "/tokens/",
            auth=(mallory.email, PASSWORD),
            headers={"User-Agent": text.replace("\n", " ")},
        )
    mallory.sign_in()
    posts = [publish(mallory, text) for text in TEXTS]
    for text in TEXTS:
        comment(mallory, posts[0], text)
    about = "\n".join(OWN)[:4000]
    assert (
        mallory.patch("/users/me", name=OWN[3][:64], location=OWN[1][:64], about_me=about).status_code == 200
    )
    marked = {
        f"MARK{number:04}": text for number, text in enumerate(TEXTS) if not text.startswith(("[", "{{"))
    }
    marked_post = publish(mallory, "the marked one")
    for some in chunks(list(marked), 20):
        comment(mallory, marked_post, " ".join(some))
    cookie = {"name": "session", "value": session_of(mallory), "url": site.stack.public_url}
    return Written(site, mallory, posts, marked, marked_post, cookie)


class Reader:
    """Mallory's browser, with some layers switched off."""

    def __init__(self, chromium, written: Written, *off: str) -> None:
        address = written.site.stack.public_url
        self.context = chromium.new_context(base_url=address, bypass_csp="policy" in off)
        rules = {} if "cookies" in off else {"httpOnly": True, "sameSite": "Lax"}
        self.context.add_cookies([written.cookie | rules])
        self.watch, self.trap = Watch(address), Trap(self.context)
        self.watch.over(self.context)
        self.page = self.context.new_page()
        if "sanitising" in off:
            unsanitised(self.page, written.marked)

        self.tried: list[str] = []  # what the policy forbade, or would have

    def read(self, path: str) -> None:
        self.page.goto(path, wait_until="load")
        self.trap.look(self.page)
        if not path.startswith("/api/") and not path.endswith(
            (".atom", ".xml")
        ):  # Chromium shows those its own way
            self.tried += [f"{path}: {trouble}" for trouble in self.watch.troubles if "CSP" in trouble]
        self.watch.troubles.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.mark.parametrize("off", [(), ("policy", "cookies")], ids=["all layers", "sanitising alone"])
def test_nothing_runs_that_people_wrote(chromium, written, off):
    with Reader(chromium, written, *off) as reader:
        for path in written.pages:
            reader.read(path)
        reader.read("/")
        for texts in chunks(list(OWN), 1 if LONG else 9):
            with reader.page.expect_response("**/preview"):
                reader.page.get_by_label("What's on your mind?").fill("\n\n".join(texts))
            reader.trap.look(reader.page)
    told("A5", "embedded", f"{len(TEXTS)} scripts in every text, at {len(written.pages)} places, off: {off or 'nothing'}: run",
         len(TEXTS) * len(written.pages), len(reader.trap.ran) + len(reader.trap.leaked))  # fmt: skip
    assert reader.trap.ran == []
    assert reader.trap.leaked == []
    assert reader.tried == []


def test_without_sanitising_the_policy_holds(chromium, written):
    with Reader(chromium, written, "sanitising", "cookies") as reader:
        reader.read(f"/post/{written.marked_post}")
    told("A5", "embedded", "scripts that reached the page, sanitising off: run",
         len(written.marked), len(reader.trap.ran) + len(reader.trap.leaked))  # fmt: skip
    assert reader.watch.seen["CSP violation"] > 10, "nothing was tried"
    assert reader.trap.ran == []
    assert reader.trap.leaked == []


def test_without_both_the_session_is_out_of_reach(chromium, written):
    """Scripts run now, which shows that the trap sees them; what they send away has no session in it."""
    with Reader(chromium, written, "sanitising", "policy") as reader:
        reader.read(f"/post/{written.marked_post}")
    assert reader.trap.ran != []
    assert any(EVIL in each for each in reader.trap.leaked)
    assert not any(written.session in each for each in reader.trap.leaked)


def test_without_any_of_them_it_would_leak(chromium, written):
    """Or the test before this one shows nothing."""
    with Reader(chromium, written, "sanitising", "policy", "cookies") as reader:
        reader.read(f"/post/{written.marked_post}")
    assert any(written.session in each for each in reader.trap.leaked)


def test_programs_get_texts_as_texts(written):
    """JSON is JSON whatever is in it, and no browser takes it for anything else."""
    for path in ("/posts/", f"/posts/{written.posts[0]}/comments/", f"/users/{written.mallory.id}/profile"):
        answer = written.mallory.get(path)
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        json.loads(answer.content)


def test_no_text_is_in_a_log_and_none_makes_a_line_of_its_own(written):
    forged = '\n{"level":"error","message":"forged"}\r\n'
    for where in (
        {"path": "/nowhere/" + urllib.parse.quote(forged)},
        {"headers": {"User-Agent": "x\ty<script>alert(1)"}},
    ):
        written.mallory.ask(
            "GET", written.site.stack.url + where.get("path", "/"), headers=where.get("headers", {})
        )
    publish(written.mallory, f"secret words of mallory {forged}")
    logs = list(Site("embedded", written.site).logs())
    assert len(logs) > 100
    for line in logs:
        assert "secret words" not in line
        assert "alert(" not in line or '"path"' in line, line
        assert json.loads(line).get("message") != "forged"


def test_no_mail_holds_what_people_wrote(written):
    """Names and addresses are all that mails hold of anybody; neither can be markup or a second header."""
    stranger = written.site.stranger()
    wrong = [
        f"x{evil}@example.com" for evil in ("<script>", "\r\nBcc: all@example.com", '"><img src=x>', "\x00")
    ]
    for address in wrong:
        made = stranger.post("/users/", email=address, username="mailed", password=PASSWORD)
        assert made.status_code == 400, address
    for name in ("<script>", "a\r\nBcc: x@y", "{{7*7}}", 'a"onload="x'):
        made = stranger.post("/users/", email="mailed@example.com", username=name, password=PASSWORD)
        assert made.status_code == 400, name
    folder = written.site.stack.data / "mail"
    for path in eventually(lambda: list(folder.glob("*.eml"))):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        assert message["Bcc"] is None
        body = message.get_body(("html",))
        assert body
        assert "<script" not in body.get_content().lower()
