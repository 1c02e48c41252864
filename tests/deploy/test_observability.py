"""Alarms, their runbooks, and dashboards: what is written fits together, and alarms fire when they should."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from auth import app as auth
from deploy.observability import build, dashboards

from .world import Pod, world_of

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load(build.RULES.read_text())
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
RUNBOOKS = ROOT / "docs" / "runbooks"
TESTS = ROOT / "tests" / "deploy" / "alerts.yml"
PANELS = [(name, panel) for name, board in dashboards.all_of_them().items() for panel in board["panels"]]


def promtool(*words: object) -> None:
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alarm_fires_when_it_should_and_not_before():
    promtool("test", "rules", TESTS)


def test_the_alarm_of_memory_is_near_the_limit_of_each_process(tmp_path):
    """Of every one that Kubernetes limits: silent at four fifths, on at nine tenths."""
    pods = [pod for pod in world_of("production").ours() if pod.role in ("api", "worker")]
    cases = [near_its_limit(pod, share) for pod in pods for share in (0.8, 0.9)]
    file = tmp_path / "memory.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(build.RULES)], "tests": cases}))
    promtool("test", "rules", file)


def near_its_limit(pod: Pod, share: float) -> dict[str, Any]:
    [container] = pod.containers
    used = float(container["resources"]["limits"]["memory"].removesuffix("Mi")) * 2**20 * share
    labels = f'service="{pod.service}",process="{pod.role}",instance="i"'
    alert = {
        "exp_labels": {"severity": "ticket", "service": pod.service, "instance": "i"},
        "exp_annotations": ALERTS["MemoryGrows"]["annotations"]
        | {"summary": "i is about to reach its limit of memory"},
    }
    return {
        "interval": "1m",
        "input_series": [
            {"series": f"process_resident_memory_bytes{{{labels}}}", "values": f"{used:.0f}x30"}
        ],
        "alert_rule_test": [
            {"eval_time": "20m", "alertname": "MemoryGrows", "exp_alerts": [alert] if share > 0.85 else []}
        ],
    }


def test_each_alarm_is_seen_silent_and_firing():
    seen: dict[str, set[bool]] = {name: set() for name in ALERTS}
    for one in yaml.safe_load(TESTS.read_text())["tests"]:
        for checked in one["alert_rule_test"]:
            seen[checked["alertname"]].add(bool(checked["exp_alerts"]))
    assert all(both == {True, False} for both in seen.values()), seen


def test_what_is_made_is_what_is_committed():
    for path, text in build.made().items():
        assert path.read_text() == text, f"{path.name}: run `make observability`"


def test_kubernetes_gets_the_same_rules():
    [rule] = world_of("production").of("PrometheusRule")
    assert rule["spec"] == RULES


@pytest.mark.parametrize("name", ALERTS)
def test_each_alarm_has_a_page_that_names_it_and_says_what_to_do(name):
    page = RUNBOOKS / ALERTS[name]["annotations"]["runbook"]
    text = page.read_text()
    metrics = set(re.findall(r"[a-z]+(?:_[a-z]+)+", ALERTS[name]["expr"]))
    assert "**Seen by**" in text
    assert f"`{name}`" in text or any(metric in text for metric in metrics), (
        f"{page.name} is about something else"
    )
    assert len(commands(text)) >= 1
    assert ALERTS[name]["labels"]["severity"] in ("page", "ticket")
    assert ALERTS[name]["annotations"]["summary"]


README_OF = [*sorted((ROOT / "services").glob("*/README.md")), ROOT / "deploy/new_service/template/README.md"]
LIMIT = re.compile(r"`(\w+)`[^`|]*?\b(?:over|above|older than) (\d+)", re.I)


def holds(said: str, limit: str) -> bool:
    """Whether that alarm, or some alarm on that metric, compares with this number."""
    if said in ALERTS:
        return bool(re.search(rf"> {limit}\b", ALERTS[said]["expr"]))
    alarm = re.compile(rf"\b{said}\b(?:(?! or ).)*> {limit}\b", re.S)
    return any(alarm.search(rule["expr"]) for rule in ALERTS.values())


@pytest.mark.parametrize("page", README_OF, ids=lambda page: page.parent.name)
def test_what_a_service_calls_an_alarm_is_one_at_the_number_it_says(page):
    table = re.search(r"^## Alarms\n\n((?:\|.*\n)+)", page.read_text(), re.M)
    assert table
    metrics = {
        name for row in table[1].splitlines()[2:] for name in re.findall(r"`(\w+)", row.split(" | ")[0])
    }
    assert not {name for name in metrics if not any(name in rule["expr"] for rule in ALERTS.values())}
    assert not [pair for pair in LIMIT.findall(table[1]) if not holds(*pair)]


def test_what_a_runbook_calls_an_alarm_is_one_at_the_number_it_says():
    for page in RUNBOOKS.glob("*.md"):
        text = page.read_text()
        [seen] = re.findall(r"^\*\*Seen by\*\*:(?:.+\n)+", text, re.M) or [""]
        assert set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", seen)) <= ALERTS.keys(), page.name
        assert not [pair for pair in LIMIT.findall(text) if not holds(*pair)], page.name
        assert not re.search(r"^Alarm:", text, re.M), f"{page.name}: alarms are named after **Seen by**"


def commands(text: str) -> list[list[str]]:
    fenced = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in fenced for line in block.splitlines() if line.strip()]
    lines += re.findall(r"`((?:flask|kubectl|make) [^`]+)`", text)
    return [shlex.split(line.replace(";", " ; "), comments=True) for line in lines]


def every_command() -> list[tuple[str, list[str]]]:
    pages = sorted(RUNBOOKS.glob("*.md"))
    return [(page.name, words) for page in pages for words in commands(page.read_text()) if words]


def test_every_command_of_every_page_exists(tmp_path):
    """flask's as services have them, make's in the Makefile, and what kubectl is asked about is rendered."""
    known = flask_commands(tmp_path)
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    for page, words in every_command():
        if words[0] == "make" and "…" not in words:
            assert words[1] in targets, f"{page}: make {words[1]}"
        if "flask" in words:
            asked = [word for word in words[words.index("flask") + 1 :] if not word.startswith("-")]
            asked = [word for word in asked if not re.fullmatch(r"\S+\.app", word)]
            assert asked[0] in known, f"{page}: flask {asked[0]}"
        if words[0] == "kubectl":
            there(page, words)


def flask_commands(folder: Path) -> set[str]:
    """Of auth, which has all that the others have, and some of its own."""
    files = {name: f"sqlite:///{folder}/{name}.sqlite" for name in ("database", "bus")}
    told = auth.Settings(
        environment="testing", database_url=files["database"], bus_url=files["bus"], data=folder
    )
    return set(auth.create_app(told).cli.commands)


def there(page: str, words: list[str]) -> None:
    """A deployment, a folder or a label that a command names is there in production."""
    world = world_of("production")
    for word in words:
        if match := re.fullmatch(r"(deployment|service)/([a-z-]+)", word):
            assert world.named(match[1].capitalize(), match[2]), f"{page}: {word}"
        if word.startswith("deploy/"):
            assert (ROOT / word).exists(), f"{page}: {word}"
        if match := re.fullmatch(r"(flasky/[a-z]+|app\.kubernetes\.io/name)!?=([a-z-]+)", word):
            assert f"{match[1]}: {match[2]}" in yaml.safe_dump(world.manifests), f"{page}: {word}"


def test_every_page_is_in_the_list():
    text = (RUNBOOKS / "README.md").read_text()
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", text))
    assert linked <= {page.name for page in RUNBOOKS.glob("*.md")}
    assert {alert["annotations"]["runbook"] for alert in ALERTS.values()} <= linked


@pytest.mark.parametrize(("board", "panel"), PANELS, ids=[f"{b}-{p['title']}" for b, p in PANELS])
def test_each_panel_has_a_title_a_unit_and_lines_with_names(board, panel):
    assert panel["title"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert all(target["legendFormat"] for target in panel["targets"])


def test_every_query_of_the_dashboards_is_understood(tmp_path):
    queries = [target["expr"] for _, panel in PANELS for target in panel["targets"]]
    rules = [
        {"record": f"query_{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries)
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    promtool("check", "rules", file)


def test_dashboards_have_places_of_their_own():
    for path in (build.HERE / "dashboards").glob("*.json"):
        panels = json.loads(path.read_text())["panels"]
        places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
        assert len(places) == len(panels), path.name
