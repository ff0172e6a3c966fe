"""What the API process counts, in Prometheus's form."""

from asyncio import all_tasks
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flags.flags import Flags
from flags.switches import Flag
from graph.cache import ResolverCache
from web.limits.limits import Limits
from web.persisted_documents import PersistedDocuments
from web.services import Services


class _Counts(Collector):
    """Reads the counters where they are kept, when they are asked for."""

    def __init__(self, services: Services) -> None:
        self._services, self._planner = services, services.planner

    def collect(self) -> Iterator[Metric]:
        database, pool = self._services.database, self._services.database.engine.pool
        yield _counter("planned_operations", "Operations that ran by plan.", self._planner.planned)
        yield _labelled(
            "unplanned_operations", "Operations left to graphql-core, by reason.", "reason", self._planner.fallbacks
        )
        yield _counter(
            "database_pool_timeouts", "Times no database connection came free in time.", database.pool_timeouts
        )
        yield _gauge("database_connections", "Database connections that are in use.", pool.checkedout())  # type: ignore[attr-defined]
        yield from _limits(self._services.limits)
        yield from _streams(self._services)
        yield from _documents(self._services.persisted)
        yield from _cache(self._services.cache)
        yield from _flags(self._services.flags)
        yield _labelled(
            "failed_operations", "Operations with errors, by the first one's code.", "code",
            self._services.executor.refusals,
        )  # fmt: skip
        yield _counter("lost_enqueues", "Jobs that Redis did not take; the reconciler does.", self._services.jobs.lost)


def _limits(limits: Limits) -> Iterator[Metric]:
    refused = {
        "cost": limits.budgets.refused,
        "requests": limits.requests.refused,
        "operations": limits.turns.refused,
    }
    yield _labelled("refused", "Refused with 429, by what the caller had too many of.", "limit", refused)
    yield _counter(
        "would_be_refused",
        "Operations not covered, which ran all the same (the flag cost-limiting is off).",
        limits.budgets.would_be_refused,
    )
    yield _counter("local_budgets", "Charges kept in this process, Redis being away.", limits.buckets.spent_alone)
    yield _counter("redis_losses", "Times that Redis was found to be away.", limits.store.losses)
    yield _gauge("operations_under_way", "Operations that have a turn.", limits.turns.under_way)
    yield _gauge("operations_waiting", "Operations that wait for their turn.", limits.turns.waiting)
    yield _counter("operations_waited", "Operations that had to wait for their turn.", limits.turns.waited)


def _streams(services: Services) -> Iterator[Metric]:
    streams, subscriptions = services.connections.streams, services.connections.subscriptions
    yield _gauge("open_connections", "WebSockets and event streams that are open.", streams.taken)
    yield _gauge("open_subscriptions", "Subscriptions under way.", subscriptions.taken)
    yield _gauge("tasks", "Tasks of the event loop.", len(all_tasks()))
    yield _gauge("job_watchers", "Subscriptions that wait for news of jobs.", services.jobs.watchers)
    refused = {"connection": streams.refused, "subscription": subscriptions.refused}
    yield _labelled("refused_streams", "Connections and subscriptions beyond what a caller may have.", "kind", refused)


def _documents(persisted: PersistedDocuments) -> Iterator[Metric]:
    yield _counter(
        "untrusted_documents",
        "Requests for documents outside the manifest: run (TRUSTED_DOCUMENTS=log) or refused (enforce).",
        persisted.untrusted,
    )
    if (queries := persisted.queries) is not None:
        asked = {"found": queries.hits, "not_found": queries.misses, "registered": queries.registered}
        yield _labelled("persisted_queries", "Requests by hash (APQ).", "result", asked)


def _cache(cache: ResolverCache) -> Iterator[Metric]:
    yield _labelled(
        "cache_answers",
        "Root fields' answers: from memory, from redis, computed (miss), computed before they expired (refresh).",
        "how",
        cache.counts,
    )
    yield _counter("cache_failures", "Times that the cache found Redis away.", cache.failures)
    yield _gauge("cache_memory_bytes", "Bytes of answers that this process keeps.", cache.memory_bytes)


def _flags(flags: Flags) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "pacegraph_feature_flag",
        "Percentage of callers that a flag is on for, besides those who are named; `source`: settings or redis.",
        labels=["flag", "source"],
    )
    for flag in Flag:
        rollout, is_default = flags.rollout_of(flag)
        percent = 0.0 if rollout.is_killed else rollout.percent
        state.add_metric([flag.value, "settings" if is_default else "redis"], percent)
    yield state
    yield _counter("feature_flag_changes", "Changes of a flag that this process heeded.", flags.changes)
    yield _counter("feature_flag_losses", "Times that Redis did not tell the flags.", flags.losses)
    yield _counter("feature_flag_nonsense", "Times that Redis held what is no flag.", flags.nonsense)


def metrics_route(services: Services, registry: CollectorRegistry) -> Route:
    """Make the route `/metrics`, which shows what is in `registry`."""
    registry.register(_Counts(services))

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    return Route("/metrics", metrics)


def _labelled(name: str, description: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"pacegraph_{name}", description, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _counter(name: str, description: str, value: int) -> Metric:
    return CounterMetricFamily(f"pacegraph_{name}", description, value)


def _gauge(name: str, description: str, value: int) -> Metric:
    return GaugeMetricFamily(f"pacegraph_{name}", description, value)
