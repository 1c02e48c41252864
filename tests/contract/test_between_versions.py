"""This code against what released versions need and said; and the real events that a release keeps.

By default against every snapshot in this tree. `deploy/release/compat.py` gives other folders by AGREEMENTS
and FIXTURES, names the two services by BETWEEN, and runs the same tests in the trees of released versions.
"""

import json
import os
from pathlib import Path

import jsonschema
import pytest

from .states import STATES
from .test_agreements import SERVICES, same_kind, the_provider_keeps

UPDATE = "UPDATE_FIXTURES" in os.environ
BETWEEN = set(os.environ.get("BETWEEN", "").split())
KEEPS_DATA = ("auth", "posts", "social")
CONTRACTS = sorted(path / "contract" for path in SERVICES.iterdir())
RELEASED = [version for contract in CONTRACTS for version in sorted(contract.glob("released/*"))]


def folders(variable: str, usual: list[Path]) -> dict[str, Path]:
    """Folders by a name for the test; the one that the environment gives, or those that are there."""
    given = [Path(os.environ[variable])] if variable in os.environ else usual
    return {"/".join(path.parts[-5:-1]): path for path in given if path.is_dir()}


def concerns(agreement: dict) -> bool:
    return not BETWEEN or {agreement["provider"], agreement["consumer"]} == BETWEEN


NEEDED = {
    f"{path.stem} of {name}": path
    for name, folder in folders(
        "AGREEMENTS", [Path(__file__).parent / "agreements", *(path / "agreements" for path in RELEASED)]
    ).items()
    for path in sorted(folder.glob("*.json"))
    if concerns(json.loads(path.read_text()))
}
SAID = folders("FIXTURES", [path / "fixtures" for path in (*CONTRACTS, *RELEASED)])


@pytest.mark.parametrize("name", NEEDED)
def test_what_a_consumer_needs_is_given(name, request):
    the_provider_keeps(json.loads(NEEDED[name].read_text()), request)


@pytest.mark.parametrize("consumer", sorted(BETWEEN & set(KEEPS_DATA)) or KEEPS_DATA)
@pytest.mark.parametrize("name", SAID)
def test_what_a_provider_said_is_understood(name, consumer, request):
    doors = request.getfixturevalue(consumer)
    known = doors.app.extensions["consumers"].types
    for path in sorted(SAID[name].glob("*.json")):
        event = json.loads(path.read_text())
        if event["type"] in known:
            for _ in range(2):  # twice, as a queue may give it
                doors.receive(event["type"], event["subject"], event["version"], event["data"])
    assert [f"{row['type']}: {row['reason']}" for row in doors.parked()] == []


@pytest.mark.parametrize(("provider", "state"), STATES)
def test_the_events_kept_for_releases_are_those_that_are_said(provider, state, request):
    """`UPDATE_FIXTURES=1 make test ARGS='-n 0 -k kept_for_releases'` writes them anew."""
    doors = request.getfixturevalue(provider)
    STATES[provider, state](doors)
    for event in doors.outbox():
        path = SERVICES / provider / "contract" / "fixtures" / f"{event.type}.json"
        told = {"type": event.type, "subject": event.subject, "version": event.version, "data": event.data}
        if UPDATE:
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(told, indent=2) + "\n")
        kept = json.loads(path.read_text())
        same_kind(kept["data"], event.data, event.type)
        assert set(kept["data"]) == set(event.data), f"{path.name} is old: write it anew"


@pytest.mark.parametrize("provider", KEEPS_DATA)
def test_each_event_that_is_promised_has_a_kept_one(provider, request):
    promised = request.getfixturevalue(provider).app.extensions["publishes"]
    folder = SERVICES / provider / "contract" / "fixtures"
    kept = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert set(kept) == set(promised), "bring the missing ones about in states.py"
    for type, event in kept.items():
        schema = json.loads((folder.parent / "events" / f"{type}.json").read_text())
        jsonschema.validate(event["data"], schema)
