"""Habits that this repository does not have, found in the syntax tree.

An exception stands at its place with its reason: `# habit: why this one is right`.
"""

import ast
import re
from collections.abc import Callable, Iterator

from .syntax import Finding, called, is_exactly, keyword

MARK = re.compile(r"#\s*habit:\s*\S+")
BARE_EXCEPTION = re.compile(r"#\s*(?:noqa:\s*S\d+(?:,\s*S\d+)*|nosec(?:\s+B\d+)*)\s*$")
SQL_CALLS = frozenset(("text", "execute", "exec_driver_sql", "executemany", "scalar", "scalars"))
UNSAFE_MODULES = frozenset(("pickle", "cPickle", "marshal", "shelve", "dill"))
SAFE_LOADERS = frozenset(("SafeLoader", "CSafeLoader"))
ENDINGS = frozenset(("commit", "receive", "handle", "handler", "retry"))
TEMPLATE_RULES = (
    (re.compile(r"\|\s*safe\b"), "`|safe` in a template: escape, or sanitise where the text is made"),
    (re.compile(r"autoescape\s+false"), "autoescape is switched off"),
    (
        re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(?!\s*</script>)"),
        "a script inside the page: the CSP refuses it",
    ),
    (re.compile(r"\son[a-z]+\s*=", re.I), "an event handler in an attribute: the CSP refuses it"),
)


Rule = Callable[[ast.AST], Iterator[Finding]]


def findings(source: str) -> list[Finding]:
    """Everything found in a Python file, without what is excepted with a reason."""
    tree, lines = ast.parse(source), source.splitlines()
    found = [finding for node in ast.walk(tree) for rule in RULES for finding in rule(node)]
    found += [*_unconfirmed(tree), *_bare_exceptions(lines)]
    return sorted({each for each in found if not MARK.search(lines[each.line - 1])})


def template_findings(source: str) -> list[Finding]:
    return [
        Finding(number, said)
        for number, line in enumerate(source.splitlines(), 1)
        for pattern, said in TEMPLATE_RULES
        if pattern.search(line)
    ]


def _is_constant(value: ast.expr) -> bool:
    """Text, or a name in capitals: a constant of a module."""
    name = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
    return isinstance(value, ast.Constant) or (bool(name) and name.isupper())


def _is_built(value: ast.expr) -> bool:
    """A string put together from parts that are not constant."""
    if isinstance(value, ast.JoinedStr):
        parts = [part.value for part in value.values if isinstance(part, ast.FormattedValue)]
        return not all(map(_is_constant, parts))
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mod | ast.Add):
        return any(not _is_constant(side) and (not isinstance(side, ast.BinOp) or _is_built(side))
                   for side in (value.left, value.right))  # fmt: skip
    return isinstance(value, ast.Call) and called(value) in ("format", "join", "replace")


def _raw_sql(node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, ast.Call) and called(node) in SQL_CALLS and node.args and _is_built(node.args[0]):
        yield Finding(
            node.lineno, "SQL put together from parts: bind the values, choose names from constants"
        )


def _markup(node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, ast.Call) and called(node) == "Markup":
        constant = node.args and isinstance(node.args[0], ast.Constant)
        if not constant:
            yield Finding(node.lineno, "Markup of something that is not a constant")
    if isinstance(node, ast.Call) and called(node) == "render_template_string":
        yield Finding(node.lineno, "a template from a string")


def _unverified(node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, ast.Call) and (
        is_exactly(keyword(node, "verify"), False) or is_exactly(keyword(node, "check_hostname"), False)
    ):
        yield Finding(node.lineno, "a connection whose certificate is not verified")
    if isinstance(node, ast.Call) and called(node) == "decode":
        options = keyword(node, "options")
        if isinstance(options, ast.Dict):
            names = [key.value for key in options.keys if isinstance(key, ast.Constant)]
            if any(str(name).startswith("verify_") for name in names):
                yield Finding(node.lineno, "a token whose signature or claims are not verified")


def _unpickled(node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        module = node.module if isinstance(node, ast.ImportFrom) else ""
        names = (
            {alias.name.split(".")[0] for alias in node.names}
            if isinstance(node, ast.Import)
            else {module or ""}
        )
        if names & UNSAFE_MODULES:
            yield Finding(node.lineno, "a format that runs code when it is read")
    if isinstance(node, ast.Call) and ast.unparse(node.func) in (
        "yaml.load",
        "yaml.load_all",
        "yaml.unsafe_load",
    ):
        loader = keyword(node, "Loader") or (node.args[1] if len(node.args) > 1 else None)
        if loader is None or called(loader) not in SAFE_LOADERS:
            yield Finding(node.lineno, "YAML that may make any object: yaml.safe_load")


def _run(node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
        yield Finding(node.lineno, "code from a string")
    if isinstance(node, ast.Call) and is_exactly(keyword(node, "shell"), True):
        yield Finding(node.lineno, "a command line for a shell")


def _acknowledged(node: ast.AST) -> Iterator[Finding]:
    """An event is acknowledged after what it causes has been committed."""
    if isinstance(node, ast.Call) and (
        is_exactly(keyword(node, "auto_ack"), True) or is_exactly(keyword(node, "no_ack"), True)
    ):
        yield Finding(node.lineno, "acknowledged before it is handled: auto_ack")
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
    endings = [call.lineno for call in calls if called(call) in ENDINGS]
    for call in calls:
        if called(call) == "basic_ack" and any(line > call.lineno for line in endings):
            yield Finding(call.lineno, "acknowledged before the commit")


def _unconfirmed(tree: ast.AST) -> Iterator[Finding]:
    """Whoever publishes in a module waits for the broker's confirms (which a commit does, too), and hears of
    what no queue took.
    """
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    confirms = any(called(call) in ("confirm_delivery", "tx_commit") for call in calls)
    for call in calls:
        if called(call) != "basic_publish":
            continue
        if not confirms:
            yield Finding(call.lineno, "published without the broker's confirm")
        elif not is_exactly(keyword(call, "mandatory"), True) and len(call.args) < 5:
            yield Finding(call.lineno, "published without `mandatory`: what no queue takes is lost silently")


def _bare_exceptions(lines: list[str]) -> Iterator[Finding]:
    for number, line in enumerate(lines, 1):
        if BARE_EXCEPTION.search(line):
            yield Finding(number, "an exception from a security rule without its reason")


RULES: tuple[Rule, ...] = (_raw_sql, _markup, _unverified, _unpickled, _run, _acknowledged)
