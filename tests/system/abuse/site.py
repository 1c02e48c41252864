"""A running blog to be abused: every door, somebody who is signed in, and everything that was logged."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ..people import Blog, Person

LONG = os.environ.get("ABUSE") == "long"
SERVICES = ("auth", "posts", "social", "web")


def long(much: int, little: int) -> int:
    """How often, or how long, in the long form and in the quick one."""
    return much if LONG else little


@dataclass
class Site:
    """`kind`: the stack it runs on. `long`: whether what takes minutes is tried here, and not on both."""

    kind: str
    blog: Blog
    told: list[str] = field(default_factory=list)

    @property
    def long(self) -> bool:
        return LONG and self.kind == "embedded"

    @property
    def doors(self) -> dict[str, int]:
        """The gateway's port and each service's own."""
        return {name: self.blog.stack.ports[name] for name in ("gateway", *SERVICES)}

    def own(self, door: str) -> str:
        """What only somebody who is signed in may read there."""
        path = {
            "posts": "/api/v1/posts/",
            "web": "/edit-profile",
            "social": f"/api/v1/users/{self.ann.id}/timeline/",
        }
        return path.get(door, "/api/v1/users/me")

    @cached_property
    def ann(self) -> Person:
        return self.blog.member("ann")

    @cached_property
    def root(self) -> Person:
        return self.blog.administrator()

    @property
    def internal_secret(self) -> str:
        return self.blog.stack.environment("auth")["INTERNAL_SECRET"]

    def logs(self) -> Iterator[str]:
        """Every line that any process has logged."""
        for path in sorted(self.blog.stack.logs.glob("*.log")):
            yield from path.read_text(errors="replace").splitlines()

    def unexpected(self) -> list[str]:
        """The lines that tell of an error nobody foresaw."""
        return [line for line in self.logs() if '"level":"error"' in line or "Traceback" in line]


def told(row: str, stack: str, tried: str, count: int, through: int, note: str = "") -> None:
    """Prints a row of bench/abuse.md, and appends it to the file that ABUSE_TABLE names."""
    line = f"| {row} | {stack} | {tried} | {count:,} | {through} | {note} |"
    print(f"\n{line}")
    if path := os.environ.get("ABUSE_TABLE"):
        with Path(path).open("a") as table:
            table.write(f"{line}\n")
