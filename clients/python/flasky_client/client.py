"""The blog's operations as methods; what they give are the API's own objects, typed (see `shapes`)."""

from collections.abc import Iterator
from typing import Any, Self

import requests

from . import shapes
from .transport import Problem, Transport

UNAUTHORIZED = 401


class Flasky:
    """A blog, as one of its members or as a stranger sees it.

    Args:
        url: where the blog is, for example "http://localhost:8000".
        token: an API token that you have already; otherwise call `sign_in`.
        timeout: seconds for one answer.
        patience: seconds to go on trying while the blog is busy or away.

    Every method raises `Problem` when the blog refuses and `Away` when nobody answers.
    """

    def __init__(self, url: str, token: str = "", *, timeout: float = 10.0, patience: float = 30.0) -> None:
        self._transport = Transport(url, timeout, patience)
        self.token, self._refresh = token, ""

    # Who is asking ----------------------------------------------------------------------------------

    def sign_in(self, email: str, password: str) -> Self:
        """Takes tokens for a password; they are renewed from then on. When an answer is lost it asks again:
        tokens that nobody has got harm nobody.
        """
        answer = self._transport.ask("POST", "/tokens/", auth=(email, password))
        self._take(self._checked("POST", "/tokens/", answer))
        return self

    def sign_out(self) -> None:
        self._ask("DELETE", "/tokens/")
        self.token = self._refresh = ""

    def register(self, email: str, username: str, password: str) -> shapes.Account:
        """A new account. It may do nothing before `confirm` has had the token from the mail."""
        return self._ask("POST", "/users/", email=email, username=username, password=password)

    def confirm(self, token: str) -> None:
        self._ask("POST", "/users/confirm", token=token)

    def me(self) -> shapes.Account:
        return self._ask("GET", "/users/me")

    def edit_me(self, **profile: str | None) -> shapes.Account:
        """`name`, `location`, `about_me`."""
        return self._ask("PATCH", "/users/me", **profile)

    # People -----------------------------------------------------------------------------------------

    def user(self, id: int) -> shapes.User:
        return self._ask("GET", f"/users/{id}")

    def user_named(self, username: str) -> shapes.User | None:
        found = self._ask("GET", "/users/", {"username": username})["users"]
        return found[0] if found else None

    def administer(self, id: int, **change: Any) -> shapes.Account:
        """For administrators: `role`, `confirmed`, `disabled`, `username`, `email`, and the profile."""
        return self._ask("PATCH", f"/users/{id}", **change)

    def follow(self, id: int) -> None:
        self._ask("PUT", f"/users/{id}/follow")

    def unfollow(self, id: int) -> None:
        self._ask("DELETE", f"/users/{id}/follow")

    def followers(self, id: int) -> Iterator[shapes.Tie]:
        return self._all(f"/users/{id}/followers/", "followers")

    def following(self, id: int) -> Iterator[shapes.Tie]:
        return self._all(f"/users/{id}/following/", "following")

    # Posts and comments -----------------------------------------------------------------------------

    def publish(self, body: str) -> shapes.Post:
        """Markdown."""
        return self._ask("POST", "/posts/", body=body)

    def post(self, id: int) -> shapes.Post:
        return self._ask("GET", f"/posts/{id}")

    def edit(self, id: int, body: str) -> shapes.Post:
        return self._ask("PUT", f"/posts/{id}", body=body)

    def remove(self, id: int) -> None:
        self._ask("DELETE", f"/posts/{id}")

    def posts(self) -> Iterator[shapes.Post]:
        """Everybody's, newest first; pages are read as they are needed."""
        return self._all("/posts/", "posts")

    def posts_of(self, id: int) -> Iterator[shapes.Post]:
        return self._all(f"/users/{id}/posts/", "posts")

    def timeline(self, id: int) -> Iterator[shapes.Post]:
        """Posts of those whom this person follows, newest first."""
        return self._all(f"/users/{id}/timeline/", "posts")

    def comment(self, post: int, body: str) -> shapes.Comment:
        return self._ask("POST", f"/posts/{post}/comments/", body=body)

    def comments(self, post: int) -> Iterator[shapes.Comment]:
        return self._all(f"/posts/{post}/comments/", "comments")

    def disable_comment(self, id: int) -> shapes.Comment:
        """For moderators."""
        return self._ask("PUT", f"/comments/{id}/disabled")

    def enable_comment(self, id: int) -> shapes.Comment:
        return self._ask("DELETE", f"/comments/{id}/disabled")

    # How --------------------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, params: dict[str, str] | None = None, /, **body: Any) -> Any:
        answer = self._sent(method, path, params, body)
        if answer.status_code == UNAUTHORIZED and self._refresh:
            self._renew()
            answer = self._sent(method, path, params, body)
        return self._checked(method, path, answer)

    def _sent(
        self, method: str, path: str, params: dict[str, str] | None, body: dict[str, Any]
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self._transport.ask(method, path, params=params, json=body or None, headers=headers)

    def _checked(self, method: str, path: str, answer: requests.Response) -> Any:
        if not answer.ok or answer.is_redirect:  # nobody follows one, so nothing was done
            raise Problem(f"{method} {path}", answer)
        return answer.json() if answer.content else None

    def _renew(self) -> None:
        """A refresh token is used once; what replaces it comes with the new token."""
        path, refresh = "/tokens/refresh", self._refresh
        self._refresh = ""
        answer = self._transport.ask("POST", path, json={"refresh_token": refresh})
        self._take(self._checked("POST", path, answer))

    def _take(self, tokens: shapes.Tokens) -> None:
        self.token, self._refresh = tokens["token"], tokens.get("refresh_token") or ""

    def _all(self, path: str, items: str) -> Iterator[Any]:
        """Every item of a collection, page after page by its `next` links."""
        at: str | None = path
        while at:
            page: Any = self._ask("GET", at)
            yield from page[items]
            at = page["next"]
