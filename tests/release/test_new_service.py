"""The template is kept honest: a service is made from it, its tests run, and it is gone again."""

import re
import subprocess

import pytest
import yaml

from deploy.images.needs import needs
from deploy.new_service.make import files, new_service
from deploy.release.parts import Refused, run_in

THING = re.compile(r"(?<![a-z])things?|nolike|somelike", re.I)
pytestmark = pytest.mark.xdist_group("release")


def test_a_service_from_the_template_passes_its_tests_and_the_rules_of_the_house(repository, edit):
    folder = new_service("likes", repository)
    manifests = repository / "deploy/k8s/services/likes"
    assert {path.name for path in (folder / "likes").glob("*.py")} >= {"app.py", "api.py", "commands.py"}
    made = [path for path in files(folder) + files(manifests) if path.suffix != ".pyc"]
    assert [path for path in made if THING.search(path.read_text())] == []
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--stack=embedded", "services/likes"]
    house = ["tests/contract/test_house.py", "-k", "likes or imports or chassis or declare"]
    done = run_in(repository, *words, *house)
    assert done.returncode == 0, done.stdout
    its_image_and_manifests(folder, manifests)


def its_image_and_manifests(folder, manifests):
    """They are its own, whole, and name nobody else."""
    image = (folder / "Dockerfile").read_text()
    taken = re.findall(r"^COPY (services/\S+)", image, re.M)
    assert taken == [f"services/likes/{name}" for name in ("pyproject.toml", "likes", "migrations")]
    assert all((folder.parents[1] / path).exists() for path in taken)
    installed = needs(folder / "pyproject.toml", folder.parents[1] / "chassis/pyproject.toml")
    assert [line for line in installed if line.startswith("flask-migrate")]
    for place in (manifests, manifests / "jobs"):
        said = subprocess.run(["kubectl", "kustomize", place], capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        made = list(yaml.safe_load_all(said.stdout))
        assert {each["metadata"]["labels"]["app.kubernetes.io/name"] for each in made} == {"likes"}
        images = re.findall(r"image: (\S+):", said.stdout)
        assert {image.removesuffix("-backup") for image in images} == {"flasky-likes"}


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
