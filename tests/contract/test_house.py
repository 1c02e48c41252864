"""The rules of the house, read from the code itself."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from chassis import openapi
from chassis.cli import contract
from gateway import openapi as gateway_openapi
from gateway import table
from web import app as web

ROOT = Path(__file__).parents[2]
SERVICES = ("auth", "posts", "social")
ROOMS = ("app", "api", "consumers", "commands", "queries", "events", "models")
NEVER = {
    "api": {"sqlalchemy", "models.db", "events", "consumers"},
    "consumers": {"flask", "requests", "api", "queries"},
    "commands": {"flask", "api", "consumers"},
    "queries": {"flask", "api", "consumers", "commands", "events"},
    "events": {"flask", "api", "consumers", "commands", "queries"},
    "models": {"flask", "api", "consumers", "commands", "queries", "events"},
}
SERVED = (*SERVICES, "gateway", "web")
NOT_TO_SERVE = {"alembic", "flask_migrate", "mako", "opentelemetry", "pygments", "webauthn"}
DOMAIN = r"posts|authors?|follow(s|er|ers|ing|ed)?|timelines?|comments?|blogs?|flasky"


def modules(package):
    return sorted(
        path
        for path in (ROOT / package).rglob("*.py")
        if "tests" not in path.parts and "migrations" not in path.parts
    )


def imports(path, package):
    """What a module imports: packages by their first name, own modules by their path below the package."""
    found = set()
    here = path.relative_to(package).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {node.module.split(".")[0], *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.ImportFrom):
            base = (*here[: len(here) - node.level], *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                whole = (*base, alias.name)
                found |= {".".join(whole), whole[0]}
    return found


def packages(path):
    """What a module imports by its whole name, without what is below."""
    tree = ast.parse(path.read_text())
    whole = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    whole |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in whole}


def test_nobody_imports_another_service():
    for service in SERVED:
        others = {*SERVED} - {service}
        for path in modules(f"services/{service}/{service}"):
            assert not packages(path) & others, f"{path} imports {packages(path) & others}"


def test_the_chassis_imports_no_service():
    for path in modules("chassis/chassis"):
        assert not packages(path) & {*SERVED}, path


def test_the_map_of_the_house_names_every_folder():
    told = (ROOT / "docs/change/house.md").read_text()
    for above in ("services", "deploy", "tests"):
        for path in (ROOT / above).iterdir():
            if path.is_dir() and path.name[0] not in "_.":
                assert f"`{above}/{path.name}`" in told, path


@pytest.mark.parametrize("service", SERVICES)
def test_rooms_import_only_what_house_rules_allow(service):
    package = ROOT / "services" / service / service
    for path in modules(f"services/{service}/{service}"):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room not in NEVER:
            continue
        found = imports(path, package)
        assert not found & NEVER[room], f"{path.relative_to(ROOT)} imports {sorted(found & NEVER[room])}"
        assert "app" not in found, f"{path.relative_to(ROOT)} imports app"


def test_no_word_of_any_domain_is_in_the_chassis():
    for path in sorted((ROOT / "chassis" / "chassis").rglob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            assert not re.search(rf"\b({DOMAIN})\b", line, re.I), f"{path.name}:{number}: {line.strip()}"


@pytest.mark.parametrize(
    ("code", "spared", "collects"),
    [
        *((f"from {each}.app import create_app; create_app()", NOT_TO_SERVE, True) for each in SERVED),
        (
            "import chassis.evented",
            {"flask", "pydantic", "sqlalchemy"},
            False,
        ),  # the arbiter, beside its worker
    ],
    ids=(*SERVED, "arbiter"),
)
def test_a_process_loads_only_what_it_needs(code, spared, collects, tmp_path):
    """Each megabyte is there as often as there are processes. Garbage is collected once it is loaded."""
    collecting, modules = loaded(code, tmp_path)
    assert collecting == collects
    assert not spared & modules


def test_a_prepare_with_nothing_to_do_does_not_load_alembic(tmp_path):
    code = "from posts.app import create_app; create_app().test_cli_runner().invoke(args=['prepare'])"
    assert ["alembic" in loaded(code, tmp_path)[1] for _ in range(2)] == [True, False]


def loaded(code, folder):
    """Whether a process collects garbage after this code, and the packages that it has then."""
    told = {"DATABASE_URL": f"sqlite:///{folder}/own.sqlite", "BUS_URL": f"sqlite:///{folder}/bus.sqlite"}
    names = "[name.partition('.')[0] for name in sys.modules]"
    code = f"import gc, json, sys; {code}; print(json.dumps([gc.isenabled(), {names}]))"
    environment = os.environ | told | {"LOG_LEVEL": "ERROR", "DATA": str(folder)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    collecting, modules = json.loads(done.stdout)
    return collecting, set(modules)


@pytest.mark.parametrize("service", SERVICES)
def test_the_service_has_the_rooms_of_the_house(service):
    folder = ROOT / "services" / service
    for name in ("README.md", "pyproject.toml", "contract/openapi.json", "migrations/env.py", "tests"):
        assert (folder / name).exists(), f"{service} has no {name}"
    for room in ROOMS:
        assert (folder / service / room).is_dir() or (folder / service / f"{room}.py").exists(), (
            f"{service} has no {room}"
        )


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_promised_is_what_the_code_does(service, request):
    """Routes and API document, events and schemas: both ways, to the letter."""
    doors = request.getfixturevalue(service)
    folder = ROOT / "services" / service / "contract"
    promises = [folder / "openapi.json", *(folder / "events").glob("*.json")]
    committed = {str(path.relative_to(folder)): json.loads(path.read_text()) for path in promises}
    assert committed == contract(doors.app), f"run `make openapi` and commit services/{service}/contract"


WORDS = set(jsonschema.Draft7Validator.META_SCHEMA["properties"])


def words_of(schema):
    """The keywords of a schema and of those within it."""
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), schema.get("items", {})]
    return set(schema).union(*(words_of(each) for each in inner if each))


def schemas_of(document):
    if "schema" in document:
        yield document["schema"]
    for value in document.values() if isinstance(document, dict) else document:
        if isinstance(value, dict | list):
            yield from schemas_of(value)


def test_the_api_document_s_schemas_are_in_words_that_every_reader_knows():
    """A bound that pydantic cannot translate is written as it is called in Python, and nobody heeds it."""
    document = json.loads((ROOT / "services/gateway/gateway/static/openapi.json").read_text())
    found = [*schemas_of(document["paths"]), *document["components"]["schemas"].values()]
    assert {"minimum", "maxLength", "properties"} <= set().union(*map(words_of, found)) <= WORDS


@pytest.mark.parametrize("service", SERVICES)
def test_only_declared_events_are_published(service):
    """Every event type that a service's code names as its own has a schema, and the reverse."""
    text = "".join(
        path.read_text() for path in modules(f"services/{service}/{service}") if path.name != "consumers.py"
    )
    named = set(re.findall(rf'"({service}\.[a-z_]+\.v\d+)"', text))
    schemas = {path.stem for path in (ROOT / "services" / service / "contract" / "events").glob("*.json")}
    assert named == schemas


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_says_who_may_call_it(service, request):
    app = request.getfixturevalue(service).app
    for rule in app.url_map.iter_rules():
        assert openapi.access_of(app, rule).who in ("public", "signed in", "internal"), rule


MADE_ONCE_ANYWAY = {
    "/api/v1/users/me/second-factor/totp",  # a newer secret replaces the one before
    "/api/v1/users/me/second-factor/passkeys/",  # a browser's answer is used up; ours has codes, kept nowhere
}


@pytest.mark.parametrize("service", SERVICES)
def test_whatever_makes_a_thing_can_be_asked_for_twice_with_a_key(service, request):
    app = request.getfixturevalue(service).app
    makes = {
        rule.rule: openapi.access_of(app, rule).keyed
        for rule in openapi.public_rules(app)
        if "POST" in (rule.methods or ()) and openapi.access_of(app, rule).status == 201
    }
    assert {path for path, keyed in makes.items() if not keyed} == MADE_ONCE_ANYWAY & set(makes)


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_owns_is_told_to_those_who_restore_it(service, request):
    """Its versions rise and its ids go on behind a gap: so SQLite has to remember ids that were given."""
    app = request.getfixturevalue(service).app
    owned = [column.class_.__table__ for column in app.extensions["restoring"].owns]
    giving = [table for table in owned if table.autoincrement_column is not None]
    assert owned
    assert all(table.dialect_options["sqlite"]["autoincrement"] for table in giving)


def generic(path):
    return re.sub(r"\{[^}]+\}|<[^>]+>", "<>", path)


def test_the_gateways_table_covers_exactly_the_public_routes():
    documents = gateway_openapi.contracts()
    promised = {(name, generic(path)) for name, document in documents.items() for path in document["paths"]}
    others = ("gateway", "web")
    routed = {
        (route.service, generic(route.pattern)) for route in table.ROUTES if route.service not in others
    }
    assert routed == promised


def test_the_gateways_table_covers_exactly_the_pages():
    app = web.create_app(web.Settings(environment="testing", log_level="CRITICAL"))
    pages = {rule.rule for rule in openapi.public_rules(app)}
    routed = {generic(route.pattern) for route in table.ROUTES if route.service == "web"}
    assert routed == {generic(page) for page in pages}
    hidden = {rule.rule for rule in app.url_map.iter_rules()} - pages
    assert hidden
    assert not any(table.beyond(path) for path in hidden)


def test_the_gateway_asks_for_credentials_exactly_where_the_services_do():
    for document in gateway_openapi.contracts().values():
        for path, operations in document["paths"].items():
            route = table.find(re.sub(r"\{[^}]+\}", "1", path))
            for method, operation in operations.items():
                open_to_all = route.asks(method.upper()) is table.Who.PUBLIC
                assert open_to_all == ("security" not in operation), f"{method.upper()} {path}"


def test_the_merged_document_is_the_services_own():
    merged = gateway_openapi.written(gateway_openapi.merged(gateway_openapi.contracts()))
    assert merged == gateway_openapi.MERGED.read_text(), (
        "run `make openapi` and commit the gateway's openapi.json"
    )


def test_internal_addresses_are_never_routed():
    for path in ("/internal/exchange", "/internal/changes", "/livez", "/readyz", "/metrics"):
        assert table.find(path) is None


def test_services_declare_what_the_installation_pins():
    """Traces are for who wants them: only the tests install what they need."""
    pinned = {
        name: set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / f"{name}.txt").read_text(), re.M))
        for name in ("run", "dev")
    }
    for file in [ROOT / "chassis" / "pyproject.toml", *(ROOT / "services").glob("*/pyproject.toml")]:
        text, _, traces = file.read_text().partition("\ntraces = [")
        for said, pins in ((text, pinned["run"]), (traces, pinned["dev"])):
            declared = re.findall(r'^    "([a-zA-Z0-9-]+)', said, re.M)
            assert {name.lower() for name in declared} - {"chassis"} <= pins, file


def test_requirements_name_no_address():
    for path in (ROOT / "requirements").iterdir():
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links", path.read_text()), path
