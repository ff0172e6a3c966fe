"""The permissions that an athlete grants, in Strava's words.

https://developers.strava.com/docs/authentication/ lists them.
"""

from dataclasses import dataclass
from typing import Final, Self

READ_ACTIVITIES: Final = frozenset({"activity:read", "activity:read_all"})
"""A sync needs one of these."""
_KNOWN = READ_ACTIVITIES | {
    "read",
    "read_all",
    "profile:read_all",
    "profile:write",
    "activity:write",
}
_MOST_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class GrantedScopes:
    """The words of a callback's `scope`, which passes through the athlete's browser.

    `known` are Strava's words in the order given, each once. `unknown` counts the others.
    """

    known: tuple[str, ...]
    unknown: int

    @classmethod
    def from_callback(cls, scope: str) -> Self:
        """Read the parameter, which may hold anything. Words are separated by commas or spaces.

        What follows the first 1,000 characters is one unknown word: Strava's own words fit.
        """
        words = scope[:_MOST_CHARACTERS].replace(",", " ").split()
        known = dict.fromkeys(word for word in words if word in _KNOWN)
        unknown = sum(word not in _KNOWN for word in words) + (len(scope) > _MOST_CHARACTERS)
        return cls(tuple(known), unknown)

    @property
    def allow_syncs(self) -> bool:
        """Whether activities may be read."""
        return not READ_ACTIVITIES.isdisjoint(self.known)
