"""What `/metrics` says of Strava's quota, from PostgreSQL's copy of it."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from settings import Settings
from strava.shared_quota.gate import quota_rules
from strava.shared_quota.ledger import Ledger
from strava.shared_quota.state import quota_states


def quota_gauges(
    settings: Settings, ledger: str | None, now_s: float, waiting: int
) -> Iterator[Metric]:
    """Yield the limits in `ledger`, none before the first request, and the athletes `waiting`."""
    limits = GaugeMetricFamily(
        "pacegraph_strava_quota",
        "Requests to Strava of the window that is now: allowed (limit), counted (used, up to 10 too "
        "many), left by backfills (reserve).",
        labels=["window", "requests", "what"],
    )
    for state in (
        quota_states(Ledger.from_text(ledger), quota_rules(settings), now_s) if ledger else ()
    ):
        labels = [state.window, "reads" if state.reads else "all"]
        limits.add_metric([*labels, "limit"], state.limit)
        limits.add_metric([*labels, "used"], state.used)
        limits.add_metric([*labels, "reserve"], state.reserve)
    yield limits
    yield GaugeMetricFamily(
        "pacegraph_athletes_waiting_for_quota",
        "Athletes with a job that waits for Strava's quota or its turn.",
        waiting,
    )
