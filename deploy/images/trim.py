"""Makes an image's environment small: `python trim.py /srv/env`. Why these and how: docs/decisions/0020.

Takes out what is installed and never runs, keeps modules as bytecode alone, and takes debugging symbols out
of libraries in C. Whatever is named here and asked for after all ends the program that asks, with its name.
"""

import compileall
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = {"tests", "testing", "test"}
# Types, sources of what is compiled already, and what only an installer reads.
READ_BY_OTHERS = ("*.pyi", "*.pyx", "*.pxd", "*.c", "*.cpp", "*.h", "*.hpp", "*.dist-info/RECORD")
LANGUAGES = {"en", "en_US", "la"}  # of Faker's words; the last is lorem ipsum
# Packages of which a few modules are enough: for webauthn, for Alembic, for demo content.
ONLY = {
    "pyasn1_modules": {"__init__", "rfc5280"},
    "sqlalchemy/ext": {"__init__", "compiler"},
    # What `flask fake` asks for, and what that stands on.
    "faker/providers": {"__init__", "address", "date_time", "internet", "lorem", "person"},
}
UNUSED = (
    "sqlalchemy/dialects/mysql",  # databases that we do not know
    "sqlalchemy/dialects/mssql",
    "sqlalchemy/dialects/oracle",
    "dns",  # asks whether a domain takes mail: email-validator is told not to
    "cffi",  # what makes bindings, and not what they run with
    "pycparser",
    "faker/sphinx",  # documents of its own
    "faker/contrib",
    "pydantic/v1",  # pydantic as it was
    "pydantic/mypy.py",
    "gunicorn/asgi",  # kinds of workers that nothing chooses
    "gunicorn/dirty",
    "gunicorn/http2/connection.py",  # HTTP/2, which nobody is offered
    "gunicorn/http2/async_connection.py",
    "werkzeug/debug",  # a debugger in the browser
    "alembic/templates",  # of projects that are begun
    "pika/adapters/twisted_connection.py",  # event loops of others
    "pika/adapters/tornado_connection.py",
    "pika/adapters/gevent_connection.py",
    "urllib3/contrib/emscripten",
)


def unused(packages: Path) -> set[Path]:
    """Files and folders below a folder of packages."""
    found = {path for path in packages.rglob("*") if path.is_dir() and path.name in {*TESTS, "__pycache__"}}
    found |= {path for pattern in READ_BY_OTHERS for path in packages.rglob(pattern)}
    found |= {packages / name for name in UNUSED}
    # What Python never reads, because it finds the same module in C first.
    found |= {path.with_name(f"{path.name.partition('.')[0]}.py") for path in packages.rglob("*.so")}
    for name, needed in ONLY.items():
        found |= {path for path in packages.glob(f"{name}/*") if path.name.partition(".")[0] not in needed}
    for path in packages.glob("faker/providers/*/*"):
        if path.is_dir() and path.name not in LANGUAGES:
            found.add(path)
    return {path for path in found if path.exists()}


def compile_all(packages: Path) -> None:
    """Bytecode where the source was. What cannot be compiled, a template of code say, stays as it is."""
    compileall.compile_dir(packages, quiet=2, legacy=True, workers=0)
    for source in packages.rglob("*.py"):
        if source.with_suffix(".pyc").exists():
            source.unlink()


def strip(packages: Path) -> None:
    """Not what wheels bring of other projects (`psycopg_binary.libs`): little is to be gained there."""
    libraries = [str(path) for path in packages.rglob("*.so")]
    subprocess.run(["strip", "--strip-unneeded", *libraries], check=True)


def remove(paths: set[Path]) -> None:
    for path in paths:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def trim(packages: Path) -> None:
    remove(unused(packages))
    compile_all(packages)
    strip(packages)


if __name__ == "__main__":
    for packages in Path(sys.argv[1]).glob("lib/python3*/site-packages"):
        trim(packages)
