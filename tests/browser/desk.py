"""Where browsers are opened."""

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.system.people import Person

from .crowd import session_of
from .watch import Watch

PATIENCE = 15_000  # milliseconds; the machine may be busy with other tests
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 320, "height": 640}


@dataclass
class Desk:
    """Opens browsers: each is somebody's own, with or without JavaScript."""

    chromium: Browser
    address: str
    watch: Watch
    sessions: dict[str, str]
    contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, path: str = "/", who: Person | None = None, **look: Any) -> Page:
        look = {
            "viewport": WIDE,
            "reduced_motion": "reduce",
            "locale": "en-GB",
            "timezone_id": "Europe/Vienna",
        } | look
        context = self.chromium.new_context(base_url=self.address, **look)
        context.set_default_timeout(PATIENCE)
        self.contexts.append(context)
        self.watch.over(context)
        if who is not None:
            cookie = {"name": "session", "value": self._session(who), "url": self.address}
            context.add_cookies([cookie | {"httpOnly": True, "sameSite": "Lax"}])
        page = context.new_page()
        page.goto(path)
        return page

    def _session(self, who: Person) -> str:
        if who.email not in self.sessions:
            self.sessions[who.email] = session_of(who)
        return self.sessions[who.email]

    def close(self) -> None:
        for context in self.contexts:
            context.close()
