"""Zones that an athlete gives are checked, each refusal by its field."""

from datetime import date

import pytest

from graph.commands.heart_rate import read_zones
from graph.errors import CallerError
from graph.types.athlete_mutation import HeartRateZonesInput

DAY = date(2026, 1, 1)
FIELD = "input.heartRateZones.lowestBeatsPerMinute"


@pytest.mark.parametrize(
    ("valid_from", "lowest", "field", "says"),
    [
        (date(1899, 12, 31), [100], "input.heartRateZones.validFrom", "from 1900-01-01"),
        (date(2200, 1, 2), [100], "input.heartRateZones.validFrom", "to 2200-01-01"),
        (DAY, list(range(100, 200)), FIELD, "entries long"),
        (DAY, [100, 1000], f"{FIELD}[1]", "between 0 and"),
        (DAY, [100, 120, 120], f"{FIELD}[2]", "must be above 120"),
    ],
)
def test_zones_that_cannot_be_are_refused(valid_from, lowest, field, says):
    with pytest.raises(CallerError) as refused:
        read_zones(HeartRateZonesInput(valid_from=valid_from, lowest_beats_per_minute=lowest))
    assert refused.value.field == field
    assert says in str(refused.value)


def test_zones_are_taken_as_they_are_and_none_is_none():
    assert read_zones(None) is None
    taken = read_zones(HeartRateZonesInput(valid_from=DAY, lowest_beats_per_minute=[0, 120, 150]))
    assert (taken.valid_from, list(taken.lowest_bpm)) == (DAY, [0, 120, 150])
