"""Debian's promtool checks the alerts, and fires each: not while all is well, then once."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.operations.alert_causes import FIRED_BY
from tests.operations.programs import DEPLOY

pytestmark = pytest.mark.operations

FILE = DEPLOY / "prometheus" / "alerts.yml"
RULES = yaml.safe_load(FILE.read_text())["groups"][0]["rules"]


def test_the_rules_are_sound():
    subprocess.run(["promtool", "check", "rules", FILE], check=True, timeout=30)


def test_each_alert_fires_once(tmp_path: Path):
    assert set(FIRED_BY) == {rule["alert"] for rule in RULES}
    tests = [_test_of(rule) for rule in RULES]
    file = tmp_path / "alerts_test.yml"
    wanted = {"rule_files": [str(FILE)], "evaluation_interval": "1m", "tests": tests}
    file.write_text(json.dumps(wanted))  # JSON is YAML
    told = subprocess.run(
        ["promtool", "test", "rules", file], check=False, capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0, told.stdout + told.stderr


def _test_of(rule: dict) -> dict:
    name = rule["alert"]
    fired = {
        "exp_labels": _labels(rule) | rule["labels"],
        "exp_annotations": rule["annotations"],
    }
    return {
        "interval": "1m",
        "input_series": [
            {"series": series, "values": values} for series, values in FIRED_BY[name].items()
        ],
        "alert_rule_test": [
            {"eval_time": "119m", "alertname": name, "exp_alerts": []},
            {"eval_time": "270m", "alertname": name, "exp_alerts": [fired]},
        ],
    }


def _labels(rule: dict) -> dict[str, str]:
    """Labels that the alert has of its series: all, those that it groups by, or none."""
    series = next(iter(FIRED_BY[rule["alert"]]))
    pairs = series.partition("{")[2].rstrip("}").split(", ")
    labels = {name: value.strip('"') for name, _, value in (each.partition("=") for each in pairs)}
    expression = rule["expr"]
    if expression.startswith(("max(", "sum(max")):
        return {}
    if expression.startswith(("max by (", "sum by (")):
        grouped = expression.partition("(")[2].partition(")")[0].split(", ")
        return {name: labels[name] for name in grouped}
    return labels
