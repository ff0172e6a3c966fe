"""All limits of one process, made together because they share the way to Redis."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from flags.flags import Flags
from flags.switches import Flag
from settings import Settings
from web.limits.buckets import Buckets
from web.limits.budget import Budgets
from web.limits.pace import RefusalPace
from web.limits.requests import RequestRate
from web.limits.store import PATIENCE_S, BucketStore, connect
from web.limits.turns import Turns


@dataclass(frozen=True, slots=True)
class Limits:
    """What a caller may ask. `close` when the process ends: it gives back what was taken ahead."""

    store: BucketStore
    buckets: Buckets
    budgets: Budgets
    requests: RequestRate
    turns: Turns
    pace: RefusalPace

    @classmethod
    def of(cls, settings: Settings, flags: Flags, patience_s: float = PATIENCE_S) -> Self:
        """Make them; nothing connects yet. `patience_s` is how long a request waits for Redis at most."""
        assert settings.secret_key is not None
        secret = sha256(b"addresses in Redis " + settings.secret_key.get_secret_value().encode()).digest()
        store = BucketStore(connect(settings), patience_s)
        buckets = Buckets(store, secret)
        limits = cls(
            store=store,
            buckets=buckets,
            budgets=Budgets(settings, buckets),
            requests=RequestRate(settings, buckets, flags),
            turns=Turns(
                settings.concurrent_operations, waiting=settings.waiting_operations, wait_s=settings.operation_wait_s
            ),
            pace=RefusalPace(),
        )
        flags.listen(lambda: limits._heed(flags))
        return limits

    def _heed(self, flags: Flags) -> None:
        """Let go on at once who waits in line, where there is to be no line any more."""
        rollout, _ = flags.rollout_of(Flag.RATE_LIMITING)
        if rollout.is_for_all and not rollout.is_on(Flag.RATE_LIMITING, None):
            self.turns.let_all_go()

    async def close(self) -> None:
        await self.buckets.close()
