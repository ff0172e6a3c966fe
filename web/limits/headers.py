"""The header fields `RateLimit-Policy` and `RateLimit`.

They follow draft-ietf-httpapi-ratelimit-headers-11. `"cost"` is the caller's budget, in points, and
`"requests"` the address's, in requests. `q` is what it holds, `w` the seconds in which it fills,
`r` what is left, and `t` the seconds until it is full again; where something was refused, `t` is
when to come again, so that it agrees with `Retry-After`.
"""

from functools import lru_cache
from math import ceil

from graph.cost.budget import BudgetState

COST = b"cost"
REQUESTS = b"requests"
_LONGEST_S = 10**9


def rate_limit_headers(state: BudgetState, policy: bytes = COST) -> list[tuple[bytes, bytes]]:
    """Make both fields of one policy, for raw ASGI."""
    seconds = ceil(min(state.retry_after_s or state.full_in_s, _LONGEST_S))
    return [
        _policy_field(policy, state.limit, state.refill_per_s),
        (b"ratelimit", b'"%b";r=%d;t=%d' % (policy, state.remaining, seconds)),
    ]


@lru_cache(maxsize=16)
def _policy_field(policy: bytes, limit: int, refill_per_s: float) -> tuple[bytes, bytes]:
    window_s = ceil(min(limit / refill_per_s, _LONGEST_S))
    return b"ratelimit-policy", b'"%b";q=%d;w=%d' % (policy, limit, window_s)
