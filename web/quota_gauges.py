"""What `/metrics` says of Strava's quota, from PostgreSQL's copy of it."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from settings import Settings
from strava.shared_quota.gate import quota_rules
from strava.shared_quota.ledger import Ledger
from strava.shared_quota.quota_report import QuotaState, quota_states, time_of


def quota_gauges(
    settings: Settings, kept: str | None, clock_s: float, waiting: int
) -> Iterator[Metric]:
    """Yield the limits of the copy `kept`, none before the first request, and the athletes `waiting`.

    `clock_s` is what PostgreSQL's clock shows, POSIX.
    """
    limits = GaugeMetricFamily(
        "pacegraph_strava_quota",
        "Requests to Strava of the window that is now: allowed (limit), counted (used, up to 10 "
        "too many), left by backfills (reserve).",
        labels=["window", "requests", "what"],
    )
    for state in _states(settings, kept, clock_s) if kept else ():
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


def _states(settings: Settings, kept: str, clock_s: float) -> Iterator[QuotaState]:
    ledger = Ledger.from_text(kept)
    return quota_states(ledger, quota_rules(settings), time_of(ledger, clock_s))
