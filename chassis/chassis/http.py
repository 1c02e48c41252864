"""HTTP to other services: keep-alive, always a timeout, one sentence for when it fails. Built on requests."""

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from .problems import Unavailable

CONNECT, READ = 0.5, 5.0


class Client:
    """A client of one address.

    Args:
        base: address that every path is added to.
        sentence: what people are told when it cannot be reached.
        credential: value of the `Authorization` header, if every call carries the same one.

    Every call raises `Unavailable` with the sentence when nothing, or a 5xx, comes back within `CONNECT` +
    `READ` seconds.
    """

    def __init__(self, base: str, *, sentence: str, credential: str = "", pool: int = 8) -> None:
        self._base, self._sentence = base.rstrip("/"), sentence
        self._session = requests.Session()
        self._session.trust_env = False  # looking proxies up again for each call doubles its cost
        self._session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=pool))
        if credential:
            self._session.headers["Authorization"] = credential

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", (CONNECT, READ))
        try:
            response = self._session.request(method, self._base + path, allow_redirects=False, **options)
        except requests.RequestException as error:
            raise Unavailable(self._sentence) from error
        if response.status_code >= 500:
            raise Unavailable(self._sentence)
        return response

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.request("POST", path, **options)
