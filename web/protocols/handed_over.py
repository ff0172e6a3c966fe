"""What the short way did for a request that then goes the long way, and must not do again."""

from dataclasses import dataclass, field

from starlette.types import Scope

from graph.operation_request import FailedFetch
from web.http.short_way import HANDED_OVER
from web.limits.fair_queue import Wait


@dataclass(slots=True)
class HandedOver:
    """It waited for turns; `failed` is set if it ran its operation, and the long way would fail too."""

    wait: Wait = field(default_factory=Wait)
    failed: FailedFetch | None = None


def handed_over(scope: Scope) -> HandedOver:
    """Get what the short way did for a request; nothing for most."""
    found: HandedOver | None = scope.get("extensions", {}).get(HANDED_OVER)
    return found or HandedOver()
