"""The values of all flags for one caller."""

from dataclasses import dataclass
from enum import StrEnum


class Flag(StrEnum):
    """The flags, by the names that operators use."""

    BACKGROUND_SYNC = "background-sync"
    RESOLVER_CACHE = "resolver-cache"
    COST_LIMITING = "cost-limiting"
    RATE_LIMITING = "rate-limiting"
    PLANNED_EXECUTION = "planned-execution"
    LEGACY_REST = "legacy-rest"
    SHARING = "sharing"


@dataclass(frozen=True, slots=True)
class Switches:
    """All flags' values for one caller, by the flags' names."""

    background_sync: bool = True
    resolver_cache: bool = True
    cost_limiting: bool = True
    rate_limiting: bool = True
    planned_execution: bool = True
    legacy_rest: bool = True
    sharing: bool = False


ALL_ON = Switches(sharing=True)
