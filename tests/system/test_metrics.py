"""What alarms and dashboards ask for is there: in a scrape of every process of the running blog."""

import re

import pytest
import requests
import yaml
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

import chassis.metrics
import gateway.metrics
from deploy.local.stack import OFFSETS
from deploy.observability import build, dashboards

# Prometheus makes it itself of every scrape, and gives all that it scrapes these labels, `namespace` in a
# cluster; buckets have `le`. kube-state-metrics knows of the cluster's own things.
ITS_OWN, GIVEN = {"up"}, {"service", "process", "instance", "namespace", "le"}
CLUSTERS = {
    "kube_cronjob_created": {"cronjob"},
    "kube_cronjob_status_last_successful_time": {"cronjob"},
}


def queries() -> list[str]:
    rules = yaml.safe_load(build.RULES.read_text())["groups"]
    panels = [panel for board in dashboards.all_of_them().values() for panel in board["panels"]]
    return [rule["expr"] for group in rules for rule in group["rules"]] + [
        target["expr"] for panel in panels for target in panel["targets"]
    ]


def asked_for(query: str) -> set[str]:
    """The names of metrics in a query: what is no function, no word of PromQL and no label."""
    bare = re.sub(r"\{[^}]*\}", "", re.sub(r'"[^"]*"', "", query))
    bare = re.sub(r"\b(by|on|without|ignoring) \([^)]*\)", "", bare)
    bare = re.sub(r"\[[^\]]*\]", "", bare)
    words = set(re.findall(r"\b[a-z][a-z_]*\b(?!\s*\()", bare))
    return words - {"by", "or", "and", "unless", "offset", "le", "h", "m", "e"}


def scrape(blog, process) -> str:
    port = blog.stack.ports["gateway-ops" if process == "gateway" else process]
    return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text


@pytest.fixture
def families(blog):
    """All metrics of all processes: by their names the labels that they have."""
    ann = blog.member("ann")
    assert ann.post("/posts/", body="counted").status_code == 201
    found = {name: set(labels) for name, labels in CLUSTERS.items()}
    for process in OFFSETS.keys() - {"gateway-ops"}:
        for family in text_string_to_metric_families(scrape(blog, process)):
            for name in names(family.name, family.type):
                found.setdefault(name, set()).update(declared(family.name))
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def names(family: str, type: str) -> list[str]:
    ends = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",)}.get(type, ("",))
    return [family + end for end in ends]


def declared(family: str) -> tuple[str, ...]:
    """Labels of what has not been counted yet and so has no sample."""
    known = [vars(module).values() for module in (chassis.metrics, gateway.metrics)]
    ours = [each for values in known for each in values if isinstance(each, MetricWrapperBase)]
    return next((each._labelnames for each in ours if each._name == family), ())


def labels(query: str) -> set[str]:
    """Those that a query sums by, or chooses by."""
    summed = re.findall(r"\b(?:by|on|without|ignoring) \(([^)]*)\)", query)
    chosen = re.findall(r"[{,]\s*(\w+)\s*(?:=|!)", query)
    return {name for names in summed for name in names.replace(" ", "").split(",") if name} | set(chosen)


def test_names_of_metrics_are_found_in_queries():
    query = 'sum by (le) (rate(a_seconds_bucket{service="x"}[5m])) / max(b) > 3 or time() - c_total offset 1h'
    assert asked_for(query) == {"a_seconds_bucket", "b", "c_total"}
    query = 'group by (x) (label_replace(a{y="z"}, "x", "$1", "y", "(.+)-backup")) unless b'
    assert asked_for(query) == {"a", "b"}


def test_every_metric_of_alarms_and_dashboards_is_in_a_scrape(families):
    wanted = set().union(*map(asked_for, queries()))
    assert len(wanted) > 25
    assert wanted - ITS_OWN <= families.keys()


def test_the_labels_of_alarms_and_dashboards_are_those_of_their_metrics(families):
    for query in queries():
        there = set().union(*(families.get(name, set()) for name in asked_for(query)))
        assert labels(query) <= there | GIVEN, query


def test_every_metric_of_ours_is_in_an_alarm_or_on_a_dashboard(families):
    wanted = set().union(*map(asked_for, queries()))
    seen, there = (
        {re.sub(r"_(bucket|count|sum)$", "", name) for name in some} for some in (wanted, families)
    )
    ours = {name for name in there - CLUSTERS.keys() if not re.match("python_|process_|.*_created$", name)}
    assert ours - seen == set()


def test_names_follow_the_convention(families):
    """Base units, words with underscores: https://prometheus.io/docs/practices/naming/"""
    ours = [name for name in families if not name.startswith(("python_", "process_"))]
    assert not [name for name in ours if re.search(r"_(ms|milliseconds|minutes|kb|mb)(_|$)", name)]
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", name) for name in ours)


def test_what_people_do_is_counted(blog):
    def count(process, type):
        for family in text_string_to_metric_families(scrape(blog, process)):
            for sample in family.samples:
                if sample.name == "events_recorded_total" and sample.labels["type"] == type:
                    return sample.value
        return 0.0

    facts = [
        ("auth", "auth.user_registered.v1"),
        ("posts", "posts.post_published.v1"),
        ("posts", "posts.comment_published.v1"),
        ("social", "social.user_followed.v1"),
    ]
    before = [count(*fact) for fact in facts]
    ann, ben = blog.member("ann"), blog.member("ben")
    post = ann.post("/posts/", body="counted").json()
    assert ben.post(f"/posts/{post['id']}/comments/", body="so it is").status_code == 201
    assert ben.put(f"/users/{ann.id}/follow").status_code in (200, 201)
    assert [count(*fact) - was for fact, was in zip(facts, before, strict=True)] == [2, 1, 1, 1]
