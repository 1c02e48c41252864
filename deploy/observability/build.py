"""Writes what is made from other things here: the dashboards, and the rules as Kubernetes wants them.

`make observability`; a test fails when what is committed is not what this makes.
"""

import json
from pathlib import Path

import yaml

from . import dashboards

HERE = Path(__file__).parent
RULES = HERE / "rules" / "flasky.yml"
FOR_KUBERNETES = HERE.parent / "k8s" / "monitoring" / "rules.yaml"


def made() -> dict[Path, str]:
    """Every file that is made, with its text."""
    files = {
        HERE / "dashboards" / f"{name}.json": json.dumps(dashboard, indent=1, sort_keys=True) + "\n"
        for name, dashboard in dashboards.all_of_them().items()
    }
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "flasky"},
        "spec": yaml.safe_load(RULES.read_text()),
    }
    said = "# Made from deploy/observability/rules/flasky.yml by `make observability`.\n"
    return files | {FOR_KUBERNETES: said + yaml.safe_dump(rule, sort_keys=False, width=1000)}


if __name__ == "__main__":
    for path, text in made().items():
        path.write_text(text)
