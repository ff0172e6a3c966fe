"""The alerts and the dashboard of `deploy/` name metrics, labels and values that `/metrics` shows."""

import json
import re
import time
from pathlib import Path

import pytest
import yaml

from settings import load_settings
from strava.shared_quota.ledger import Ledger
from strava.shared_quota.window import CountedWindow
from tests.graph.api import serve
from tests.operations.shown_metrics import Shown

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
RULES = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"][0]["rules"]
PANELS = json.loads((ROOT / "deploy/grafana/pacegraph.json").read_text())["panels"]


async def test_what_alerts_and_dashboard_name_is_shown(settings, db):
    ledger = Ledger(day=CountedWindow(86_400, int(time.time() // 86_400), sent=[7, 5]))
    copy = (settings.strava_client_id, ledger.to_text())
    db.exec_driver_sql("INSERT INTO strava_quotas VALUES (%s, 1, %s)", copy)
    with_replica = {"database_replica_urls": "postgresql://postgres@127.0.0.1:1/none"}
    given = settings.model_dump(exclude_unset=True) | with_replica
    async with serve(load_settings(None, **given)) as api:
        shown = Shown.from_text((await api.http.get("/metrics")).text)
    expressions = [each["expr"] for each in RULES]
    expressions += [target["expr"] for panel in PANELS for target in panel["targets"]]
    assert len(expressions) > 50
    assert [fault for each in expressions for fault in shown.faults_of(each)] == []


def test_faults_are_found():
    shown = Shown.from_text(
        '# TYPE pacegraph_a counter\npacegraph_a_total{k="x"} 1\n# TYPE pacegraph_b gauge\n'
    )
    assert shown.faults_of('sum by (k) (rate(pacegraph_a_total{k="x"}[5m]))') == []
    assert shown.faults_of("pacegraph_b") == []
    assert shown.faults_of("pacegraph_c > 0") == ["no metric pacegraph_c"]
    assert shown.faults_of('pacegraph_a_total{k=~"x|y"}') == ["no pacegraph_a_total with k=y"]
    assert shown.faults_of("sum by (l) (pacegraph_a_total)") == [
        "no label l in sum by (l) (pacegraph_a_total)"
    ]


def test_each_alert_is_documented():
    page = (ROOT / "docs/operations.md").read_text()
    table = page.partition("## What to watch")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| ([A-Z]\w+) \|", table, re.MULTILINE)
    assert sorted(documented) == sorted(rule["alert"] for rule in RULES)


def test_panels_have_their_own_names_and_numbers():
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
