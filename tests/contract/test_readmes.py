"""What a service's README lists is what the service has, and the other way round: operations, pages, events,
settings with their defaults, commands.
"""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from chassis import openapi
from chassis.settings import variable
from web import app as web

ROOT = Path(__file__).parents[2]
OWNERS = ("auth", "posts", "social")
SETTINGS = {"chassis": "chassis.settings", "gateway": "gateway.settings"}
SETTINGS |= {name: f"{name}.app" for name in (*OWNERS, "web")}
# What servers and libraries read from the environment themselves.
NOT_OURS = {"REUSE_PORT", "OPS_BIND", "OTEL_EXPORTER_OTLP_ENDPOINT"}
CODE = re.compile(r"`([^`]+)`")
METHOD = r"(?:GET|POST|PUT|PATCH|DELETE)"
# Methods, and the paths that they are for.
SAID = re.compile(rf"({METHOD}(?:, {METHOD})*) ((?:`[^`]+`(?:, )?)+)")


def text_of(service: str) -> str:
    return (ROOT / ("" if service == "chassis" else "services") / service / "README.md").read_text()


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert found, f"no section {title}"
    return found[1]


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of every table whose first column is called so."""
    tables = re.findall(rf"^\| {first} \|.*\n\|[-|]+\n((?:\|.*\n?)+)", text, re.M)
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for table in tables
        for line in table.splitlines()
    ]


def bare(path: str) -> str:
    """Without a query and what is in the place of a value."""
    return re.sub(r"<[^>]+>|\{[^}]+\}", "<>", path.partition("?")[0])


def operations(text: str) -> set[tuple[str, str]]:
    cells = [row[0] for row in rows(section(text, "Endpoints"), "method and path")]
    pairs = [pair for cell in cells for pair in SAID.findall(cell)]
    return {
        (method, bare(path if path.startswith(("/avatar", "/.well", "/internal")) else f"/api/v1{path}"))
        for methods, paths in pairs
        for path in CODE.findall(paths)
        for method in methods.split(", ")
    }


@pytest.mark.parametrize("service", OWNERS)
def test_operations(service, request):
    app = request.getfixturevalue(service).app
    document = openapi.document(app, "any")
    there = {
        (method.upper(), bare(path)) for path, methods in document["paths"].items() for method in methods
    }
    said = operations(text_of(service))
    assert there - said == set(), "missing in the README"
    inside = {
        (method, bare(rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.rule.startswith("/internal/")
    }
    assert {each for each in said if not matched(each, inside)} - there == set(), "only in the README"


def matched(said: tuple[str, str], inside: set[tuple[str, str]]) -> bool:
    """A snapshot is named in the README, and a value in the rule."""
    method, path = said
    return said in inside or (method, f"{path.rpartition('/')[0]}/<>") in inside


def test_pages():
    app = web.create_app(web.Settings(environment="testing", log_level="CRITICAL"))
    there = {bare(rule.rule) for rule in openapi.public_rules(app)}
    listed = {bare(path) for row in rows(text_of("web"), "path") for path in CODE.findall(row[0])}
    families = {path.removesuffix("…") for path in listed if path.endswith("…")}
    alone = {path for path in there if not path.startswith(tuple(families))}
    assert alone == {path for path in listed if not path.startswith(tuple(families))}
    assert all(any(path.startswith(family) for path in there) for family in families)


@pytest.mark.parametrize("service", OWNERS)
def test_events(service, request):
    app = request.getfixturevalue(service).app
    text = section(text_of(service), "Events")
    out = {type for row in rows(text, "out") for type in CODE.findall(row[0])}
    come = {type for row in rows(text, "in") for type in CODE.findall(row[0])}
    assert out == set(app.extensions["publishes"])
    assert come == set(app.extensions["consumers"].types)


@pytest.mark.parametrize("service", OWNERS)
def test_commands(service, request):
    app = request.getfixturevalue(service).app
    text = section(text_of(service), "Commands")
    line = re.search(rf"`flask --app {service}\.app (.+?)`", text)
    assert line
    named = {part.split()[0] for part in re.split(r" \| ", line[1])}
    named |= {name.split()[0] for row in rows(text, "command") for name in CODE.findall(row[0])}
    assert named == set(app.cli.commands)


def settings_said(service: str) -> dict[str, str]:
    """Each variable of a README's tables with what stands in its place as default."""
    text, found = text_of(service), {}
    told = [row[:2] for row in rows(section(text, "Settings"), "variable")]
    told += [row[2:4] for row in rows(text, "class")]
    for names, defaults in told:
        variables, given = re.findall(r"`([A-Z_]+)`", names), re.split(r", (?![^\[]*\])", defaults)
        of_each = given if len(given) == len(variables) else [defaults] * len(variables)
        found |= dict(zip(variables, of_each, strict=True))
    return found


def settings_there(service: str) -> dict[str, Any]:
    cls = importlib.import_module(SETTINGS[service]).Settings
    return {variable(name, field): field.default for name, field in cls.model_fields.items()}


def same(said: str, default: Any) -> bool:
    """What is nothing may be told in words, and what is a secret is none in production."""
    said = said.strip("`")
    number = float(said) if re.fullmatch(r"\d+(\.\d+)?", said) else None
    match default:
        case SecretStr():
            return said == "– in production"
        case bool():
            return said == str(default).lower()
        case 0:
            return number in (0, None)
        case int() | float():
            return number == default
        case tuple():
            return said == str(list(default))
    return said == str(default) if default else number is None


@pytest.mark.parametrize("service", SETTINGS)
def test_settings_and_their_defaults(service):
    said, there = settings_said(service), settings_there(service)
    assert said.keys() - NOT_OURS <= there.keys(), "only in the README"
    told = {name: (said[name], there[name]) for name in said.keys() & there.keys()}
    assert not {name: both for name, both in told.items() if not same(*both)}


@pytest.mark.parametrize("service", SETTINGS)
def test_no_setting_is_missing(service):
    """What all have is told once, in the chassis; where a service has another default, it says so itself."""
    there, common = settings_there(service), {} if service == "chassis" else settings_there("chassis")
    own = {name for name, default in there.items() if name not in common or common[name] != default}
    assert own - settings_said(service).keys() == set()


def test_modules_of_the_chassis():
    folder = ROOT / "chassis" / "chassis"
    there = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    said = {name for row in rows(text_of("chassis"), "module") for name in CODE.findall(row[0])}
    assert said == there - {"__init__", "__pycache__"}


def test_files_of_the_gateway():
    folder = ROOT / "services" / "gateway"
    named = {name for row in rows(text_of("gateway"), "file") for name in CODE.findall(row[0])}
    there = {path.name for path in (folder / "gateway").glob("*.py")} - {"__init__.py"}
    assert {name.rpartition("/")[2] for name in named if name.endswith(".py")} == there
