"""The house in one picture, drawn from the imports of its own code, and its size, room by room.

A room is a module or a folder of modules directly below a package. An arrow goes to what is imported; one
that follows from others is left out, and so is what is imported for type hints only.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from ..local.stack import ROOT

PACKAGES = ("gateway", "auth", "web", "posts", "social", "chassis")
ROOMS = ("app", "api", "consumers", "commands", "queries", "events", "models")
Arrow = tuple[str, str]


@dataclass
class Room:
    name: str
    files: list[Path] = field(default_factory=list)

    @property
    def lines(self) -> int:
        return sum(len(path.read_text().splitlines()) for path in self.files)

    @property
    def longest(self) -> tuple[int, str]:
        """The lines of its longest function, and that one's name."""
        functions = (
            node
            for path in self.files
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        found = (((node.end_lineno or 0) - node.lineno + 1, node.name) for node in functions)
        return max(found, default=(0, ""))


@dataclass
class Package:
    name: str
    rooms: dict[str, Room]
    arrows: set[Arrow]
    of_chassis: set[str]

    @classmethod
    def of(cls, name: str, root: Path = ROOT) -> "Package":
        folder = root / ("chassis/chassis" if name == "chassis" else f"services/{name}/{name}")
        package = cls(name, {}, set(), set())
        for path in sorted(folder.rglob("*.py")):
            called = path.relative_to(folder).parts[0].removesuffix(".py")
            if called != "__init__":
                package.rooms.setdefault(called, Room(called)).files.append(path)
        for room in package.rooms.values():
            package._look_at(room, folder)
        return package

    def _look_at(self, room: Room, folder: Path) -> None:
        for path in room.files:
            for module in imported(path, folder):
                if module[0] == "chassis" and len(module) > 1 and self.name != "chassis":
                    self.of_chassis.add(module[1])
                elif (
                    module[0] == self.name
                    and len(module) > 1
                    and module[1] in self.rooms.keys() - {room.name}
                ):
                    self.arrows.add((room.name, module[1]))


def imported(path: Path, folder: Path) -> Iterator[tuple[str, ...]]:
    """Every module that a file imports, by its whole name."""
    here = (folder.name, *path.relative_to(folder).parent.parts)
    for node in statements(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            words = (*base, *(node.module.split(".") if node.module else ()))
            yield from ((*words, alias.name) for alias in node.names)


def statements(node: ast.AST) -> Iterator[ast.AST]:
    for each in ast.iter_child_nodes(node):
        hints = isinstance(each, ast.If) and ast.unparse(each.test) == "TYPE_CHECKING"
        if not hints:
            yield each
            yield from statements(each)


def layers(rooms: Iterable[str], arrows: set[Arrow]) -> tuple[list[list[str]], set[Arrow]]:
    """Rooms from the doors down, and the arrows that go back up (there is a circle then)."""
    back: set[Arrow] = set()
    while True:
        users: dict[str, set[str]] = {room: set() for room in rooms}
        for user, used in arrows - back:
            users[used].add(user)
        sorter = TopologicalSorter(users)
        try:
            sorter.prepare()
            break
        except CycleError as circle:
            back.add((circle.args[1][0], circle.args[1][1]))
    found = []
    while sorter.is_active():
        found.append(sorted(sorter.get_ready()))
        sorter.done(*found[-1])
    return found, back


def needed(arrows: set[Arrow]) -> set[Arrow]:
    """Without those that follow from others. `arrows` has no circle."""
    below: dict[str, set[str]] = defaultdict(set)
    for user, used in arrows:
        below[user].add(used)

    def reached(room: str) -> set[str]:
        return below[room].union(*(reached(each) for each in list(below[room])))

    return {
        (user, used)
        for user, used in arrows
        if not any(used in reached(other) for other in below[user] - {used})
    }


def sizes(root: Path = ROOT) -> str:
    """Lines, and the longest function, of every room."""
    rows = ["| package | room | files | lines | longest function |", "|---|---|---|---|---|"]
    for package in (Package.of(name, root) for name in PACKAGES):
        for room in package.rooms.values():
            length, name = room.longest
            told = f"`{name}`, {length}" if length else "–"
            rows.append(f"| {package.name} | {room.name} | {len(room.files)} | {room.lines} | {told} |")
        total = sum(room.lines for room in package.rooms.values())
        rows.append(f"| **{package.name}** | all | | **{total}** | |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(sizes())
