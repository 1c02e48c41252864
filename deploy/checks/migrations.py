"""Migrations that run while the old code serves: nothing that locks a table for long, nothing that old code
misses (the rules of squawk that apply here, read from Alembic's operations).

What a migration makes itself is its own: nobody uses it yet. An exception says why:
`# blocks: the table is empty`.
"""

import ast
import re
from collections.abc import Iterator

from .syntax import Finding, called, is_exactly, keyword

MARK = re.compile(r"#\s*blocks:\s*\S+")
NEVER = {
    "drop_column": "old code still reads the column: drop it a release later",
    "drop_table": "old code still uses the table: drop it a release later",
    "rename_table": "old code knows the table by its old name",
    "drop_constraint": "takes an exclusive lock",
    "create_unique_constraint": "builds its index under an exclusive lock: make a unique index concurrently",
    "create_primary_key": "builds its index under an exclusive lock",
    "create_foreign_key": "scans both tables under a lock: add it NOT VALID, validate it later",
    "create_check_constraint": "scans the table under a lock: add it NOT VALID, validate it later",
    "create_exclude_constraint": "builds its index under an exclusive lock",
}
NAMED_FIRST = frozenset(
    ("create_index", "drop_index", "drop_constraint", *(name for name in NEVER if name.startswith("create_")))
)
CHANGES = ("type_", "nullable", "new_column_name")
RAW = re.compile(r"\b(LOCK TABLE|ALTER TABLE|DROP |TRUNCATE|VACUUM FULL|CLUSTER|REINDEX)", re.I)


def findings(source: str) -> list[Finding]:
    """What `upgrade()` would block or break."""
    tree, lines = ast.parse(source), source.splitlines()
    upgrade = next(
        (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"), None
    )
    if upgrade is None:
        return []
    if any(isinstance(node, ast.Assign) and ast.unparse(node) == "phase = 'contract'" for node in tree.body):
        return []  # it waits until nothing older runs
    calls = [node for node in ast.walk(upgrade) if isinstance(node, ast.Call)]
    new = {name for call in calls if called(call) == "create_table" and (name := _text(call, 0))}
    batches = {id(call): table for table, call in _in_batches(upgrade)}
    found = [finding for call in calls for finding in _blocks(call, new, batches.get(id(call), ""))]
    return sorted(each for each in found if not MARK.search(lines[each.line - 1]))


def _in_batches(upgrade: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """The operations inside `with op.batch_alter_table("table")`, which do not name the table again."""
    for block in ast.walk(upgrade):
        opened = block.items[0].context_expr if isinstance(block, ast.With) else None
        if isinstance(opened, ast.Call) and called(opened) == "batch_alter_table":
            yield from ((_text(opened, 0), call) for call in ast.walk(block) if isinstance(call, ast.Call))


def _text(call: ast.Call, place: int) -> str:
    argument = call.args[place] if len(call.args) > place else None
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else ""


def _blocks(call: ast.Call, new: set[str], batch: str) -> Iterator[Finding]:
    name = called(call)
    table = batch or _text(call, 1 if name in NAMED_FIRST else 0)
    if table in new:
        return
    if name in NEVER:
        yield Finding(call.lineno, f"{name}: {NEVER[name]}")
    elif name == "alter_column" and any(keyword(call, change) is not None for change in CHANGES):
        yield Finding(
            call.lineno, "alter_column: rewrites or scans the table under a lock, or old code breaks"
        )
    elif name == "create_index" and not is_exactly(keyword(call, "postgresql_concurrently"), True):
        yield Finding(
            call.lineno, "create_index: stops writers while it is built; postgresql_concurrently=True"
        )
    elif name == "add_column":
        yield from _added(call, 0 if batch else 1)
    elif name == "execute" and RAW.search(ast.unparse(call)):
        yield Finding(call.lineno, "execute: DDL by hand; use an operation, or say why it does not block")


def _added(call: ast.Call, place: int) -> Iterator[Finding]:
    for column in call.args[place : place + 1]:
        if (
            isinstance(column, ast.Call)
            and is_exactly(keyword(column, "nullable"), False)
            and keyword(column, "server_default") is None
        ):
            yield Finding(
                call.lineno, "add_column: NOT NULL without a server default; old code does not write it"
            )
