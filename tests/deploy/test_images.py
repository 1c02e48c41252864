"""The Dockerfiles, read and checked; tests/system/compose builds them and looks inside."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from secrets import token_urlsafe

import faker
import pytest

from deploy.images import trim
from deploy.images.needs import needs
from deploy.local.stack import Stack

ROOT = Path(__file__).parents[2]
CHECKS = ROOT / ".checks" / "bin"
SERVICES = ("auth", "posts", "social", "gateway", "web")
WITHOUT_DATA = ("gateway", "web")
FILES = [*(ROOT / "services" / name / "Dockerfile" for name in SERVICES), ROOT / "deploy/mail/Dockerfile"]
BACKUP = ROOT / "deploy/backup/Dockerfile"
LOWEST_UID = 10_000
OURS = {"chassis", "flasky_client"}


def instructions(path):
    """The instructions of a Dockerfile, continued lines joined."""
    text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.M).replace("\\\n", " ")
    return [line.split(None, 1) for line in text.splitlines() if line.strip()]


def own(words):
    return [value for word, value in instructions(words) if word == "COPY" and "--from" not in value]


def check(program, *arguments):
    assert (CHECKS / program).exists(), "the checks are not installed: make .checks/stamp"
    return subprocess.run(
        [CHECKS / program, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )


def test_every_service_has_its_image():
    assert sorted(path.parent.name for path in (ROOT / "services").glob("*/Dockerfile")) == sorted(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_what_runs_in_an_image_is_reached_from_outside_of_its_container(service):
    """Its worker, too: the same image, the same `BIND`."""
    told = " ".join(
        value for word, value in instructions(ROOT / f"services/{service}/Dockerfile") if word == "ENV"
    )
    assert "BIND=0.0.0.0" in told.split()


def test_hadolint_has_nothing_to_say():
    said = check("hadolint", *FILES, BACKUP)
    assert (said.returncode, said.stdout) == (0, "")


def test_checkov_has_nothing_to_say():
    named = [word for path in (*FILES, BACKUP) for word in ("--file", path)]
    said = check(
        "checkov",
        "--skip-download",
        "--compact",
        "--quiet",
        "--framework",
        "dockerfile",
        "-o",
        "json",
        *named,
    )
    told = json.loads(said.stdout)
    assert told["summary"]["failed"] == 0, told["results"]["failed_checks"]
    assert told["summary"]["passed"] > 10 * len(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_the_image_runs_as_nobody_in_particular_and_says_how_it_is(path):
    found = instructions(path)
    stages = [value.split()[0] for word, value in found if word == "FROM"]
    last = found[max(place for place, (word, _) in enumerate(found) if word == "FROM") :]
    told = dict(last)
    uid, gid = map(int, told["USER"].split(":"))
    assert stages == ["python:3.12-slim"] * 2
    assert min(uid, gid) > LOWEST_UID
    assert json.loads(told["CMD"])  # the exec form: the program itself is process 1
    assert re.search(r"CMD \[", told["HEALTHCHECK"])
    assert any(word == "RUN" and "rm -rf" in value and "bin/pip" in value for word, value in last)
    assert not [word for word, value in last if word in ("ARG", "ADD", "VOLUME", "ENTRYPOINT")]


def test_the_image_of_backups_is_that_of_its_service_and_programs_of_postgresql():
    found = instructions(BACKUP)
    assert [value for word, value in found if word == "FROM"] == ["flasky-${SERVICE}:${VERSION}"]
    assert not [word for word, _ in found if word in ("COPY", "ADD", "VOLUME", "ENTRYPOINT")]
    assert [value for word, value in found if word == "USER"][-1] == "10001:10001"
    assert [value for word, value in found if word == "RUN" and "postgresql-client" in value]


@pytest.mark.parametrize("name", SERVICES)
def test_gunicorn_serves(name):
    command = next(
        value for word, value in instructions(ROOT / f"services/{name}/Dockerfile") if word == "CMD"
    )
    lines = (ROOT / "Procfile").read_text()
    local = re.search(rf'^{name}: python -m (\S+) "(\S+)"$', lines, re.M)
    assert json.loads(command) == ["python", "-m", *local.groups()]
    assert local[1].rpartition(".")[2].startswith("gunicorn")


@pytest.mark.parametrize("name", SERVICES)
def test_the_image_takes_its_service_and_the_chassis_and_nothing_else(name):
    taken = {word for value in own(ROOT / f"services/{name}/Dockerfile") for word in value.split()[:-1]}
    code = {"chassis/chassis", f"services/{name}/{name}"}
    if name not in WITHOUT_DATA:
        code.add(f"services/{name}/migrations")
    if name == "auth":
        code.add("clients/python/flasky_client")  # `flask fake` is a client of the blog like any other
        code.add("deploy/images/argon2.sh")
    pins = {
        "requirements/run.txt",
        "deploy/images/needs.py",
        "deploy/images/trim.py",
        "chassis/pyproject.toml",
        f"services/{name}/pyproject.toml",
    }
    assert taken == code | pins


def test_the_build_is_sent_nothing_that_it_does_not_take():
    """.dockerignore lets in exactly what some Dockerfile copies."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    taken = {word for path in FILES for value in own(path) for word in value.split()[:-1]}
    several = {word for word in taken if re.fullmatch(r"services/\w+/pyproject.toml", word)}
    assert "*" in lines
    assert let_in == taken - several | {"services/*/pyproject.toml"}


def test_hashes_take_their_memory_in_the_image_as_they_do_in_make_run(tmp_path):
    settings = " ".join(
        value for word, value in instructions(ROOT / "services/auth/Dockerfile") if word == "ENV"
    )
    heap = Stack(8000, tmp_path).environment("auth")["GLIBC_TUNABLES"]
    assert f"GLIBC_TUNABLES={heap} " in settings


@pytest.mark.parametrize(
    ("machine", "march", "wanted"),
    [("x86_64", "x86-64-v3", True), ("x86_64", "x86-64", False), ("aarch64", "x86-64-v3", False)],
)
def test_argon2_is_compiled_for_the_processors_of_the_image_and_says_so(tmp_path, machine, march, wanted):
    """Of the pinned version; for its mark the loader of an older processor refuses it with a sentence."""
    for name, does in (
        ("uname", f"echo {machine}"),
        ("pip", 'echo "$CFLAGS $LDFLAGS $*" >&2; echo argon2-cffi-bindings==1.2.3'),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    given = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "MARCH": march}
    said = subprocess.run(
        [ROOT / "deploy/images/argon2.sh", "pip"], env=given, capture_output=True, text=True, check=True
    )
    if not wanted:
        assert said.stderr == ""
        return
    listed, installed = said.stderr.splitlines()
    assert listed.split() == ["freeze"]
    assert installed.startswith(f"-O3 -march={march} -Wl,-z,{march} install ")
    assert installed.endswith(" --no-binary argon2-cffi-bindings argon2-cffi-bindings==1.2.3")


def distribution(requirement):
    return re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")


def imported(folder):
    """The outside packages that code imports, wherever in it."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_names_every_package_that_it_imports(name):
    folder = ROOT / "services" / name
    named = {distribution(line) for line in needs(folder / "pyproject.toml", ROOT / "chassis/pyproject.toml")}
    # What Flask and PyJWT bring is Flask's and PyJWT's to name.
    named |= {"werkzeug", "jinja2", "markupsafe", "click", "wtforms", "cryptography", "alembic"}
    known = packages_distributions()
    wanted = {distribution(known[module][0]) for module in imported(folder / name) - OURS - {name}}
    assert wanted <= named


@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_a_service_without_data_installs_no_database(name):
    folder = ROOT / "services" / name
    named = {distribution(line) for line in needs(folder / "pyproject.toml", ROOT / "chassis/pyproject.toml")}
    assert not named & {"sqlalchemy", "flask-sqlalchemy", "flask-migrate", "psycopg", "pika"}


@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_gunicorn_comes_with_what_its_gevent_worker_imports(name):
    wanted = needs(ROOT / "services" / name / "pyproject.toml", ROOT / "chassis/pyproject.toml")
    assert "gunicorn[gevent]>=23" in list(wanted)


LEFT_OUT = [name.removesuffix(".py").replace("/", ".") for name in trim.UNUSED]
KEPT = {name.replace("/", "."): modules for name, modules in trim.ONLY.items()}
# Refuses what images do without, and loads everything that a service may ever load by itself.
LOADS = """
import importlib, pkgutil, sys

class Trimmed:
    def find_spec(self, name, path=None, target=None):
        package, _, module = name.rpartition(".")
        if name in LEFT_OUT or module not in KEPT.get(package, {module}):
            raise ModuleNotFoundError(f"{name} is not in images", name=name)

sys.meta_path.insert(0, Trimmed())
for package in map(importlib.import_module, ("chassis", SERVICE)):
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.startswith("chassis.testing"):
            importlib.import_module(found.name)
importlib.import_module(f"{SERVICE}.app").create_app()
"""


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_does_without_what_its_image_leaves_out(name):
    told = {
        "FLASK_CONFIG": "production",
        "DATABASE_URL": "postgresql://ann:pass@127.0.0.1:9/x",
        "BUS_URL": "amqp://ann:pass@127.0.0.1:9/",
        "JWKS_URL": "http://127.0.0.1:9/keys",
    }
    told |= dict.fromkeys(("INTERNAL_SECRET", "SECRET_KEY", "WEB_SECRET_KEY"), token_urlsafe(32))
    script = f"SERVICE, LEFT_OUT, KEPT = {name!r}, {LEFT_OUT!r}, {KEPT!r}\n{LOADS}"
    loaded = subprocess.run([sys.executable, "-c", script], env=told, capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr[-2000:]


def test_demo_content_is_made_with_what_is_left_of_faker(tmp_path):
    """As `flask fake` makes it, and the same as it makes elsewhere."""
    shutil.copytree(Path(faker.__file__).parent, tmp_path / "faker")
    trim.remove(trim.unused(tmp_path))
    trim.compile_all(tmp_path)
    asked = re.findall(r"\.faker\.(\w+)\(", (ROOT / "services/auth/auth/fake.py").read_text())
    script = (
        "from faker import Faker; fake = Faker(); fake.seed_instance(1)\n"
        f"for _ in range(200): print(*(getattr(fake, name)() for name in {asked!r}))"
    )
    whole, trimmed = (
        subprocess.run(
            [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
        ).stdout
        for folder in (ROOT, tmp_path)
    )
    assert {"name", "city", "user_name", "sentence"} <= set(asked)
    assert not (tmp_path / "faker/providers/bank").exists()
    assert trimmed == whole


def test_what_is_left_of_a_library_runs_as_bytecode(tmp_path):
    files = {
        "thing/__init__.py": "from . import part",
        "thing/part.py": "print('it runs')",
        "thing/part.pyi": "",
        "thing/tests/test_part.py": "assert False",
        "thing/templates/env.py": "{{ not python",
        "dns/__init__.py": "",
        "sqlalchemy/ext/compiler.py": "",
        "sqlalchemy/ext/mutable.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    trim.remove(trim.unused(tmp_path))
    trim.compile_all(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {
        "thing/__init__.pyc",
        "thing/part.pyc",
        "thing/templates/env.py",
        "sqlalchemy/ext/compiler.pyc",
    }
    ran = subprocess.run([sys.executable, "-c", "import thing"], cwd=tmp_path, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "it runs\n")
