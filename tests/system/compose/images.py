"""The images that Dockerfiles and docker-compose.yml stand on, however this machine comes by them.

What the engine has, or can pull, is used. Where no registry can be reached they are built from Debian's
packages and the Python that runs the tests, and take the variables and commands that ours use.
"""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

BASE = "flasky-test-base:latest"
SLIM = "python:3.12-slim"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
SOURCES = ("etc/apt/sources.list", "etc/apt/sources.list.d/debian.sources")
LIBRARIES = (
    "ca-certificates,libssl3,libffi8,libsqlite3-0,libreadline8,libncursesw6,libbz2-1.0,liblzma5,netbase,gosu"
)
PULL_LIMIT = 300

INSTALL = "apt-get update -qq && apt-get install -y -qq --no-install-recommends"
POSTGRES = """FROM {base}
RUN {install} postgresql && ln -s /usr/lib/postgresql/*/bin /postgres \\
    && mkdir -p /var/lib/postgresql/data && chown postgres /var/lib/postgresql/data
ENV PATH=/postgres:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PGDATA=/var/lib/postgresql/data
COPY entry.sh /entry.sh
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["/entry.sh"]
"""
POSTGRES_ENTRY = """#!/bin/bash
set -e
if [ "$(id -u)" = 0 ]; then chown postgres "$PGDATA"; exec gosu postgres "$0" "$@"; fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb -D "$PGDATA" -U postgres -A trust $POSTGRES_INITDB_ARGS >/dev/null
    pg_ctl -D "$PGDATA" -w -o "-c listen_addresses=''" start >/dev/null
    password=$(cat "$POSTGRES_PASSWORD_FILE")
    psql -q -U postgres -v password="$password" <<<"ALTER ROLE postgres PASSWORD :'password'"
    for file in /docker-entrypoint-initdb.d/*.sh; do "$file"; done
    pg_ctl -D "$PGDATA" -w -m fast stop >/dev/null
    printf 'local all all trust\\nhost all all all scram-sha-256\\n' > "$PGDATA/pg_hba.conf"
fi
exec "$@" -c listen_addresses='*'
"""
RABBITMQ = """FROM {base}
RUN {install} rabbitmq-server
ENV HOME=/var/lib/rabbitmq PATH=/usr/lib/rabbitmq/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY entry.sh /entry.sh
VOLUME /var/lib/rabbitmq
ENTRYPOINT ["/entry.sh"]
"""
RABBITMQ_ENTRY = """#!/bin/bash
set -e
chown -R rabbitmq /var/lib/rabbitmq
exec gosu rabbitmq rabbitmq-server
"""
REDIS = """FROM {base}
RUN {install} redis-server
USER redis
"""
PARTS = {
    "postgres:15": (POSTGRES, POSTGRES_ENTRY),
    "rabbitmq:4": (RABBITMQ, RABBITMQ_ENTRY),
    "redis:7": (REDIS, ""),
}


def obtain(folder: Path) -> None:
    """All of them; those that must be built are built in `folder`."""
    for tag in (SLIM, *PARTS):
        if has(tag) or pulled(tag):
            continue
        if not has(BASE):
            load(system(folder / "base"), BASE)
        if tag == SLIM:
            load(with_python(folder / "base", folder / "python"), SLIM)
        else:
            build(tag, folder / tag.partition(":")[0], *PARTS[tag])


def docker(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, **options)  # type: ignore[call-overload, no-any-return]


def has(tag: str) -> bool:
    return docker("image", "inspect", tag).returncode == 0


def pulled(tag: str) -> bool:
    try:
        return docker("pull", "--quiet", tag, timeout=PULL_LIMIT).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def run(*command: str | Path) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


def system(root: Path) -> Path:
    """A small Debian, which gets its packages from where this machine gets them."""
    shutil.rmtree(root, ignore_errors=True)
    run("debootstrap", "--variant=minbase", f"--include={LIBRARIES}", release(), root, mirror())
    shutil.copy(CERTIFICATES, root / "etc/ssl/certs")
    for name in SOURCES:
        (root / name).unlink(missing_ok=True)
        if Path("/", name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path("/", name), root / name)
    for path in Path("/etc/apt/apt.conf.d").glob("99*"):
        shutil.copy(path, root / "etc/apt/apt.conf.d")
    return root


def release() -> str:
    lines = Path("/etc/os-release").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("VERSION_CODENAME="))


def mirror() -> str:
    """Where apt finds packages here."""
    for name in SOURCES:
        for line in Path("/", name).read_text().splitlines() if Path("/", name).exists() else ():
            words = line.split()
            if line.startswith("URIs:"):
                return words[1]
            if line.startswith("deb "):
                return next(word for word in words if "://" in word)
    raise AssertionError("apt's sources name no mirror")


def with_python(base: Path, root: Path) -> Path:
    """The Python of the tests, moved to /usr/local, with pip."""
    shutil.rmtree(root, ignore_errors=True)
    run("cp", "-a", base, root)
    home, version = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert home != Path("/usr"), "the tests must run on a Python of its own, not on the system's"
    left_out = shutil.ignore_patterns("__pycache__", "site-packages", "test", "*.a")
    for part in ("bin", "lib", "include"):
        shutil.copytree(
            home / part, root / "usr/local" / part, symlinks=True, dirs_exist_ok=True, ignore=left_out
        )
    for script in (root / "usr/local/bin").glob("*"):
        if not script.name.startswith("python"):
            script.unlink()
    (root / f"usr/local/lib/{version}/site-packages").mkdir(exist_ok=True)
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).unlink(missing_ok=True)
        (root / "usr/local/bin" / name).symlink_to(version)
    (root / "etc/pip.conf").write_text(f"[global]\ncert = {CERTIFICATES}\n")
    run("chroot", root, "ldconfig")
    run("chroot", root, "/usr/local/bin/python3", "-m", "ensurepip")
    return root


def load(root: Path, tag: str) -> None:
    """A folder becomes an image."""
    settings = [
        "-c",
        "ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8",
        "-c",
        'CMD ["bash"]',
    ]
    reading, writing = os.pipe()
    with subprocess.Popen(
        ["docker", "import", *settings, "-", tag], stdin=reading, stdout=subprocess.DEVNULL
    ) as importing:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe, tarfile.open(fileobj=pipe, mode="w|") as tar:
            tar.add(root, arcname=".")
    assert importing.returncode == 0


def build(tag: str, folder: Path, recipe: str, entry: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Dockerfile").write_text(recipe.format(base=BASE, install=INSTALL))
    (folder / "entry.sh").write_text(entry)
    (folder / "entry.sh").chmod(0o755)
    built = docker("build", "--quiet", "--tag", tag, str(folder))
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
