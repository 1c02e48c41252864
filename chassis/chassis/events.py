"""Events: facts that have happened, in CloudEvents 1.0 envelopes (structured JSON mode).

Extensions beside the specification's attributes: `version` of the subject (an integer that only grows),
`traceparent` (W3C), `requestid` and `about`: the number of the person whose data is in it, if it is
anybody's, so that whoever keeps the event for a while finds it when that person goes. The envelope only ever
gains members, so that any two versions of this package understand each other.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

LARGEST = 1024 * 1024
SHORT = 200  # characters of a name
WATERMARK = ".watermark.v1"
NAMES = ("id", "type", "subject", "source")
ENVELOPE = (*NAMES, "specversion", "time", "version", "requestid", "about")


class Unreadable(ValueError):
    """A message that is not one of ours; it is parked with this reason and never tried again."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact: the state of its subject after it happened."""

    type: str
    subject: str
    version: int
    data: Any
    source: str = ""
    id: str = ""
    time: str = ""
    traceparent: str = ""
    requestid: str = ""
    about: int | None = None

    def to_json(self) -> bytes:
        return orjson.dumps(self.members())

    def members(self) -> dict[str, Any]:
        """The envelope."""
        about = {} if self.about is None else {"about": self.about}
        return about | {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": self.time,
            "datacontenttype": "application/json",
            "version": self.version,
            "traceparent": self.traceparent,
            "requestid": self.requestid,
            "data": self.data,
        }

    @classmethod
    def parse(cls, body: bytes) -> "Event":
        """Raises `Unreadable`, with a reason a person understands, for anything that is not an event of
        this house.
        """
        if len(body) > LARGEST:
            raise Unreadable(f"larger than {LARGEST} bytes")
        try:
            members = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Unreadable("not JSON") from None
        return cls.of(members)

    @classmethod
    def of(cls, members: Any) -> "Event":
        """An event from its envelope's members. Raises `Unreadable`."""
        if not isinstance(members, dict) or members.get("specversion") != "1.0":
            raise Unreadable("not a CloudEvents 1.0 envelope")
        for name in NAMES:
            if not members.get(name) or not _is_short(members[name]):
                raise Unreadable(f"the member {name!r} is missing or not a short text")
            if not members[name].isprintable():  # no database and no log takes everything that JSON can say
                raise Unreadable(f"the member {name!r} has characters that cannot be printed")
        version = members.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 0:
            raise Unreadable("the member 'version' is not a whole number")
        if not isinstance(members.get("data"), dict):
            raise Unreadable("the member 'data' is not an object")
        named = {name: members[name] for name in ("type", "subject", "version", "data", "source", "id")}
        optional = {name: str(members.get(name) or "") for name in ("time", "traceparent", "requestid")}
        return cls(**named | optional, about=_number(members.get("about")))


def envelope(body: bytes) -> tuple[dict[str, Any], int | None]:
    """What can be read of a message around its data, however large or wrong the rest is; and whom it is
    about, if it says so.
    """
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError:
        members = None
    if not isinstance(members, dict):
        return {}, None
    shown = {name: members[name] for name in ENVELOPE if name in members}
    plain = {name: value for name, value in shown.items() if isinstance(value, int) or _is_short(value)}
    return plain, _number(members.get("about"))


def _is_short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= SHORT


def _number(value: Any) -> int | None:
    """A person's number; what is not one is nobody's."""
    good = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
    return value if good else None


def is_watermark(type: str) -> bool:
    """Whether it is no fact but says how far a service has told its facts (see `freshness`)."""
    return type.endswith(WATERMARK)


def new_id() -> str:
    return str(uuid.uuid4())


def now() -> datetime:
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
