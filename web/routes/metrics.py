"""The API process's metrics, for Prometheus."""

from asyncio import all_tasks
from collections.abc import Iterator, Mapping
from hmac import compare_digest

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flags.flags import Flags
from flags.switches import Flag
from graph.cache.root_field_cache import RootFieldCache
from graph.plan.row_templates import TEMPLATES
from logs import left_out_lines
from settings import Settings
from web.auth.sign_in_slots import SignIns
from web.errors import error_response
from web.http.request_counts import REQUESTS
from web.job_gauges import JobGauges
from web.limits.limits import Limits
from web.services import Services

_CHALLENGE = {"www-authenticate": "Bearer"}
_REFUSED = "Send the server's METRICS_TOKEN as `Authorization: Bearer …`."


class _Counts(Collector):
    """Collects the counters of all parts when they are requested."""

    def __init__(self, services: Services, job_gauges: JobGauges) -> None:
        self._job_gauges = job_gauges
        self._services = services

    def collect(self) -> Iterator[Metric]:
        yield from _requests()
        yield from _ways(self._services)
        yield from _database(self._services)
        yield _counter(
            "schema_uses_left_out",
            "Operations whose use of the schema was not counted, because too many waited.",
            self._services.usage.left_out,
        )
        yield from _limits(self._services.limits)
        yield from _streams(self._services)
        yield from _strava(self._services)
        yield _counter(
            "sessions_reused",
            "Sessions ended because a cookie came back long after it was renewed.",
            self._services.sessions.reused,
        )
        yield from _documents(self._services)
        yield from _cache(self._services.cache)
        yield from _kept(self._services)
        yield from _flags(self._services.flags)
        yield _labelled(
            "failed_operations", "Operations with errors, by the code of the first error.", "code",
            self._services.executor.refusals,
        )  # fmt: skip
        yield _counter(
            "lost_enqueues",
            "Jobs not enqueued because Redis failed. The reconciler enqueues them.",
            self._services.jobs.lost,
        )
        yield _counter(
            "log_lines_left_out",
            "Lines left out of the log because too many of their kind came.",
            left_out_lines(),
        )
        yield from self._job_gauges.collect()


def _requests() -> Iterator[Metric]:
    ended = CounterMetricFamily(
        "pacegraph_requests",
        "Requests that ended, to /graphql and others, by the class of their status. Those for "
        "readiness and health are left out.",
        labels=["to", "status"],
    )
    for labels, count in sorted(REQUESTS.ended.items()):
        ended.add_metric(labels, count)
    yield ended
    took = HistogramMetricFamily(
        "pacegraph_request_seconds",
        "How long they took, in the process. An event stream is one, from its begin to its end.",
        labels=["to"],
    )
    for to, seconds in REQUESTS.seconds.items():
        took.add_metric([to], REQUESTS.up_to(to), seconds)
    yield took


def _ways(services: Services) -> Iterator[Metric]:
    yield _counter("planned_operations", "Operations answered by a plan.", services.planner.planned)
    yield _counter(
        "answers_at_hand",
        "Operations among them that were answered by the short way.",
        services.at_hand.answered,
    )
    yield _counter(
        "slow_operations",
        "Operations that took SLOW_OPERATION_MS or longer.",
        services.slow_operations.logged,
    )
    yield _labelled(
        "unplanned_operations",
        "Operations run on graphql-core instead of by a plan, by reason.",
        "reason",
        services.planner.fallbacks,
    )


def _database(services: Services) -> Iterator[Metric]:
    """The primary and its replicas."""
    database, replicas = services.database, services.replicas
    databases = [database, *(each.database for each in replicas.all)] if replicas else [database]
    yield _counter(
        "database_pool_timeouts",
        "Times no database connection was free in time.",
        sum(each.pool_timeouts for each in databases),
    )
    yield _counter(
        "database_retries",
        "Retries after a transient error of PostgreSQL.",
        database.retry_policy.retries,
    )
    yield _counter(
        "statements_cancelled",
        "Statements cancelled because they worked longer than OPERATION_DATABASE_TIME_S.",
        sum(each.watch.cancelled for each in databases),
    )
    yield _counter(
        "cold_connections",
        "New database connections used before they were warm: that failed, or took too long.",
        sum(each.new_connections.cold for each in databases),
    )
    in_use = sum(each.engine.pool.checkedout() for each in databases)  # type: ignore[attr-defined]
    yield _gauge("database_connections", "Database connections in use.", in_use)
    if replicas is not None:
        named = "Replicas that DATABASE_REPLICA_URLS names."
        yield _gauge("replicas", named, len(replicas.all))
        yield _gauge("replicas_read", "Replicas among them that are read.", replicas.usable)
        by_server = {"replica": replicas.chosen, "primary": replicas.left}
        told = "Planned queries, by the server that was asked."
        yield _labelled("queries_by_server", told, "server", by_server)


def _limits(limits: Limits) -> Iterator[Metric]:
    look_ups = limits.look_ups.queue
    refused = {
        "cost": limits.budgets.refused - limits.budgets.refused_for_time,
        "database_time": limits.budgets.refused_for_time,
        "requests": limits.requests.refused,
        "operations": limits.fair_queue.refused,
        "variables": limits.weights.refused,
        "look_ups": look_ups.refused + limits.look_ups.refused_unknown,
    }
    yield _labelled(
        "refused",
        "Requests and operations refused (429; look_ups: 503), by limit.",
        "limit",
        refused,
    )
    yield _counter(
        "charged_points", "Points charged for operations, before refunds.", limits.budgets.charged
    )
    yield _counter(
        "refunded_points",
        "Points among them given back, where operations cost less than was charged.",
        limits.budgets.refunded,
    )
    yield _counter(
        "operation_database_ms",
        "Milliseconds that operations worked in the database.",
        int(limits.budgets.database_ms),
    )
    yield _counter(
        "would_be_refused",
        "Operations that cost too much but ran, because the flag cost-limiting is off.",
        limits.budgets.would_be_refused,
    )
    yield _counter(
        "local_budgets",
        "Charges counted in this process while Redis was away.",
        limits.buckets.spent_alone,
    )
    yield _counter("redis_losses", "Times Redis became unavailable.", limits.store.losses)
    yield _gauge("operations_under_way", "Operations in progress.", limits.fair_queue.under_way)
    yield _gauge("operations_waiting", "Operations waiting.", limits.fair_queue.waiting)
    yield _gauge("look_ups_waiting", "Look-ups of callers and files waiting.", look_ups.waiting)
    yield _counter("operations_waited", "Operations that had to wait.", limits.fair_queue.waited)


def _streams(services: Services) -> Iterator[Metric]:
    streams, subscriptions = services.open_streams.streams, services.open_streams.subscriptions
    yield _gauge("open_connections", "Open WebSockets and event streams.", streams.taken)
    bounds = services.address_bounds
    yield _gauge("client_connections", "Open connections of clients, of any kind.", bounds.open)
    yield _labelled(
        "bounded_connections",
        "Connections that met a bound: refused as too many of an address (connections), slowed "
        "(pace, pipelining), or closed (the others).",
        "bound",
        bounds.struck,
    )
    yield _gauge("open_subscriptions", "Active subscriptions.", subscriptions.taken)
    yield _gauge("tasks", "Tasks of the event loop.", len(all_tasks()))
    yield _gauge(
        "job_watchers",
        "Watched jobs, plus subscriptions to an athlete's jobs.",
        services.jobs.watchers,
    )
    yield _counter("job_reads", "Statements that read watched jobs.", services.job_feeds.reads)
    yield _counter(
        "job_read_retries",
        "Reads of watched jobs that were repeated because the database was busy or away.",
        services.job_feeds.retries,
    )
    refused = {"connection": streams.refused, "subscription": subscriptions.refused}
    yield _labelled(
        "refused_streams",
        "Connections and subscriptions refused because of a limit.",
        "kind",
        refused,
    )
    yield from _files(services)


def _files(services: Services) -> Iterator[Metric]:
    uploads = services.uploads
    downloads = (services.exports.slots, services.originals.slots)
    yield _gauge(
        "uploads_under_way", "Uploads that take one of UPLOADS_AT_ONCE.", uploads.under_way
    )
    yield _counter("upload_bytes", "Bytes of uploads that arrived here.", uploads.bytes)
    yield _gauge(
        "downloads_under_way",
        "Downloads of archives and originals under way; of each, EXPORTS_AT_ONCE may be.",
        sum(each.under_way for each in downloads),
    )
    refused = {"uploads": uploads.refused, "downloads": sum(each.refused for each in downloads)}
    yield _labelled(
        "refused_files", "Uploads and downloads refused as too many at once.", "kind", refused
    )
    stalled = {"uploads": uploads.stalled, "downloads": sum(each.stalled for each in downloads)}
    yield _labelled(
        "stalled_files",
        "Uploads and downloads ended because the client took longer than UPLOAD_STALL_S.",
        "kind",
        stalled,
    )


def _strava(services: Services) -> Iterator[Metric]:
    yield _labelled(
        "strava_events",
        "Events of Strava's webhook, by outcome. Strava repeats those too_many and not_stored.",
        "outcome",
        services.strava_intake.outcomes,
    )
    yield from _sign_ins(services.sign_ins)


def _sign_ins(sign_ins: SignIns) -> Iterator[Metric]:
    yield _labelled(
        "sign_ins", "Sign-ins that came back from Strava, by outcome.", "outcome",
        sign_ins.outcomes,
    )  # fmt: skip
    yield _gauge("sign_ins_under_way", "Sign-ins that use a slot.", sign_ins.slots.running)
    yield _gauge("sign_ins_waiting", "Sign-ins that wait for a slot.", sign_ins.slots.waiting)


def _documents(services: Services) -> Iterator[Metric]:
    persisted, documents = services.persisted, services.documents
    yield _gauge(
        "documents_waiting", "New documents that wait or are being parsed.", documents.waiting
    )
    yield _counter(
        "refused_documents",
        "New documents refused because too many waited.",
        documents.refused,
    )
    yield _counter(
        "untrusted_documents",
        "Requests for documents outside the manifest, run (log) or refused (enforce).",
        persisted.untrusted,
    )
    if (queries := persisted.queries) is not None:
        asked = {
            "found": queries.hits,
            "not_found": queries.misses,
            "registered": queries.registered,
        }
        yield _labelled("persisted_queries", "Requests by hash (APQ).", "result", asked)


def _cache(cache: RootFieldCache) -> Iterator[Metric]:
    yield _labelled(
        "cache_answers",
        "Answers of root fields: from memory or redis, computed (miss), or early (refresh).",
        "how",
        cache.counts,
    )
    yield _counter("cache_failures", "Times the cache could not use Redis.", cache.failures)
    yield _gauge(
        "cache_memory_bytes", "Bytes of answers in this process's memory.", cache.memory_bytes
    )


def _kept(services: Services) -> Iterator[Metric]:
    documents, cache = services.documents, services.cache
    kept = GaugeMetricFamily(
        "pacegraph_kept_bytes",
        "Bytes kept in this process's memory, by what: documents with plans and answers about the "
        "schema, SQL, cached answers.",
        labels=["what"],
    )
    kept.add_metric(["documents"], documents.kept_bytes)
    kept.add_metric(["sql"], TEMPLATES.bytes)
    kept.add_metric(["answers"], cache.memory_bytes)
    yield kept
    yield _counter(
        "memory_given_back",
        "How often freed memory that the C library kept was given back to the system.",
        services.allocator.given_back,
    )
    told = "Bytes in use that the C library gave: all but most of Python's small objects."
    yield _gauge("allocated_bytes", told, services.allocator.used_bytes)
    evictions = {
        "documents": documents.evictions,
        "sql": TEMPLATES.evictions,
        "answers": cache.evictions,
    }
    yield _labelled("kept_evictions", "Entries dropped from what is kept.", "what", evictions)


def _flags(flags: Flags) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "pacegraph_feature_flag",
        "Percentage of callers a flag is on for, without its lists. `source`: settings or redis.",
        labels=["flag", "source"],
    )
    for flag in Flag:
        rollout, is_default = flags.rollout_of(flag)
        percent = 0.0 if rollout.is_killed else rollout.percent
        state.add_metric([flag.value, "settings" if is_default else "redis"], percent)
    yield state
    yield _counter(
        "feature_flag_changes", "Changes of flags applied by this process.", flags.changes
    )
    yield _counter(
        "feature_flag_losses", "Times the flags could not be read from Redis.", flags.losses
    )
    yield _counter("feature_flag_nonsense", "Times Redis held an invalid flag.", flags.nonsense)


def _may_read(settings: Settings, request: Request) -> bool:
    if settings.metrics_token is None:
        return True
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    expected = settings.metrics_token.get_secret_value()
    return scheme.lower() == "bearer" and compare_digest(token.encode(), expected.encode())


def metrics_route(services: Services, registry: CollectorRegistry) -> Route:
    """Make the route `/metrics`, which shows `registry`."""
    job_gauges = JobGauges(services.database, services.settings)
    registry.register(_Counts(services, job_gauges))

    async def metrics(request: Request) -> Response:
        if not _may_read(services.settings, request):
            return error_response(401, "UNAUTHENTICATED", _REFUSED, _CHALLENGE)
        await job_gauges.refresh()
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
