"""Strava's gear: the shoes of an athlete, by ids such as g123. Bikes, b123, are left out."""

import re
from dataclasses import dataclass

from strava.fields import Fields, fields_of

_SHOES = re.compile(r"g[0-9]{1,18}")
_LONGEST_NAME = 500


@dataclass(frozen=True, slots=True)
class StravaGear:
    """A pair of shoes. `distance_m` is what Strava counts; None: not told."""

    strava_id: str
    name: str | None
    distance_m: float | None
    retired: bool | None


def shoes_id(value: object) -> str | None:
    """Strava's id of shoes; None for bikes and for what is no id."""
    return value if isinstance(value, str) and _SHOES.fullmatch(value) else None


def parse_gear(payload: object) -> StravaGear:
    """Read summary or detailed gear. Raises StravaBadData without the id of shoes."""
    fields = fields_of(payload)
    strava_id = shoes_id(fields.values.get("id"))
    if strava_id is None:
        raise fields.bad("id", "is no id of shoes")
    return StravaGear(
        strava_id=strava_id,
        name=_name(fields),
        distance_m=fields.optional_number("distance"),
        retired=fields.flag("retired") if "retired" in fields.values else None,
    )


def _name(fields: Fields) -> str | None:
    return (fields.text("name") or "").strip()[:_LONGEST_NAME] or None
