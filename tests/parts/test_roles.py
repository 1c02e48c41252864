"""deploy/postgres/service.sql: a role for each service, which can do its work and nothing else."""

import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from chassis.testing.parts import POSTGRES_VARIABLE, Databases

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "postgres" / "service.sql"
SERVICES = ("auth", "posts", "social")


@pytest.fixture(scope="module")
def server(stack):
    return Databases.from_environment()


@pytest.fixture(scope="module")
def roles(server):
    """Each service's database and role under names of this test, made by the script, twice."""
    with server._admin():
        pass  # it is up
    own = {service: (f"{service}_{uuid.uuid4().hex[:8]}", uuid.uuid4().hex) for service in SERVICES}
    for name, password in (*own.values(), *own.values()):
        run(server, name, password)
    return own


def run(server, name, password):
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))
    psql = str(programs[-1]) if programs else shutil.which("psql") or "psql"
    given = [
        "-v",
        "ON_ERROR_STOP=1",
        "-v",
        f"service={name}",
        "-v",
        f"password={password}",
        "-f",
        str(SCRIPT),
    ]
    subprocess.run(
        [psql, "-qX", *given, f"{server.address}/postgres"], check=True, capture_output=True, text=True
    )


def as_(server, role, database):
    name, password = role
    at = urlsplit(os.environ[POSTGRES_VARIABLE])
    return f"postgresql://{name}:{password}@{at.hostname}:{at.port}/{database}"


def test_the_script_says_what_it_takes_away():
    script = SCRIPT.read_text()
    for taken in ("NOSUPERUSER", "NOCREATEDB", "NOCREATEROLE", "REVOKE ALL ON DATABASE", "FROM PUBLIC"):
        assert taken in script


@pytest.mark.only_real
def test_a_service_migrates_with_its_own_role(server, roles):
    for service, role in roles.items():
        url = as_(server, role, role[0]).replace("postgresql://", "postgresql+psycopg://")
        environment = {
            "DATABASE_URL": url,
            "BUS_URL": "sqlite:////tmp/unused.sqlite",
            "PATH": os.environ["PATH"],
        }
        command = [sys.executable, "-m", "flask", "--app", f"{service}.app", "db", "upgrade"]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        with psycopg.connect(as_(server, role, role[0])) as own:
            assert own.execute("SELECT count(*) FROM outbox").fetchone() == (0,)


@pytest.mark.only_real
def test_no_role_reaches_anothers_database(server, roles):
    for role in roles.values():
        for name in [other for other, _ in roles.values() if other != role[0]] + ["postgres", "template1"]:
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(as_(server, role, name))


@pytest.mark.only_real
@pytest.mark.parametrize(
    "deed",
    [
        "CREATE DATABASE more",
        "CREATE ROLE more",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM pg_authid",
        "ALTER SYSTEM SET work_mem = '1GB'",
    ],
)
def test_no_role_does_a_superusers_work(server, roles, deed):
    for role in roles.values():
        with (
            psycopg.connect(as_(server, role, role[0]), autocommit=True) as own,
            pytest.raises(psycopg.Error) as no,
        ):
            own.execute(deed)
        assert no.value.sqlstate == "42501"
