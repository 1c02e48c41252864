"""Every rule that kube-score and kube-linter have by default, on every overlay.

Neither is a Python package, so each rule is written here (`rules_of_…`) under its own name. An exception is
an annotation of the manifest, in those tools' own words, with its reason:
`ignore-check.kube-linter.io/RULE: reason`, or `kube-score/ignore: RULE,RULE` beside `flasky/why: reason`.
"""

import pytest

from . import rules_of_owners, rules_of_pods  # noqa: F401 - they write down their rules
from .rules import RULES
from .world import Manifest, Pod

LINTER = "ignore-check.kube-linter.io/"


def excepted(owner: Manifest, name: str) -> bool:
    """An exception without a reason is none."""
    said = owner["metadata"].get("annotations", {})
    if len(said.get(LINTER + name, "")) > 10:
        return True
    return name in said.get("kube-score/ignore", "").split(",") and len(said.get("flasky/why", "")) > 10


@pytest.mark.parametrize("name", RULES)
def test_the_rule_holds(world, name):
    owners = [one.owner if isinstance(one, Pod) else one for one in RULES[name](world)]
    wrong = [f"{one['kind']}/{one['metadata']['name']}" for one in owners if not excepted(one, name)]
    assert not wrong, f"{name}: {', '.join(wrong)}"


def test_no_exception_is_for_nothing(world):
    for owner in world.of("Deployment", "StatefulSet", "Job", "CronJob"):
        said = owner["metadata"].get("annotations", {})
        names = {name.removeprefix(LINTER) for name in said if name.startswith(LINTER)}
        names |= set(filter(None, said.get("kube-score/ignore", "").split(",")))
        for name in names:
            owners = [one.owner if isinstance(one, Pod) else one for one in RULES[name](world)]
            assert owner in owners, f"{owner['metadata']['name']} needs no exception from {name}"
