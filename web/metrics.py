"""What the API process counts, in Prometheus's form."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from web.services import Services


class _Counts(Collector):
    """Reads the counters where they are kept, when they are asked for."""

    def __init__(self, services: Services) -> None:
        self._services, self._planner = services, services.planner

    def collect(self) -> Iterator[Metric]:
        database, pool = self._services.database, self._services.database.engine.pool
        yield _counter("planned_operations", "Operations that ran by plan.", self._planner.planned)
        left = CounterMetricFamily(
            "pacegraph_unplanned_operations", "Operations left to graphql-core, by reason.", labels=["reason"]
        )
        for reason, count in self._planner.fallbacks.items():
            left.add_metric([reason], count)
        yield left
        yield _counter(
            "database_pool_timeouts", "Times no database connection came free in time.", database.pool_timeouts
        )
        yield _gauge("database_connections", "Database connections that are in use.", pool.checkedout())  # type: ignore[attr-defined]
        yield _counter(
            "local_budgets", "Charges kept in this process, Redis being away.", self._services.budgets.fallbacks
        )
        yield _counter("lost_enqueues", "Jobs that Redis did not take; the reconciler does.", self._services.jobs.lost)


def metrics_route(services: Services) -> Route:
    """Make the route `/metrics`."""
    registry = CollectorRegistry()
    registry.register(_Counts(services))

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    return Route("/metrics", metrics)


def _counter(name: str, description: str, value: int) -> Metric:
    return CounterMetricFamily(f"pacegraph_{name}", description, value)


def _gauge(name: str, description: str, value: int) -> Metric:
    return GaugeMetricFamily(f"pacegraph_{name}", description, value)
