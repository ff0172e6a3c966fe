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

LABELS = {
    *("athlete", "bound", "code", "flag", "how", "kind", "lag", "le", "limit", "outcome", "read"),
    *("reason", "requests", "result", "server", "source", "status", "to", "what", "window"),
}
"""None has a value of a client's, an athlete's or a row's: `athlete` is `median` or `worst`."""
MOST_VALUES = 20
WATCHED = {
    "requests": "pacegraph_requests_total",
    "their duration": "pacegraph_request_seconds",
    "cost": "pacegraph_charged_points_total",
    "cache": "pacegraph_cache_answers_total",
    "limits": "pacegraph_refused_total",
    "what has no plan": "pacegraph_unplanned_operations_total",
    "pool": "pacegraph_database_connections",
    "queue": "pacegraph_jobs",
    "its age": "pacegraph_oldest_queued_job_seconds",
    "leases": "pacegraph_expired_leases",
    "sync lag": "pacegraph_sync_lag_seconds",
    "quota": "pacegraph_strava_quota",
    "outcomes of jobs": "pacegraph_ended_jobs",
}
"""What an operator watches, by the metric that tells it."""


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


async def test_all_that_is_shown_is_documented_and_its_labels_are_known(settings, db):
    async with serve(settings) as api:
        shown = Shown.from_text((await api.http.get("/metrics")).text)
    pages = "\n".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    names = {re.sub("_(bucket|sum|count)$", "", name) for name in shown.labels}
    assert len(names) > 70
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", pages)] == []
    assert {label for labels in shown.labels.values() for label in labels or ()} <= LABELS
    most = {
        label: len(values) for of in shown.labels.values() for label, values in (of or {}).items()
    }
    assert max(most.values()) <= MOST_VALUES, most


async def test_nothing_that_clients_name_becomes_a_label(settings):
    name = "Zebra"
    headers = {"graphql-client-name": name, "user-agent": name, "x-request-id": name}
    documents = (
        f"query {name} {{ viewer {{ id }} }}",
        f"query {name} {{ {name}: __typename }}",
        f"query {name}({name}: Int) {{ {name} }}".replace(f"({name}", f"(${name}"),
        f"query {name} {{ __typename @{name} }}",
        f"mutation {name} {{ signOut }}",
        f"{name} {{",
    )
    async with serve(settings) as api:
        await api.http.get("/metrics")
        for document in documents:
            await api.http.post("/graphql", json={"query": document}, headers=headers)
        for method in ("GET", "POST", "DELETE", name.upper()):
            for path in (
                f"/{name}",
                f"/graphql?{name}={name}",
                f"/auth/{name}",
                f"/uploads/{name}",
            ):
                await api.http.request(method, path, headers=headers)
        text = (await api.http.get("/metrics")).text
    assert "pacegraph_failed_operations_total{" in text
    assert name.lower() not in text.lower()


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


def test_what_is_to_be_watched_is_in_the_page_and_on_the_dashboard():
    page = (ROOT / "docs/operations.md").read_text().partition("## What to watch")[2]
    table = page.partition("\n## ")[0]
    panels = [target["expr"] for panel in PANELS for target in panel["targets"]]
    missing = {
        what: metric
        for what, metric in WATCHED.items()
        if f"`{metric}" not in table or not any(metric in each for each in panels)
    }
    assert missing == {}


def test_panels_have_their_own_names_and_numbers():
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
