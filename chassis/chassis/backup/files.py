"""The file of a backup: written whole or not at all, read only if not one byte has changed."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import BinaryIO

FIRST = b"service backup 1\n"
TRAILER = len("sha256 ") + 64
CHUNK = 1024 * 1024


class Refused(Exception):
    """This cannot be done; the message says why, in one line, for the person who asked."""


@dataclass(frozen=True)
class Position:
    """How far the service had come: what the backup holds, and nothing after it."""

    schema: str
    newest_event: str
    newest_event_number: int
    unsent: int  # events, which go out again when this is restored
    newest_handled: str
    newest_handled_at: str
    highest: dict[str, int]  # id of each table that gives ids


@dataclass(frozen=True)
class Manifest:
    """What is in a backup; `kind` is the database's."""

    service: str
    kind: str
    taken_at: str
    code: str
    chassis: str
    position: Position


class Hashing:
    """Writes through, and knows the checksum of what has passed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.sum = file, hashlib.sha256()

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self.sum.update(piece)


def write(path: Path, manifest: Manifest, content: Path) -> None:
    """Appears under its name when it is whole and on the disk; for its owner alone, who has to keep it so."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            hashing = Hashing(file)
            hashing.write(FIRST + json.dumps(asdict(manifest)).encode() + b"\n")
            with content.open("rb") as source:
                while piece := source.read(CHUNK):
                    hashing.write(piece)
            file.write(f"sha256 {hashing.sum.hexdigest()}".encode())
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def opened(path: Path, content: Path) -> Iterator[Manifest]:
    """What the backup says of itself; the database is in `content` meanwhile. Raises `Refused`."""
    try:
        yield _unpacked(path, content)
    finally:
        content.unlink(missing_ok=True)


def _unpacked(path: Path, content: Path) -> Manifest:
    try:
        with path.open("rb") as file:
            left = path.stat().st_size - TRAILER
            if file.read(len(FIRST)) != FIRST or left <= len(FIRST):
                raise Refused(f"{path} is not a backup")
            verify(path, left)
            manifest = _manifest(file.readline(), path)
            with open(os.open(content, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as sink:
                while piece := file.read(min(CHUNK, left - file.tell())):
                    sink.write(piece)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None
    return manifest


def verify(path: Path, length: int) -> None:
    """Raises `Refused` unless the checksum at the end is that of everything before it."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(min(CHUNK, length - file.tell())):
            found.update(piece)
        if file.read() != f"sha256 {found.hexdigest()}".encode():
            raise Refused(f"{path} is damaged or not whole: its checksum is wrong")


def _manifest(line: bytes, path: Path) -> Manifest:
    """Members that a newer version has added are passed over."""
    told = json.loads(line)
    try:
        known = {field.name: told[field.name] for field in fields(Manifest)}
        position = {field.name: known["position"][field.name] for field in fields(Position)}
    except KeyError as missing:
        raise Refused(f"{path} does not say its {missing}") from None
    return Manifest(**known | {"position": Position(**position)})
