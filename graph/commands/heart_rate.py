"""Changes of heart rate zones."""

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from sqlalchemy.ext.asyncio import AsyncConnection

from db.statements.performance import heart_rate as statements
from graph.errors import InvalidArgument, OutOfRange
from graph.input_checks import checked_number
from graph.types.athlete_mutation import HeartRateZonesInput

_FIELD = "input.heartRateZones.lowestBeatsPerMinute"
_MOST_ZONES, _FASTEST_BPM = 10, 250
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2200, 1, 1)


@dataclass(frozen=True, slots=True)
class NewZones:
    """The zones of one day, lowest first."""

    valid_from: date
    lowest_bpm: list[int]

    async def write(self, connection: AsyncConnection, athlete_id: int) -> None:
        """Replace the zones of the day."""
        values = {"athlete": athlete_id, "of_strava": False, "day": self.valid_from}
        await connection.execute(statements.discard_zones(), values)
        rows = [
            {
                "athlete_id": athlete_id,
                "from_strava": False,
                "valid_from": self.valid_from,
                "zone_number": number,
                "lowest_bpm": bpm,
            }
            for number, bpm in enumerate(self.lowest_bpm, start=1)
        ]
        if rows:
            await connection.execute(statements.add_zones(), rows)


def read_zones(given: HeartRateZonesInput | None) -> NewZones | None:
    """Check the zones of an input. None passes. Raises OutOfRange, InvalidArgument."""
    if given is None:
        return None
    if not _FIRST_DAY <= given.valid_from <= _LAST_DAY:
        raise InvalidArgument(
            "input.heartRateZones.validFrom", "must be from 1900-01-01 to 2200-01-01."
        )
    lowest = given.lowest_beats_per_minute
    if len(lowest) > _MOST_ZONES:
        raise OutOfRange(_FIELD, 0, _MOST_ZONES, "entries long")
    for place, bpm in enumerate(lowest):
        checked_number(bpm, f"{_FIELD}[{place}]", 0, _FASTEST_BPM)
    for place, (below, above) in enumerate(pairwise(lowest), start=1):
        if above <= below:
            raise InvalidArgument(
                f"{_FIELD}[{place}]", f"must be above {below}, where the zone before it begins."
            )
    return NewZones(given.valid_from, lowest)
