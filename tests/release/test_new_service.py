"""The template is kept honest: a service is made from it, its tests run, and it is gone again."""

import re

import pytest

from deploy.new_service.make import new_service
from deploy.release.parts import Refused, run_in

THING = re.compile(r"(?<![a-z])things?|nolike|somelike", re.I)
pytestmark = pytest.mark.xdist_group("release")


def test_a_service_from_the_template_passes_its_tests_and_the_rules_of_the_house(repository, edit):
    folder = new_service("likes", repository)
    assert {path.name for path in (folder / "likes").glob("*.py")} >= {"app.py", "api.py", "commands.py"}
    left = [path for path in folder.rglob("*.*") if path.is_file() and THING.search(path.read_text())]
    assert left == []
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--stack=embedded", "services/likes"]
    house = ["tests/contract/test_house.py", "-k", "likes or imports or chassis or declare"]
    done = run_in(repository, *words, *house)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("posts", "there is a service 'posts' already"),
        ("like", "'like' is no name for a service: a plural noun in small letters"),
        ("../tools", "no name for a service"),
        ("class", "no name for a service"),
        ("types", "'types' is a module of Python's own"),
    ],
)
def test_a_name_that_will_not_do_is_refused_in_a_sentence(repository, name, sentence):
    with pytest.raises(Refused, match=sentence):
        new_service(name, repository)
