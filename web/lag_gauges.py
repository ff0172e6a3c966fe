"""What `/metrics` says of how far behind Strava the athletes are."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import RowMapping

from db.statements.strava.sync_lag import BOUNDS_S


def lag_gauges(row: RowMapping) -> Iterator[Metric]:
    """Yield the gauges of a row of `db.statements.strava.sync_lag.state`."""
    lag = GaugeMetricFamily(
        "pacegraph_sync_lag_seconds",
        "Seconds since Strava's newest activities (list) or all of them (history) were last read, "
        "of the median of the connected athletes and of the worst. 0 without athletes.",
        labels=["read", "athlete"],
    )
    for read in ("list", "history"):
        for athlete in ("median", "worst"):
            lag.add_metric([read, athlete], row[f"{read}_{athlete}_s"] or 0)
    yield lag
    athletes = GaugeMetricFamily(
        "pacegraph_athletes_by_sync_lag",
        "Connected athletes by the time since all of their activities were last read.",
        labels=["lag"],
    )
    for name in BOUNDS_S:
        athletes.add_metric([name], row[f"up_to_{name}"])
    yield athletes
