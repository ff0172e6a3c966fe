"""Prometheus metric of the uses of old names and routes."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from legacy.uses import LegacyUses


class UsesCollector(Collector):
    """Exports `pacegraph_legacy_uses_total{kind,name}`, which counts all processes together."""

    def __init__(self, uses: LegacyUses) -> None:
        self._uses = uses

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "pacegraph_legacy_uses",
            "Uses of the older service's imports and routes, already summed over all processes.",
            labels=["kind", "name"],
        )
        for labels, count in sorted(self._uses.counts().items()):
            family.add_metric(labels, count)
        yield family
