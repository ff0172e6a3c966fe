"""What each flag does, and the setting that gives its default."""

from collections.abc import Mapping
from dataclasses import dataclass

from flags.rollout import OFF, ON, Rollout
from flags.switches import Flag
from settings import Settings


@dataclass(frozen=True, slots=True)
class Definition:
    """`setting` equals `on_at` if the flag is on by default; `off` describes the flag off."""

    setting: str
    off: str
    on_at: str = "on"

    def default(self, settings: Settings) -> Rollout:
        return ON if getattr(settings, self.setting) == self.on_at else OFF


DEFINITIONS: Mapping[Flag, Definition] = {
    Flag.BACKGROUND_SYNC: Definition(
        "background_sync", "syncs are accepted and wait until it is on again"
    ),
    Flag.RESOLVER_CACHE: Definition("cache", "answers come from the database and are not cached"),
    Flag.COST_LIMITING: Definition(
        "cost_mode",
        "costs are counted and logged, but no operation is refused",
        on_at="enforce",
    ),
    Flag.RATE_LIMITING: Definition(
        "rate_limiting", "requests, operations and streams are not limited in number"
    ),
    Flag.PLANNED_EXECUTION: Definition("planned_execution", "every query runs on graphql-core"),
    Flag.LEGACY_REST: Definition("legacy", "the older service's REST routes answer 410"),
    Flag.SHARING: Definition(
        "sharing", "athletes see only their own data, even if others agreed to share"
    ),
}
"""All flags, by name."""
