"""The objects that live as long as the API process, made in `create_app`."""

from contextlib import suppress
from dataclasses import dataclass
from math import ceil

from fastapi import Request, WebSocket
from redis.asyncio import Redis

from db.encryption import KeyRing
from db.errors import DatabaseError
from db.replicas import Replicas
from db.session import AsyncDatabase
from db.statements.visibility import Viewer
from db.write_positions import viewer_name
from flags.flags import Flags
from flags.watch import FlagWatch
from graph.at_hand import AnswersAtHand, PlanSource
from graph.cache.data_versions import DataVersions
from graph.cache.key import DataKind
from graph.cache.root_field_cache import RootFieldCache
from graph.document.limits import DocumentLimits
from graph.document.store import DocumentStore
from graph.execution import Executor
from graph.execution_policy import ExecutionPolicy
from graph.plan.kept_plans import ReadSource
from graph.plan.planner import Planner
from graph.plan.replica_planner import ReplicaPlanner
from graph.plan.row_templates import TEMPLATES
from graph.schema.build import Schema, build_schema
from graph.schema.job_feed import DatabaseJobFeeds
from runtime.allocator import Allocator
from runtime.redis_clients import listening_redis_client
from runtime.redis_cluster import RedisPart
from settings import Settings
from web.auth.browser_sessions import BrowserSessions
from web.auth.identity import Identity
from web.auth.sign_in_slots import SignIns
from web.auth.strava_sign_in import StravaSignIn
from web.documents.persisted_documents import PersistedDocuments
from web.export_downloads import ExportDownloads
from web.http.address_bounds import AddressBounds
from web.http.client_address import ClientAddresses
from web.http.origins import Origins
from web.job_queue import RedisJobQueue
from web.kept_memory import KeptMemory
from web.limits.cost_budget import Budgets
from web.limits.limits import Limits
from web.limits.open_streams import OpenStreams
from web.original_downloads import OriginalDownloads
from web.schema_usage import SchemaUsage
from web.slow_operations import SlowOperations
from web.strava_intake import StravaIntake
from web.strava_quota import StravaQuotaReader
from web.switches import switches_at
from web.upload_intake import UploadIntake


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one process. Call `close` at its end."""

    settings: Settings
    database: AsyncDatabase
    replicas: Replicas | None
    redis: Redis
    jobs: RedisJobQueue
    job_feeds: DatabaseJobFeeds
    addresses: ClientAddresses
    limits: Limits
    address_bounds: AddressBounds
    sessions: BrowserSessions
    identity: Identity
    open_streams: OpenStreams
    origins: Origins
    flags: Flags
    flag_watch: FlagWatch
    executor: Executor
    at_hand: AnswersAtHand
    documents: DocumentStore
    planner: Planner
    cache: RootFieldCache
    persisted: PersistedDocuments
    strava: StravaSignIn
    strava_intake: StravaIntake
    sign_ins: SignIns
    uploads: UploadIntake
    usage: SchemaUsage
    slow_operations: SlowOperations
    exports: ExportDownloads
    originals: OriginalDownloads
    strava_quota: StravaQuotaReader
    keys: KeyRing
    allocator: Allocator

    @classmethod
    def from_settings(cls, settings: Settings) -> "Services":
        """Make the services; nothing connects yet. Raises InvalidSettings."""
        settings.require("database_url", "redis_url", "secret_key", "token_encryption_keys")
        redis = listening_redis_client(settings)
        schema = build_schema()
        database = AsyncDatabase(
            settings,
            application_name="pacegraph-api",
            statement_timeout_ms=ceil(settings.operation_timeout_s * 1000),
        )
        jobs, flags = RedisJobQueue(settings, redis), Flags(settings)
        sessions, keys = BrowserSessions(settings), KeyRing(settings.token_encryption_keys)
        limits = Limits.from_settings(settings, flags)
        addresses = ClientAddresses(settings.trusted_proxies)
        memory = KeptMemory.from_settings(settings)
        cache, usage = _cache(settings, limits, memory.answers), SchemaUsage(schema.core, database)
        documents = DocumentStore(
            schema.costs, DocumentLimits.from_settings(settings), memory.documents
        )
        TEMPLATES.limit_to(memory.sql)
        versions = DataVersions(database, settings.database_failover_s)
        replicas = Replicas.from_settings(settings, database)
        planner = _planner(replicas, schema, documents, cache, versions)
        policy, originals = _policy(settings, usage), OriginalDownloads(settings, database)
        executor = Executor(schema, documents, planner, policy)
        source, allocator = PlanSource(database, originals), Allocator()
        return cls(
            settings=settings,
            database=database,
            replicas=replicas,
            redis=redis,
            allocator=allocator,
            jobs=jobs,
            job_feeds=DatabaseJobFeeds(database, jobs),
            addresses=addresses,
            limits=limits,
            address_bounds=_address_bounds(settings, addresses, flags, limits),
            sessions=sessions,
            identity=Identity(database, sessions, flags, limits.look_ups),
            open_streams=OpenStreams(settings, allocator.serve_crowd),
            origins=Origins(settings),
            flags=flags,
            flag_watch=FlagWatch(flags, redis, settings.feature_flags_refresh_s),
            executor=executor,
            at_hand=AnswersAtHand(documents, planner, cache, versions, policy, source=source),
            documents=documents,
            planner=planner,
            cache=cache,
            persisted=PersistedDocuments.from_settings(settings, redis),
            strava=StravaSignIn(settings, keys),
            strava_intake=StravaIntake(database, jobs),
            sign_ins=SignIns(settings, limits.buckets),
            uploads=UploadIntake(settings, database),
            usage=usage,
            slow_operations=SlowOperations(settings, database),
            exports=ExportDownloads(settings, database),
            originals=originals,
            strava_quota=StravaQuotaReader(settings, database, redis),
            keys=keys,
        )

    @property
    def budgets(self) -> Budgets:
        return self.limits.budgets

    async def start(self) -> None:
        """Start background work. The flags are up to date before the first request."""
        replicas = self.replicas.all if self.replicas else ()
        for each in (self.database, *(each.database for each in replicas)):
            each.new_connections.statements = self.planner.warm_up.statements
        await self.flag_watch.start()
        if self.replicas is not None:
            await self.replicas.start()

    async def warm_up(self) -> None:
        """Do what the first operation would wait for."""
        await self.planner.warm_up.statements()
        with suppress(DatabaseError):  # readiness tells of it
            await self.database.ping()

    async def close(self) -> None:
        await self.flag_watch.close()
        await self.strava_intake.close()
        await self.job_feeds.close()
        await self.jobs.close()
        await self.cache.close()
        await self.identity.close()
        await self.planner.close()
        await self.limits.close()
        await self.usage.close()
        await self.slow_operations.close()
        if self.replicas is not None:
            await self.replicas.close()
        await self.redis.aclose()
        await self.cache.redis.aclose()
        await self.database.close()
        self.sign_ins.close()
        self.uploads.close()
        self.strava.close()
        self.documents.close()


def _address_bounds(
    settings: Settings, addresses: ClientAddresses, flags: Flags, limits: Limits
) -> AddressBounds:
    return AddressBounds(
        settings,
        addresses,
        is_limited=lambda address: switches_at(flags, address).rate_limiting,
        public_name=limits.buckets.public_name,
    )


def _planner(
    replicas: Replicas | None,
    schema: Schema,
    documents: DocumentStore,
    cache: RootFieldCache,
    versions: DataVersions,
) -> Planner:
    if replicas is None:
        return Planner(schema, documents, cache, versions)
    sources = {each: ReadSource(DataVersions(each), each) for each in replicas.all}

    async def choose(viewer: Viewer) -> ReadSource | None:
        if viewer.is_admin:  # subscriptions tell them at once of what others write
            replicas.left += 1
            return None
        replica = await replicas.choose(viewer_name(viewer.athlete_id, viewer.account_id))
        return None if replica is None else sources[replica]

    planner = ReplicaPlanner(schema, documents, cache, versions)
    planner.choose = choose
    return planner


def _policy(settings: Settings, usage: SchemaUsage) -> ExecutionPolicy:
    count_use = usage.count if settings.schema_usage == "on" else None
    return ExecutionPolicy(settings.introspection, settings.operation_timeout_s, count_use)


def _cache(settings: Settings, limits: Limits, memory_bytes: int) -> RootFieldCache:
    redis = listening_redis_client(settings, RedisPart.ANSWERS)
    lifetimes = {
        DataKind.ATHLETES: settings.cache_athletes_s,
        DataKind.AGE_GRADES: settings.cache_age_grades_s,
        DataKind.ACTIVITIES: settings.cache_activities_s,
        DataKind.PERSONAL_BESTS: settings.cache_personal_bests_s,
    }
    return RootFieldCache(redis, lifetimes, memory_bytes, lambda: limits.store.is_away)


def services_of(connection: Request | WebSocket) -> Services:
    """Get the services of the app that serves `connection`."""
    services: Services = connection.app.state.services
    return services
