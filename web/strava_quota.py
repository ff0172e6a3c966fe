"""Reads what is left of Strava's quota, as Redis has it, else PostgreSQL's copy."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from redis import RedisError
from redis.asyncio import Redis
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from db.session import AsyncDatabase
from db.statements.strava import strava_quota as statements
from graph.types.enums import StravaQuotaWindow, StravaRequests
from graph.types.strava_quota import StravaQuota, StravaQuotaLimit
from runtime.redis_cluster import tagged
from runtime.redis_outage import RedisOutage
from settings import Settings
from strava.shared_quota.gate import quota_rules
from strava.shared_quota.ledger import Ledger
from strava.shared_quota.quota_report import QuotaState, quota_states, time_of
from strava.shared_quota.store import quota_key

_PATIENCE_S = 1.0

logger = logging.getLogger(__name__)


class StravaQuotaReader:
    """Reads the quota of the application in `settings`, and changes nothing."""

    def __init__(self, settings: Settings, database: AsyncDatabase, redis: Redis) -> None:
        self._database = database
        self._redis = redis
        self._application = settings.strava_client_id or ""
        self._rules = quota_rules(settings)
        self._outage = RedisOutage(logger, "Strava's quota is shown as PostgreSQL has it")

    async def read(self) -> StravaQuota:
        """Read the quota. Raises DatabaseError."""
        values = {"of_application": self._application}

        async def copy(connection: AsyncConnection) -> Row[Any]:
            return (await connection.execute(statements.generation(), values)).one()

        kept = await self._database.reading(copy)
        ledger = await self._shared(kept.generation)
        if ledger is None:
            ledger = Ledger.from_text(kept.ledger) if kept.ledger else Ledger()
        now_s = time_of(ledger, kept.clock_s)
        states = quota_states(ledger, self._rules, now_s)
        blocked_s = ledger.blocked_until
        return StravaQuota(
            limits=[_limit(each) for each in states],
            blocked_until=datetime.fromtimestamp(blocked_s, UTC) if blocked_s > now_s else None,
        )

    async def _shared(self, generation: int | None) -> Ledger | None:
        """Read Redis's ledger; None if it has none, or an older one than PostgreSQL."""
        if self._outage.is_away:
            return None
        key = tagged(self._redis, quota_key(self._application))
        try:
            async with asyncio.timeout(_PATIENCE_S):
                text, server = await asyncio.gather(
                    self._redis.get(key), self._redis.info("server")
                )
        except (RedisError, OSError, TimeoutError) as error:
            self._outage.begin(error)
            return None
        self._outage.end()
        try:
            ledger = Ledger.from_text(text) if text else None
        except ValueError:
            return None
        is_current = ledger is not None and ledger.generation == generation
        is_alive = ledger is not None and ledger.life in {"", server.get("run_id")}
        return ledger if is_current and is_alive else None


def _limit(state: QuotaState) -> StravaQuotaLimit:
    return StravaQuotaLimit(
        window=StravaQuotaWindow[state.window.upper()],
        requests=StravaRequests.READS if state.reads else StravaRequests.ALL,
        limit=state.limit,
        used=state.used,
        left=state.left,
        reserved=state.reserve,
        resets_at=state.resets_at,
    )
