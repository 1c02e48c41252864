"""What must never happen while somebody reads a page: it is noted here, and fails the test at its end."""

from collections import Counter
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response

# Chromium says the same twice: as an answer with a bad status, which is looked at below, and on its console.
SAID_ELSEWHERE = "Failed to load resource"
INSIDE = ("data", "blob", "about")
VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
    console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI}`))"""


class Watch:
    """Listens to every page of some browser contexts. `seen` counts, `troubles` are sentences."""

    def __init__(self, address: str) -> None:
        self.host = urlsplit(address).netloc
        self.seen: Counter[str] = Counter()
        self.troubles: list[str] = []

    def over(self, context: BrowserContext) -> None:
        context.add_init_script(VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self._trouble("error in a script", str(error.error)))
        context.on("request", self._request)
        context.on("response", self._response)

    def _trouble(self, kind: str, words: str) -> None:
        self.seen[kind] += 1
        self.troubles.append(f"{kind}: {words}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(SAID_ELSEWHERE):
            kind = "CSP violation" if "Content Security Policy" in message.text else "error on the console"
            self._trouble(kind, f"{message.text} at {message.location.get('url', '')}")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        self.seen["requests"] += 1
        if address.scheme not in INSIDE and address.netloc != self.host:
            self._trouble("request to another host", request.url)

    def _response(self, response: Response) -> None:
        kind = response.request.resource_type
        if kind == "document" and "Content-Security-Policy" not in _names(response):
            self._trouble("page without a policy", response.url)
        if kind not in ("document", "fetch") and response.status >= 400:
            self._trouble("part of a page is missing", f"{response.status} {response.url}")


def _names(response: Response) -> set[str]:
    return {name.title() for name in response.headers}
