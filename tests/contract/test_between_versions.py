"""This code against what released versions need and said; and the real events that a release keeps.

By default against every snapshot in this tree. `deploy/release/compat.py` asks the trees of released versions
as well: BETWEEN names a file of questions, so what is read of it here is itself a contract.
"""

import json
import os
from itertools import product
from pathlib import Path

import jsonschema
import pytest

from .states import STATES
from .test_agreements import FOLDER, SERVICES, same_kind, the_provider_keeps

UPDATE = "UPDATE_FIXTURES" in os.environ
KEEPS_DATA = ("auth", "posts", "social")


def usual() -> list[dict[str, str]]:
    """`{provider, consumer, agreements}`: what is needed; `{provider, consumer, fixtures}`: what was said."""
    now = [SERVICES / name / "contract" for name in KEEPS_DATA]
    then = sorted(SERVICES.glob("*/contract/released/*"))
    needed = (FOLDER, *(path / "agreements" for path in then))
    said = product((path / "fixtures" for path in now + then), KEEPS_DATA)
    return [
        *({"agreements": str(path)} for path in needed),
        *({"fixtures": str(path), "consumer": name} for path, name in said),
    ]


def needed() -> dict[str, Path]:
    """By a name for the test; what several versions need, word for word, is asked once."""
    found = {
        (path.read_text(), row if ASKED else 0): (f"row {row} {path.stem}", path)
        for row, question in reversed(list(enumerate(QUESTIONS)))
        if "agreements" in question
        for path in sorted(Path(question["agreements"]).glob("*.json"))
        if concerned(json.loads(path.read_text()), question)
    }
    return dict(sorted(found.values()))


def concerned(agreement: dict[str, str], question: dict[str, str]) -> bool:
    return all(agreement[side] == question.get(side, agreement[side]) for side in ("provider", "consumer"))


def said() -> dict[str, tuple[Path, str]]:
    """Folders of kept events, and who is to understand them."""
    return {
        f"row {row} {question['consumer']}": (Path(question["fixtures"]), question["consumer"])
        for row, question in enumerate(QUESTIONS)
        if "fixtures" in question and Path(question["fixtures"]).is_dir()
    }


ASKED = os.environ.get("BETWEEN")
QUESTIONS = usual() if ASKED is None else json.loads(Path(ASKED).read_text())
NEEDED, SAID = needed(), said()


@pytest.mark.parametrize("name", NEEDED)
def test_what_a_consumer_needs_is_given(name, request):
    the_provider_keeps(json.loads(NEEDED[name].read_text()), request)


@pytest.mark.parametrize("name", SAID)
def test_what_a_provider_said_is_understood(name, request):
    folder, consumer = SAID[name]
    doors = request.getfixturevalue(consumer)
    known = doors.app.extensions["consumers"].types
    for path in sorted(folder.glob("*.json")):
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
