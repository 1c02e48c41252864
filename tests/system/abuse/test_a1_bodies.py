"""A1: bodies that are no JSON, or strange JSON; every text at its limit, one over it, and huge; odd Unicode."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .fuzzing import MOST_GROWTH, PROMISING, Judge, Operation, growth, memory, operations
from .site import told

CORPORA = Path(__file__).parent / "corpora"
CASES = json.loads((CORPORA / "json-test-suite" / "cases.json").read_text())
NAUGHTY = json.loads((CORPORA / "naughty-strings" / "strings.json").read_text())
JSON = {"Content-Type": "application/json"}
HUGE = 1024 * 1024
OWN = {
    "nothing": b"",
    "NUL": b"\x00",
    "bytes that are no UTF-8": b'{"body": "\xff\xfe\xc0\xaf\xed\xa0\x80"}',
    "UTF-16": '{"body": "x"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"body": "x"}',
    "NaN": b'{"body": NaN, "page": Infinity}',
    "a key twice": b'{"body": "a", "body": "b", "body": 3}',
    "one key too deep": b'{"body": ' + b'{"a":' * 33 + b"1" + b"}" * 34,
    "deep beyond any stack": b'{"body": ' + b"[" * 50_000,
    "a number of many digits": b'{"body": ' + b"9" * 100_000 + b"}",
    "a million keys, almost": b"{" + b",".join(b'"%d":0' % number for number in range(20_000)) + b"}",
    "a key that is huge": b'{"' + b"k" * 200_000 + b'": 1}',
    "larger than may be": b'{"body": "' + b"x" * HUGE + b'"}',
    "prototype": b'{"__proto__": {"admin": true}, "constructor": {}, "__class__": "x", "body": {"$gt": ""}}',
    "half an escape": b'{"body": "\\ud800"}',
    "control characters": b'{"body": "a\x07b"}',
}
KINDS = ("application/json", "application/json; charset=utf-16", "text/plain", "application/x-www-form-urlencoded",
         "multipart/form-data", "application/xml", "", "application/jsonx", "text/json, application/json")  # fmt: skip


def bodies() -> Iterator[bytes]:
    for _, text, *times in CASES:
        yield (text * (times[0] if times else 1)).encode("utf-8", "surrogatepass")
        if not times:
            yield b'{"body": ' + text.encode("utf-8", "surrogatepass") + b"}"
    yield from OWN.values()


def takers(service: str) -> list[Operation]:
    return [operation for operation in operations(service) if operation.takes]


def place(operation: Operation) -> str:
    """Its path, with something that is there in it as far as that can be."""
    return operation.path.replace("{id}", "1").replace("{session}", "0" * 32)


@pytest.mark.parametrize("service", PROMISING[:2])
def test_no_body_is_too_strange(fuzzed, service):
    """The quick form sends each body to one operation, the long one to all of them on one stack."""
    judge, everyone = Judge(fuzzed), takers(service)
    for number, body in enumerate(bodies()):
        for operation in everyone if fuzzed.long else [everyone[number % len(everyone)]]:
            list(judge.send(operation, place(operation), data=body, headers=JSON))
    for operation in everyone:
        for kind in KINDS:
            list(
                judge.send(operation, place(operation), data=b'{"body": "x"}', headers={"Content-Type": kind})
            )
    finish(judge, service, "bodies that are no JSON or strange JSON")


def texts(operation: Operation) -> Iterator[tuple[str, int]]:
    """The text fields of a body, each with the most characters that its document allows."""
    for name, field in operation.takes["properties"].items():
        for kind in field.get("anyOf", [field]):
            if kind.get("type") == "string":
                yield name, kind.get("maxLength", 64 * 1024)


def around(limit: int) -> Iterator[str]:
    for unit in ("a", "é", "漢", "😀", "\u202e", "e\u0301"):
        yield unit * (limit // len(unit))
        yield unit * (limit // len(unit)) + unit
    yield "x" * HUGE


@pytest.mark.parametrize("service", PROMISING[:2])
def test_every_text_may_be_anything(fuzzed, service):
    judge, before = Judge(fuzzed), memory(fuzzed)
    for operation in takers(service):
        for place_in_line, (name, limit) in enumerate(texts(operation)):
            odd = NAUGHTY if fuzzed.long else NAUGHTY[place_in_line % 16 :: 16]
            for text in (*around(limit), *odd, "", " ", "\n", "\ufeff", "\u0000", "\ud800"):
                list(judge.send(operation, place(operation), data=written(name, text), headers=JSON))
    grown = growth(fuzzed, before)
    finish(judge, service, "texts at their limits, over them, huge, odd", f"memory +{grown:.0f} MB")
    assert grown < MOST_GROWTH


def written(name: str, text: str) -> bytes:
    return json.dumps({name: text}, ensure_ascii="\ud800" in text).encode()


def finish(judge: Judge, service: str, tried: str, *note: Any) -> None:
    told("A1", judge.site.kind, f"{tried}, to {service}, by both doors: server errors, undocumented statuses",
         judge.sent[service], len(judge.wrong), *note)  # fmt: skip
    assert not judge.wrong, "\n".join(judge.wrong)
    assert judge.site.unexpected() == []
