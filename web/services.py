"""What the API process holds for as long as it lives; made in `create_app`, handed to whoever needs it."""

import asyncio
from dataclasses import dataclass
from math import ceil

from fastapi import Request, WebSocket
from redis.asyncio import Redis

from db.encryption import KeyRing
from db.session import AsyncDatabase
from flags.flags import Flags
from flags.watch import FlagWatch
from graph.cache import ResolverCache
from graph.documents import Documents
from graph.execution import ExecutionPolicy, Executor
from graph.plan.planner import Planner
from graph.plan.unit import Kind
from graph.schema import build_schema
from graph.shape import DocumentLimits
from graph.versions import DataVersions
from jobs.enqueue import connect_async
from settings import Settings
from strava.client import StravaClient
from web.address import ClientAddresses
from web.connections import Connections
from web.identity import Sessions
from web.job_queue import RedisJobQueue
from web.limits.budget import Budgets
from web.limits.limits import Limits
from web.origin import Origins
from web.persisted_documents import PersistedDocuments

_SIGN_INS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Services:
    """The process's own. `close` when it ends."""

    settings: Settings
    database: AsyncDatabase
    redis: Redis
    jobs: RedisJobQueue
    addresses: ClientAddresses
    limits: Limits
    sessions: Sessions
    connections: Connections
    origins: Origins
    flags: Flags
    flag_watch: FlagWatch
    executor: Executor
    documents: Documents
    planner: Planner
    cache: ResolverCache
    persisted: PersistedDocuments
    strava: StravaClient
    sign_ins: asyncio.Semaphore
    """Sign-ins that ask Strava at once: each holds a thread, of which there are few."""
    keys: KeyRing

    @classmethod
    def of(cls, settings: Settings) -> "Services":
        """Make all of it; nothing connects yet. Raises InvalidSettings naming what is missing."""
        settings.require("database_url", "redis_url", "secret_key", "token_encryption_keys")
        redis = connect_async(settings)
        schema = build_schema()
        database = AsyncDatabase(
            settings,
            application_name="pacegraph-api",
            statement_timeout_ms=ceil(settings.operation_timeout_s * 1000),
        )
        flags = Flags(settings)
        limits = Limits.of(settings, flags)
        cache = _cache(settings, redis, limits)
        policy = ExecutionPolicy(settings.introspection, settings.operation_timeout_s)
        documents = Documents(schema, DocumentLimits.of(settings))
        planner = Planner(schema, documents, cache, DataVersions(database))
        executor = Executor(schema, documents, planner, policy)
        return cls(
            settings=settings,
            database=database,
            redis=redis,
            jobs=RedisJobQueue(settings, redis),
            addresses=ClientAddresses(settings.trusted_proxies),
            limits=limits,
            sessions=Sessions(settings, flags),
            connections=Connections(settings),
            origins=Origins(settings),
            flags=flags,
            flag_watch=FlagWatch(flags, redis, settings.feature_flags_refresh_s),
            executor=executor,
            documents=documents,
            planner=planner,
            cache=cache,
            persisted=PersistedDocuments.of(settings, redis),
            strava=StravaClient.from_settings(settings),
            sign_ins=asyncio.Semaphore(_SIGN_INS_AT_ONCE),
            keys=KeyRing(settings.token_encryption_keys),
        )

    @property
    def budgets(self) -> Budgets:
        return self.limits.budgets

    async def start(self) -> None:
        """Begin what goes on beside the requests; the flags are as Redis says before the first one comes."""
        await self.flag_watch.start()

    async def close(self) -> None:
        await self.flag_watch.close()
        await self.jobs.close()
        await self.cache.close()
        await self.sessions.close()
        await self.planner.close()
        await self.limits.close()
        await self.redis.aclose()
        await self.database.close()
        self.strava.close()
        self.documents.close()


def _cache(settings: Settings, redis: Redis, limits: Limits) -> ResolverCache:
    lifetimes = {
        Kind.ATHLETES: settings.cache_athletes_s,
        Kind.AGE_GRADES: settings.cache_age_grades_s,
        Kind.ACTIVITIES: settings.cache_activities_s,
        Kind.PERSONAL_BESTS: settings.cache_personal_bests_s,
    }
    return ResolverCache(redis, lifetimes, settings.cache_memory_bytes, lambda: limits.store.is_away)


def services_of(connection: Request | WebSocket) -> Services:
    """Get the services of the app that serves `connection`."""
    services: Services = connection.app.state.services
    return services
