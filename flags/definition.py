"""What each flag does, and the setting that gives its default."""

from collections.abc import Mapping
from dataclasses import dataclass

from flags.rollout import OFF, ON, Rollout
from flags.switches import Flag
from settings import Settings


@dataclass(frozen=True, slots=True)
class Definition:
    """`setting` has the value `on_at` where the flag is on by default; `off` says what off does."""

    setting: str
    off: str
    on_at: str = "on"

    def default(self, settings: Settings) -> Rollout:
        return ON if getattr(settings, self.setting) == self.on_at else OFF


DEFINITIONS: Mapping[Flag, Definition] = {
    Flag.BACKGROUND_SYNC: Definition("background_sync", "syncs are accepted and wait until it is on again"),
    Flag.RESOLVER_CACHE: Definition("cache", "answers come from the database, and none is kept"),
    Flag.COST_LIMITING: Definition(
        "cost_mode", "what operations cost is counted and logged, and refuses nothing", on_at="enforce"
    ),
    Flag.RATE_LIMITING: Definition(
        "rate_limiting", "no request, operation or stream is refused for there being too many"
    ),
    Flag.PLANNED_EXECUTION: Definition("planned_execution", "every query runs on graphql-core"),
    Flag.LEGACY_REST: Definition("legacy", "the older service's REST routes are gone"),
    Flag.SHARING: Definition("sharing", "nobody sees anybody else's data, whatever athletes agreed to"),
}
"""All flags, by name."""
