"""The people of the browser tests and what they have written, through the public API."""

import html
import re
import time
from dataclasses import dataclass

import pyotp
import requests

from tests.system.people import PASSWORD, Blog, Person

ADMINISTRATOR = "john@example.com"
LONG_NAME = "W" * 32 + "i.m_" * 8  # 64 characters, the most a name may have
LONG_WORD = "Donaudampfschifffahrtsgesellschaft" * 12
LONG_LINK = "https://example.com/" + "a-very-long-path/" * 20
RIGHT_TO_LEFT = """שלום עולם, זה פוסט *בעברית* עם `code` וקישור https://example.com

مرحبا بالعالم، هذه **تدوينة** باللغة العربية"""
EMOJI = "👩‍👩‍👧‍👦 🏳️‍🌈 ✍🏽 " * 20
RICH = f"""# A heading of the first level

A paragraph with *emphasis*, **strength**, `code` and a [link](https://example.com "with a title").

## A list

- one
- two, with a [second link](https://example.com/two)

1. first
2. second

> A quotation that somebody wrote,
> in two lines.

### Code

```
def publish(author, draft):
    return commands.publish(author, draft)  # {"a long line that does not fit a small screen " * 3}
```

{EMOJI}
"""


@dataclass
class Crowd:
    """`john` is the administrator, `susan` writes and is followed, `newbie` has not confirmed, `wary` logs in
    in two steps.
    """

    john: Person
    susan: Person
    david: Person
    moderator: Person
    wide: Person
    newbie: Person
    wary: Person
    posts: dict[str, int]
    comments: dict[str, int]


def register(site: Blog, name: str, confirmed: bool = True) -> Person:
    person = Person(site, name, f"{name}@example.com".lower())
    answer = person.post("/users/", email=person.email, username=name, password=PASSWORD)
    assert answer.status_code == 201, answer.text
    person.id = answer.json()["id"]
    if confirmed:
        person.confirm()
        person.sign_in()
    return person


def gather(site: Blog) -> Crowd:
    john, susan, david = (register(site, name) for name in ("john", "susan", "david"))
    moderator, wide = register(site, "moderator"), register(site, LONG_NAME)
    newbie = register(site, "newbie", confirmed=False)
    wary = register(site, "wary")
    secure(wary)
    john.patch(f"/users/{moderator.id}", role="Moderator")
    moderator.sign_in()
    for follower, followed in ((susan, john), (susan, david), (john, david), (wide, susan)):
        assert follower.put(f"/users/{followed.id}/follow").status_code in (200, 201)
    susan.patch("/users/me", name="Susan Brown", location="Boston & beyond", about_me="Writes.\n\nReads.")
    wide.patch("/users/me", name="N" * 64, location="L" * 64, about_me=LONG_WORD)
    posts = written(susan, wide, david)
    comments = discussed(posts, john, susan, wide, moderator)
    return Crowd(john, susan, david, moderator, wide, newbie, wary, posts, comments)


def secure(person: Person) -> str:
    """Sets up an authenticator app. Its cookie is from before, as that of somebody who stays logged in."""
    answer = person.post("/users/me/second-factor/totp", password=PASSWORD)
    assert answer.status_code == 201, answer.text
    secret = str(answer.json()["secret"])
    shown = pyotp.TOTP(secret).at(time.time() - 30)
    assert person.put("/users/me/second-factor/totp", code=shown).status_code == 200
    person.secret = secret
    return secret


def written(susan: Person, wide: Person, david: Person) -> dict[str, int]:
    for number in range(25):
        publish(david, f"Post number {number} of *david*.")
    return {
        "huge": publish(wide, "A long read. " + "All work and no play makes Jack a dull boy. " * 1488),
        "wide": publish(wide, f"{LONG_WORD}\n\n{LONG_LINK}\n\n    {LONG_WORD}\n\n> {LONG_WORD}"),
        "rtl": publish(susan, RIGHT_TO_LEFT),
        "rich": publish(susan, RICH),
        "plain": publish(susan, "body of the *blog* post"),
    }


def publish(author: Person, body: str) -> int:
    answer = author.post("/posts/", body=body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def discussed(
    posts: dict[str, int], john: Person, susan: Person, wide: Person, moderator: Person
) -> dict[str, int]:
    said = {
        "kind": comment(john, posts["rich"], "Well *said*, with `code` and https://example.com"),
        "wide": comment(wide, posts["rich"], LONG_WORD),
        "rtl": comment(susan, posts["rich"], RIGHT_TO_LEFT),
        "rude": comment(wide, posts["rich"], "You are all fools."),
    }
    assert moderator.put(f"/comments/{said['rude']}/disabled").status_code == 200
    return said


def comment(author: Person, post: int, body: str) -> int:
    answer = author.post(f"/posts/{post}/comments/", body=body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def session_of(person: Person, password: str = PASSWORD) -> str:
    """The value of the session's cookie, from the page on which people log in."""
    browser = requests.Session()
    browser.trust_env = False
    address = f"{person.blog.stack.public_url}/auth/login"
    form = {"csrf_token": csrf_token(browser.get(address, timeout=20).text)}
    form |= {"email": person.email, "password": password, "submit": "Log In"}
    headers = {"Referer": address, "Origin": person.blog.stack.public_url}
    answer = browser.post(address, data=form, headers=headers, timeout=20, allow_redirects=False)
    assert answer.status_code == 303, answer.text
    if person.secret:
        _second_step(browser, person, headers)
    return browser.cookies["session"]


def _second_step(browser: requests.Session, person: Person, headers: dict[str, str]) -> None:
    address = f"{person.blog.stack.public_url}/auth/login/second"
    form = {"csrf_token": csrf_token(browser.get(address, timeout=20).text)}
    form |= {"otp": pyotp.TOTP(person.secret).at(time.time() + 30), "submit": "Log In"}
    answer = browser.post(address, data=form, headers=headers, timeout=20, allow_redirects=False)
    assert answer.status_code == 303, answer.text


def csrf_token(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, page
    return html.unescape(found[1])
