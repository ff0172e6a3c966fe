"""Changes of heart rate zones."""

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from sqlalchemy.ext.asyncio import AsyncConnection

from db.statements.performance import heart_rate as statements
from graph.errors import InvalidArgument
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
    """Check the zones of an input. Raises InvalidArgument naming the field."""
    if given is None:
        return None
    if not _FIRST_DAY <= given.valid_from <= _LAST_DAY:
        raise InvalidArgument(
            "`validFrom` must be from 1900-01-01 to 2200-01-01.", "input.heartRateZones.validFrom"
        )
    lowest = given.lowest_beats_per_minute
    if len(lowest) > _MOST_ZONES:
        raise InvalidArgument(f"At most {_MOST_ZONES} zones are possible.", _FIELD)
    if any(not 0 <= bpm <= _FASTEST_BPM for bpm in lowest):
        raise InvalidArgument(f"Each heart rate must be from 0 to {_FASTEST_BPM}.", _FIELD)
    if any(above <= below for below, above in pairwise(lowest)):
        raise InvalidArgument("Each zone must begin above the one before.", _FIELD)
    return NewZones(given.valid_from, lowest)
