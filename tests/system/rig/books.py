"""Read access to every database of a blog, and what is still on its way between them."""

import json
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

import auth.consumers
import posts.consumers
import social.consumers
from deploy.local.stack import SERVICES, Stack

LISTENS = {
    name: frozenset(room.consumers.types)
    for name, room in (("auth", auth.consumers), ("posts", posts.consumers), ("social", social.consumers))
}


@dataclass
class Books:
    """Read access to the three databases. `lost`: events that an experiment took away on purpose; `gone`:
    people whose accounts it removed, of whom nothing is promised any more.
    """

    engines: dict[str, sa.Engine]
    lost: set[str] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, stack: Stack) -> "Books":
        urls = {name: stack.environment(name)["DATABASE_URL"] for name in SERVICES}
        return cls({name: sa.create_engine(url, poolclass=sa.NullPool) for name, url in urls.items()})

    def rows(self, service: str, query: str) -> list[tuple[Any, ...]]:
        with self.engines[service].connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    def value(self, service: str, query: str) -> Any:
        return self.rows(service, query)[0][0]

    def events(self) -> list[dict[str, Any]]:
        """Every event that was ever written, with its envelope."""
        return [
            json.loads(bytes(body))
            for service in SERVICES
            for (body,) in self.rows(service, "SELECT body FROM outbox ORDER BY id")
        ]

    def written(self) -> list[tuple[str, str]]:
        """The ids and types of all events."""
        rows = (self.rows(service, "SELECT event_id, type FROM outbox") for service in SERVICES)
        return [(id, type) for some in rows for id, type in some]

    def waiting(self) -> str:
        """What is still on its way, in words."""
        for service in SERVICES:
            if unsent := self.value(service, "SELECT count(*) FROM outbox WHERE sent_at IS NULL"):
                return f"{unsent} events of {service} are not sent"
            if trying := self.value(service, "SELECT count(*) FROM parked WHERE next_try_at IS NOT NULL"):
                return f"{trying} events wait for another try in {service}"
        return self.unhandled()

    def forgive(self) -> int:
        """What was written and is not handled now was taken away with a queue; copies must be right all the
        same.
        """
        written, before = self.written(), len(self.lost)
        for service in SERVICES:
            handled = {id for (id,) in self.rows(service, "SELECT event_id FROM inbox")}
            self.lost |= {id for id, type in written if type in LISTENS[service]} - handled
        return len(self.lost) - before

    def unhandled(self) -> str:
        written = self.written()
        for service in SERVICES:
            wanted = {id for id, type in written if type in LISTENS[service]}
            handled = {id for (id,) in self.rows(service, "SELECT event_id FROM inbox")}
            parked = {id for (id,) in self.rows(service, "SELECT event_id FROM parked")}
            if lost := wanted - handled - parked - self.lost:
                return f"{len(lost)} of {len(wanted)} events have not reached {service}"
        return ""
