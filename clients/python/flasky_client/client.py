"""The blog's operations as methods; what they give are the API's own objects, typed (see `shapes`)."""

import base64
from collections.abc import Iterator
from typing import Any, Self, Unpack

from . import shapes
from .transport import Problem, Transport, checked

UNAUTHORIZED, CONFLICT = 401, 409


class Flasky:
    """A blog, as one of its members or as a stranger sees it.

    Args:
        url: where the blog is, for example "http://localhost:8000".
        token: an API token that you have already; otherwise call `sign_in`.
        timeout: seconds for one answer.
        patience: seconds to go on trying while the blog is busy or away.
        verify: the file of a certificate authority of your own, for a blog whose certificate it has signed.

    Every method raises `Problem` when the blog refuses and `Away` when nobody answers. A creation takes a
    `key`: with the same key it happens once, even if your program ends and begins again in between. A change
    takes the `etag` of what you have read: if somebody has changed it since, nothing is changed, and the
    `Problem` has status 409. Without it the last change wins.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        timeout: float = 10.0,
        patience: float = 30.0,
        verify: str | bool = True,
    ) -> None:
        self._transport = Transport(url, timeout, patience)
        self._transport.http.verify = verify
        self.token, self._refresh = token.strip(), ""

    def close(self) -> None:
        """Closes the connections. The tokens stay good; `sign_out` ends them."""
        self._transport.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Who is asking ----------------------------------------------------------------------------------

    def sign_in(self, email: str, password: str, otp: str = "") -> Self:
        """Takes tokens for a password; they are renewed from then on. When an answer is lost it asks again:
        tokens that nobody has got harm nobody.

        `otp` is a code of the authenticator app, or a recovery code, for an account with a second factor.
        """
        said = base64.b64encode(f"{email}:{password}".encode()).decode()  # UTF-8, as RFC 7617 has it
        headers, body = {"Authorization": f"Basic {said}"}, {"otp": otp} if otp else None
        answer = self._transport.ask("POST", "/tokens/", json=body, headers=headers)
        self._take(checked("POST", "/tokens/", answer))
        return self

    def sign_out(self) -> None:
        self._ask("DELETE", "/tokens/")
        self.token = self._refresh = ""

    def register(self, email: str, username: str, password: str, key: str = "") -> shapes.Account:
        """A new account. It may do nothing before `confirm` has had the token from the mail."""
        return self._create("/users/", key, email=email, username=username, password=password)

    def confirm(self, token: str) -> None:
        self._ask("POST", "/users/confirm", token=token)

    def me(self) -> shapes.Account:
        return self._ask("GET", "/users/me")

    def edit_me(self, etag: str = "", **profile: Unpack[shapes.Profile]) -> shapes.Account:
        """`name`, `location`, `about_me`; what is not given stays, `None` empties."""
        return self._change("PATCH", "/users/me", etag, **profile)

    # People -----------------------------------------------------------------------------------------

    def user(self, id: int) -> shapes.User:
        return self._ask("GET", f"/users/{id}")

    def users(self) -> Iterator[shapes.User]:
        """Everybody, by id."""
        return self._all("/users/", "users")

    def profile(self, id: int) -> shapes.UserProfile:
        """A person with `name`, `location` and `about_me`."""
        return self._ask("GET", f"/users/{id}/profile")

    def user_named(self, username: str) -> shapes.User | None:
        found = self._ask("GET", "/users/", {"username": username})["users"]
        return found[0] if found else None

    def account(self, id: int) -> shapes.Account:
        """For administrators: everything about an account."""
        return self._ask("GET", f"/users/{id}/account")

    def administer(self, id: int, etag: str = "", **change: Unpack[shapes.Administration]) -> shapes.Account:
        """For administrators: `role`, `confirmed`, `disabled`, `username`, `email`, and the profile."""
        return self._change("PATCH", f"/users/{id}", etag, **change)

    def follow(self, id: int) -> None:
        self._ask("PUT", f"/users/{id}/follow")

    def unfollow(self, id: int) -> None:
        self._ask("DELETE", f"/users/{id}/follow")

    def followers(self, id: int) -> Iterator[shapes.Tie]:
        return self._all(f"/users/{id}/followers/", "followers")

    def following(self, id: int) -> Iterator[shapes.Tie]:
        return self._all(f"/users/{id}/following/", "following")

    # Posts and comments -----------------------------------------------------------------------------

    def publish(self, body: str, key: str = "") -> shapes.Post:
        """Markdown."""
        return self._create("/posts/", key, body=body)

    def post(self, id: int) -> shapes.Post:
        return self._ask("GET", f"/posts/{id}")

    def edit(self, id: int, body: str, etag: str = "") -> shapes.Post:
        return self._rewrite(f"/posts/{id}", etag, body)

    def remove(self, id: int, etag: str = "") -> None:
        self._change("DELETE", f"/posts/{id}", etag)

    def posts(self) -> Iterator[shapes.Post]:
        """Everybody's, newest first; pages are read as they are needed."""
        return self._all("/posts/", "posts")

    def posts_of(self, id: int) -> Iterator[shapes.Post]:
        return self._all(f"/users/{id}/posts/", "posts")

    def timeline(self, id: int) -> Iterator[shapes.Post]:
        """Posts of this person and of those whom they follow, newest first."""
        return self._all(f"/users/{id}/timeline/", "posts")

    def comment(self, post: int, body: str, key: str = "") -> shapes.Comment:
        return self._create(f"/posts/{post}/comments/", key, body=body)

    def read_comment(self, id: int) -> shapes.Comment:
        return self._ask("GET", f"/comments/{id}")

    def edit_comment(self, id: int, body: str, etag: str = "") -> shapes.Comment:
        return self._rewrite(f"/comments/{id}", etag, body)

    def remove_comment(self, id: int, etag: str = "") -> None:
        self._change("DELETE", f"/comments/{id}", etag)

    def comments(self, post: int) -> Iterator[shapes.Comment]:
        return self._all(f"/posts/{post}/comments/", "comments")

    def disable_comment(self, id: int, etag: str = "") -> shapes.Comment:
        """For moderators."""
        return self._change("PUT", f"/comments/{id}/disabled", etag)

    def enable_comment(self, id: int, etag: str = "") -> shapes.Comment:
        return self._change("DELETE", f"/comments/{id}/disabled", etag)

    # How --------------------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, params: dict[str, str] | None = None, /, **body: Any) -> Any:
        return self._send(method, path, {}, params=params, json=body or None)

    def _change(self, method: str, path: str, etag: str, /, **body: Any) -> Any:
        headers = {"If-Match": etag} if etag else {}
        return self._send(method, path, headers, json=body if body or method == "PATCH" else None)

    def _create(self, path: str, key: str, /, **body: Any) -> Any:
        return self._send("POST", path, {"Idempotency-Key": key} if key else {}, json=body)

    def _rewrite(self, path: str, etag: str, body: str) -> Any:
        """A change whose answer was lost is sent again, and is late behind itself: that is no conflict."""
        try:
            return self._change("PUT", path, etag, body=body)
        except Problem as late:
            now = self._ask("GET", path) if late.status == CONFLICT else {}
            if now.get("body") != body:
                raise
            return now

    def _send(self, method: str, path: str, headers: dict[str, str], **sent: Any) -> Any:
        answer = self._transport.ask(method, path, headers=headers | self._bearer(), **sent)
        if answer.status_code == UNAUTHORIZED and self._refresh:
            self._renew()
            answer = self._transport.ask(method, path, headers=headers | self._bearer(), **sent)
        told = checked(method, path, answer)
        if isinstance(told, dict) and "ETag" in answer.headers:
            told["etag"] = answer.headers["ETag"]
        return told

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def _renew(self) -> None:
        """A refresh token is used once; what replaces it comes with the new token. It is kept until the blog
        has answered: who shows the same again within some seconds, another thread too, gets the same tokens.
        """
        path = "/tokens/refresh"
        answer = self._transport.ask("POST", path, json={"refresh_token": self._refresh})
        if answer.status_code == UNAUTHORIZED:
            self._refresh = ""
        self._take(checked("POST", path, answer))

    def _take(self, tokens: shapes.Tokens) -> None:
        self.token, self._refresh = tokens["token"], tokens.get("refresh_token") or ""

    def _all(self, path: str, items: str) -> Iterator[Any]:
        """Every item of a collection, page after page by its `next` links. What is published meanwhile moves
        the others on, so the end of one page may come again on the next: it is given once.
        """
        at: str | None = path
        given: set[int] = set()
        while at:
            page: Any = self._ask("GET", at)
            for item in page[items]:
                if (id := (item.get("user") or item)["id"]) not in given:
                    given.add(id)
                    yield item
            at = page["next"]
