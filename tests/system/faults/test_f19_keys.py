"""F19: the signing key is rotated again and again under load, and one is revoked."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest
import requests

from ..people import PASSWORD, Person
from ..rig.blog import LONG, Rig, long, names, told
from ..rig.checker import soon
from ..rig.load import Load, Member, signs_in

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbooks" / "keys.md"
COMMANDS = re.findall(r"^flask --app auth\.app (.+)$", RUNBOOK.read_text(), re.M)
EVERY = 5.0 if LONG else 2.0


@pytest.fixture(scope="module")
def members(rig):
    return rig.members(4, patience=5)


class Visitor:
    """Signs in again and again, and shows each new token at every door at once."""

    def __init__(self, rig: Rig, person: Person) -> None:
        self.person, ports = person, rig.stack.ports
        self.doors = {
            name: f"http://127.0.0.1:{ports[name]}{path}"
            for name, path in (
                ("gateway", f"/api/v1/users/{person.id}/timeline/"),
                ("auth", "/api/v1/users/me"),
                ("posts", "/api/v1/posts/"),
                ("social", f"/api/v1/users/{person.id}/timeline/"),
            )
        }
        self._pool = ThreadPoolExecutor(len(self.doors))
        self.refused: list[str] = []
        self.signers: set[str] = set()

    def opened(self, token: str) -> set[str]:
        """The doors that this token opens now."""

        good = self._pool.map(lambda url: opens(url, token), self.doors.values())
        return {name for name, opened in zip(self.doors, good, strict=True) if opened}

    def token(self) -> str:
        self.person.token = ""
        soon(lambda: signs_in(self.person))
        return self.person.token

    def visit(self) -> None:
        token = self.token()
        self.signers.add(signer(token))
        if closed := set(self.doors) - self.opened(token):
            self.refused.append(f"{names(sorted(closed))} refused a token of {signer(token)}")

    def keep_visiting(self, ending: threading.Event) -> None:
        while not ending.wait(0.2):
            self.visit()


def opens(url: str, token: str) -> bool:
    """A busy service that refuses everybody for a moment (503) says nothing of the token."""

    def status() -> int:
        return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=20).status_code

    return bool(soon(lambda: (said := status()) in (200, 401) and said) == 200)


def signer(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


def keys(rig: Rig, command: str, kid: str = "") -> str:
    """One of the commands of the runbook, word for word."""
    [found] = [each for each in COMMANDS if each.split()[1] == command]
    return rig.command("auth", *found.replace("KID", kid).split())


def test_keys_change_under_load_and_nobody_notices_but_the_revoked(rig, members):
    visitor = Visitor(rig, rig.blog.member("visitor"))
    guests = rig.members(long(4, 1), patience=5)
    rotations, began = long(12, 1), time.monotonic()
    ending = threading.Event()
    crowd = threading.Thread(target=visitor.keep_visiting, args=(ending,))
    with Load(members, long(10, 6), seed=19):
        crowd.start()
        for _ in range(rotations):
            due = time.monotonic() + EVERY
            kid = keys(rig, "rotate").strip()
            assert kid in keys(rig, "list") or not LONG
            soon(lambda kid=kid: kid in visitor.signers)
            time.sleep(max(due - time.monotonic(), 0))
        ending.set()
        crowd.join()
        slowest = max(revoked(rig, visitor, guest) for guest in guests)
    asked = [each for each in rig.ledger.tries() if each.at > began]
    refused = [each for each in asked if each.status == 401]
    arrived = rig.check()
    measured = (
        f"{len(asked)} requests and {len(visitor.signers)} signers,"
        f" {len(refused) + len(visitor.refused)} good tokens refused,"
        f" a revoked one accepted for {slowest:.1f} s, all arrived {arrived:.1f} s after"
    )
    told("F19", rig.kind, f"{rotations} rotations, one each {EVERY:.0f} s", measured, "0 refused, ≤ 2 s")
    assert not visitor.refused
    assert not refused
    assert slowest <= (2 if LONG else 20)


def revoked(rig: Rig, visitor: Visitor, guest: Member) -> float:
    """Revokes the key that signs; seconds from there until no door opens to what it signed.

    A guest who shows a password each time is known by a token of that key then, and must not notice.
    """
    guest.person.http.auth, guest.person.token = (guest.person.email, PASSWORD), ""
    with Load([guest], rate=20, seed=guest.id):
        soon(lambda: guest.read().outcome == "done")
        return forgotten(rig, visitor)


def forgotten(rig: Rig, visitor: Visitor) -> float:
    stolen = visitor.token()
    file = rig.stack.data / "keys" / f"{signer(stolen)}.pem"
    assert visitor.opened(stolen) == set(visitor.doors)
    command = threading.Thread(target=keys, args=(rig, "revoke", signer(stolen)))
    command.start()
    while file.exists():
        time.sleep(0.01)
    gone = last = time.monotonic()
    while time.monotonic() - max(gone, last) < 2.5:
        if visitor.opened(stolen):
            last = time.monotonic()
    command.join()
    assert signer(visitor.token()) != signer(stolen)
    visitor.visit()
    return last - gone
