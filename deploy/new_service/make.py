"""Copies the template under another name; see docs/change/a-new-service.md for what follows."""

import argparse
import keyword
import re
import shutil
import sys
import tempfile
from pathlib import Path

from ..local.stack import ROOT
from ..release.parts import Part, Refused, run_in

TEMPLATE = Path(__file__).parent / "template"
# Its image and its manifests are those of a service that has nothing of its own in them.
PLAINEST, TAKEN_OVER = "social", ("services/{}/Dockerfile", "deploy/k8s/services/{}")
COPIES_OF = re.compile(r" *- (AUTH|POSTS)_URL=.*\n")  # whose copies it keeps: the new one keeps none yet


def new_service(name: str, root: Path = ROOT) -> Path:
    """Makes `services/<name>` and `deploy/k8s/services/<name>`; raises `Refused` when the name is taken or is
    none.
    """
    checked(name, root)
    folder = root / "services" / name
    for path in files(TEMPLATE):
        write(folder / renamed(str(path.relative_to(TEMPLATE)), name), renamed(path.read_text(), name))
    for place in TAKEN_OVER:
        model = root / place.format(PLAINEST)
        for path in files(model):
            text = COPIES_OF.sub("", path.read_text()).replace(PLAINEST, name)
            write(root / place.format(name) / path.relative_to(model), text)
    write_generated(name, root, folder)
    return folder


def files(place: Path) -> list[Path]:
    """A file, or all files of a folder."""
    found = place.rglob("*") if place.is_dir() else [place]
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_generated(name: str, root: Path, folder: Path) -> None:
    """Its first migration, from the models and the chassis of today, and its contract."""
    (folder / "migrations/versions").mkdir(exist_ok=True)
    revision = ["db", "revision", "--autogenerate", "--rev-id=0001", f"--message={name}"]
    with tempfile.TemporaryDirectory() as empty:
        env = {"DATABASE_URL": f"sqlite:///{empty}/empty.sqlite", "BUS_URL": f"sqlite:///{empty}/bus.sqlite"}
        for words in (revision, ["openapi"]):
            done = run_in(root, "-m", "flask", "--app", f"{name}.app", *words, env=env)
            if done.returncode:
                for place in (folder, root / "deploy/k8s/services" / name):
                    shutil.rmtree(place)
                raise Refused(f"flask {words[0]} failed:\n{done.stdout}{done.stderr}")


def checked(name: str, root: Path) -> None:
    if not re.fullmatch(r"[a-z]{3,30}s", name) or keyword.iskeyword(name):
        raise Refused(f"{name!r} is no name for a service: a plural noun in small letters, for example likes")
    taken = {part.name for part in Part.all(root)} | {path.name for path in (root / "services").iterdir()}
    if name in taken:
        raise Refused(f"there is a service {name!r} already")
    if name in sys.stdlib_module_names:
        raise Refused(f"{name!r} is a module of Python's own; choose another word")


def renamed(text: str, name: str) -> str:
    """things → likes, Thing → Like, THING_MADE → LIKE_MADE; nothing else that ends in "thing"."""
    for was, now in (("things", name), ("thing", name[:-1])):
        for form in (str.lower, str.capitalize, str.upper):
            text = re.sub(rf"(?<![A-Za-z]){form(was)}(?!s)", form(now), text)
    return text


def main() -> None:
    words = argparse.ArgumentParser(prog="make new-service", description=__doc__)
    words.add_argument("name")
    try:
        folder = new_service(words.parse_args().name)
    except Refused as reason:
        sys.exit(f"Nothing made: {reason}")
    print(f"{folder.relative_to(ROOT)} is there. Its tests: make test SERVICE={folder.name}")
    print("What comes next: docs/change/a-new-service.md")


if __name__ == "__main__":
    main()
