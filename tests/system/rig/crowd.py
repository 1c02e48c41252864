"""A crowd, in a process of its own: what asks must not be what is slow.

It is told whom and how much to ask as JSON, and prints a line for each request: the text, when, how long, and
what came of it.
"""

from gevent import monkey

monkey.patch_all()

import http.client  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import uuid  # noqa: E402
from typing import Any  # noqa: E402
from urllib.parse import urlsplit  # noqa: E402

import gevent  # noqa: E402

NONE = 0  # the status of an answer that never came


def main(url: str, token: str, rate: float, people: int, seconds: float) -> None:
    began = time.monotonic()
    every = people / rate

    def ask(number: int) -> None:
        due, client = began + number / rate, Client(url, token)
        while due < began + seconds:
            time.sleep(max(due - time.monotonic(), 0))
            print(json.dumps(client.publish()))
            due = max(due + every, time.monotonic() - every)

    gevent.joinall([gevent.spawn(ask, number) for number in range(people)], raise_error=True)


class Client:
    """Somebody on a connection of their own, and as cheap as can be."""

    def __init__(self, url: str, token: str) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def publish(self) -> list[Any]:
        text, began = f"text of somebody in a crowd {uuid.uuid4().hex}", time.monotonic()
        try:
            self._connection.request("POST", "/api/v1/posts/", json.dumps({"body": text}), self._headers)
            answer = self._connection.getresponse()
            said, took = answer.read(), time.monotonic() - began
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return [text, began, time.monotonic() - began, NONE]
        found = [answer.headers.get(name, "") for name in ("X-Request-Id", "Retry-After")]
        made = json.loads(said) if answer.status == http.HTTPStatus.CREATED else None
        return [text, began, took, answer.status, *found, made]


if __name__ == "__main__":
    main(**json.load(sys.stdin))
