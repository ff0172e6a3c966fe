"""All limits of one process, which share one connection to Redis."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from flags.flags import Flags
from flags.switches import Flag
from runtime.redis_clients import async_redis_client
from runtime.redis_cluster import RedisPart
from settings import Settings
from web.http.client_address import ClientAddresses
from web.limits.bucket_registry import Buckets
from web.limits.cost_budget import Budgets
from web.limits.export_rate import ExportRate
from web.limits.fair_queue import FairQueue
from web.limits.link_reads import LinkReads
from web.limits.look_up_turns import LookUpTurns
from web.limits.redis_store import PATIENCE_S, BucketStore
from web.limits.refusal_pacing import RefusalPacing
from web.limits.request_memory import RequestWeights
from web.limits.request_rate import RequestRate
from web.limits.unread_answers import UnreadAnswers


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of callers. `close` when the process ends: it returns what was taken ahead."""

    store: BucketStore
    buckets: Buckets
    budgets: Budgets
    requests: RequestRate
    exports: ExportRate
    fair_queue: FairQueue
    look_ups: LookUpTurns
    link_reads: LinkReads
    weights: RequestWeights
    unread: UnreadAnswers
    refusal_pacing: RefusalPacing

    @classmethod
    def from_settings(
        cls, settings: Settings, flags: Flags, patience_s: float = PATIENCE_S
    ) -> Self:
        """Make the limits; nothing connects yet.

        `patience_s` is how long a request waits for Redis.
        """
        assert settings.secret_key is not None
        secret = sha256(
            b"addresses in Redis " + settings.secret_key.get_secret_value().encode()
        ).digest()
        store = BucketStore(async_redis_client(settings, RedisPart.LIMITS), patience_s)
        buckets, look_ups = Buckets(store, secret), LookUpTurns(settings, flags)
        budgets = Budgets(settings, buckets)
        limits = cls(
            store=store,
            buckets=buckets,
            budgets=budgets,
            requests=RequestRate(settings, buckets, flags),
            exports=ExportRate(settings, buckets),
            fair_queue=FairQueue(
                settings.operations_at_once,
                waiting=settings.waiting_operations,
                wait_s=settings.operation_wait_s,
            ),
            look_ups=look_ups,
            link_reads=LinkReads(
                budgets, flags, ClientAddresses(settings.trusted_proxies), look_ups
            ),
            weights=RequestWeights(settings.subscriptions_per_caller),
            unread=UnreadAnswers(settings.unread_bytes_per_address),
            refusal_pacing=RefusalPacing(),
        )
        flags.listen(lambda: limits._apply(flags))
        return limits

    def _apply(self, flags: Flags) -> None:
        """Let waiting operations go on when rate limiting was switched off for everyone."""
        rollout, _ = flags.rollout_of(Flag.RATE_LIMITING)
        if rollout.is_for_all and not rollout.is_on(Flag.RATE_LIMITING, None):
            self.fair_queue.release_waiting()
            self.look_ups.queue.release_waiting()

    async def close(self) -> None:
        await self.buckets.close()
