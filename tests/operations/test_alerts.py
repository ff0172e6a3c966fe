"""Debian's promtool checks the alerts, and fires each: not while all is well, then once."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.operations.programs import DEPLOY

pytestmark = pytest.mark.operations

FILE = DEPLOY / "prometheus" / "alerts.yml"
RULES = yaml.safe_load(FILE.read_text())["groups"][0]["rules"]
API = 'instance="api-1", job="pacegraph"'

RISES = "0x120 1+1x300"
"""By one each minute, after two hours of standing still."""
RISES_FAST = "0x120 50+50x300"
ON = "0x120 1x300"

FIRED_BY = {
    "ProcessGone": {f"up{{{API}}}": "1x120 0x300"},
    "JobGaugesUnread": {f"pacegraph_job_gauges_read{{{API}}}": "1x120 0x300"},
    "DatabasePoolEmpty": {f"pacegraph_database_pool_timeouts_total{{{API}}}": RISES},
    "ReplicaLost": {
        f"pacegraph_replicas_read{{{API}}}": "2x120 1x300",
        f"pacegraph_replicas{{{API}}}": "2x420",
    },
    "ReplicasAllLost": {f"pacegraph_replicas_read{{{API}}}": "1x120 0x300"},
    "RedisLost": {f"pacegraph_redis_losses_total{{{API}}}": RISES},
    "EnqueuesLost": {f"pacegraph_lost_enqueues_total{{{API}}}": RISES},
    "InternalErrors": {f'pacegraph_failed_operations_total{{{API}, code="INTERNAL"}}': RISES},
    "QueuedJobsOld": {f"pacegraph_oldest_queued_job_seconds{{{API}}}": "120x120 121x300"},
    "QueuedJobsMany": {
        f'pacegraph_jobs{{{API}, kind="STRAVA_SYNC", status="queued"}}': "20x120 30x300",
        f'pacegraph_jobs{{{API}, kind="AGE_GRADES", status="queued"}}': "20x420",
        'pacegraph_jobs{instance="api-2", job="pacegraph", kind="AGE_GRADES", status="queued"}': "20x420",
    },
    "LeasesExpired": {f"pacegraph_expired_leases{{{API}}}": ON},
    "StravaAnswersBadly": {f'pacegraph_strava_troubles_total{{{API}, kind="too_slow"}}': RISES},
    "SyncBudgetSpent": {f'pacegraph_strava_troubles_total{{{API}, kind="budget_spent"}}': RISES},
    "StravaQuotaUsedUp": {
        f'pacegraph_strava_quota{{{API}, window="day", requests="reads", what="used"}}': "999x120 1000x300",
        f'pacegraph_strava_quota{{{API}, window="day", requests="reads", what="limit"}}': "1000x420",
    },
    "StravaEventsOld": {f"pacegraph_oldest_strava_event_seconds{{{API}}}": "300x120 301x300"},
    "StravaEventsLost": {f'pacegraph_strava_events_total{{{API}, outcome="not_stored"}}': RISES},
    "StravaEventsForeign": {
        f'pacegraph_strava_events_total{{{API}, outcome="malformed"}}': RISES_FAST
    },
    "SyncProblemsGrow": {f"pacegraph_sync_problems{{{API}}}": ON},
    "SignInsBusy": {f'pacegraph_sign_ins_total{{{API}, outcome="busy"}}': RISES},
    "SignInsLimited": {f'pacegraph_sign_ins_total{{{API}, outcome="rate_limited"}}': RISES},
    "SessionReused": {f"pacegraph_sessions_reused_total{{{API}}}": RISES},
    "DatabaseTimeRefused": {f'pacegraph_refused_total{{{API}, limit="database_time"}}': RISES},
    "StatementsCancelled": {f"pacegraph_statements_cancelled_total{{{API}}}": RISES_FAST},
    "ConnectionsBounded": {
        f'pacegraph_bounded_connections_total{{{API}, bound="pace"}}': RISES_FAST
    },
    "SchemaUsesLeftOut": {f"pacegraph_schema_uses_left_out_total{{{API}}}": RISES},
}


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
