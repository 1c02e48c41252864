"""How a request reaches the blog: in time, again when that is safe, refused with the blog's own words.

Every creation carries an `Idempotency-Key`, so a request whose answer was lost can be sent again and
happens once.
"""

import time
import uuid
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.exceptions import ChunkedEncodingError  # an answer that broke off

BUSY = (429, 502, 503, 504)
FIRST_PAUSE = 0.2  # seconds; doubled each time
LONGEST_PAUSE = 5.0  # seconds


class Away(Exception):
    """Nobody answered, however often it was tried."""


class Problem(Exception):
    """The blog refused; `message` is its own sentence (RFC 9457 problem details).

    Attributes:
        status: HTTP status.
        error: short name of the refusal, for example "not found".
        type: what a program must do something about, for example "urn:problem-type:second-factor-needed";
            mostly "about:blank".
        retry_after: seconds after which to try again, or 0.
        fields: sentences by the name of the field that they are about.
        request_id: what to tell the people who run the blog.
    """

    def __init__(self, asked: str, answer: requests.Response, message: str = "") -> None:
        self.status = answer.status_code
        told: dict[str, Any] = {"message": message} if message else problem_of(answer)
        self.error: str = told.get("error") or answer.reason
        self.type: str = told.get("type") or "about:blank"
        self.retry_after = retry_after(answer)
        self.message: str = told.get("message") or told.get("detail") or answer.reason
        self.fields: dict[str, str] = {each["field"]: each["message"] for each in told.get("errors") or ()}
        self.request_id: str = answer.headers.get("X-Request-Id", "")
        others = (f"{name}: {text}" for name, text in self.fields.items() if text != self.message)
        because = "; ".join([self.message, *others])
        super().__init__(f"{asked} was refused: {self.status} {because}")


def checked(method: str, path: str, answer: requests.Response) -> Any:
    """What a good answer holds. Raises `Problem` for any other, and for one that is not from the API."""
    asked = f"{method} {path}"
    if answer.is_redirect:
        raise Problem(
            asked, answer, f"this leads to {answer.headers['Location']}: give the blog's own address"
        )
    if not answer.ok:
        raise Problem(asked, answer)
    try:
        return answer.json() if answer.content else None
    except ValueError:
        raise Problem(asked, answer, f"the answer is not JSON: is {answer.url} the API of a blog?") from None


def problem_of(answer: requests.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


@dataclass
class Transport:
    """One blog. `timeout` is for one answer, `patience` for all tries of a request, both in seconds."""

    url: str
    timeout: float = 10.0
    patience: float = 30.0
    http: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.url = self.url.rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"the blog's address must begin with http:// or https://, not {self.url!r}")
        self.http.trust_env = False  # a ~/.netrc would take the place of the token

    def ask(self, method: str, path: str, **sent: Any) -> requests.Response:
        """The answer, whatever its status; tried again while the blog is busy or away.

        Args:
            path: below the API's root, or a whole address of this blog (as `next` has it).

        Raises:
            Away: no answer within `patience`.
        """
        headers = sent.pop("headers", {})
        if method == "POST":
            headers = {"Idempotency-Key": uuid.uuid4().hex} | headers
        deadline, pause = time.monotonic() + self.patience, FIRST_PAUSE
        while True:
            answer, why = self._try(method, path, headers, sent)
            wait = max(pause, retry_after(answer)) if answer is not None else pause
            if answer is not None and answer.status_code not in BUSY:
                return answer
            if time.monotonic() + wait > deadline:
                break
            time.sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE)
        if answer is None:
            raise Away(f"nobody answers at {self.url}: {why}")
        return answer

    def _try(
        self, method: str, path: str, headers: dict[str, str], sent: dict[str, Any]
    ) -> tuple[requests.Response | None, str]:
        try:
            return self.http.request(
                method, self._at(path), headers=headers, timeout=self.timeout, allow_redirects=False, **sent
            ), ""
        except (requests.ConnectionError, requests.Timeout, ChunkedEncodingError) as error:
            return None, type(error).__name__

    def _at(self, path: str) -> str:
        """Links that the blog gives are absolute, under its public address; credentials go nowhere else."""
        if "://" in path:
            path = "/" + path.split("://", 1)[1].partition("/")[2]
            return f"{self.url}{path}"
        return f"{self.url}/api/v1{path}"


def retry_after(answer: requests.Response) -> float:
    """Seconds that a busy blog asks to wait; it may also name a date (RFC 9110, 10.2.3)."""
    told = answer.headers.get("Retry-After", "0")
    if told.isdigit():
        return float(told)
    try:
        return max(parsedate_to_datetime(told).timestamp() - time.time(), 0.0)
    except ValueError:
        return 0.0
