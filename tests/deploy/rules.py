"""How a rule of kube-score and kube-linter is written: what it finds, under the names that both give it."""

from collections.abc import Callable, Iterator

from .world import Manifest, Pod, World

Found = Iterator[Manifest | Pod]
Rule = Callable[[World], Found]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """`found` yields what breaks the rule; both tools often mean the same by different names."""

    def keep(found: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, found))
        return found

    return keep


def each_container(wrong: Callable[[Manifest, Pod], bool]) -> Rule:
    return lambda world: (pod for pod in world.pods() if any(wrong(one, pod) for one in pod.containers))


def each_pod(wrong: Callable[[Pod], bool]) -> Rule:
    return lambda world: filter(wrong, world.pods())
