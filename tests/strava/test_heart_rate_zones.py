"""Reading `/athlete/zones`."""

import pytest

from strava.errors import StravaBadData
from strava.heart_rate_zones import parse_zones
from strava_simulator.bodies import zones_of_athlete


def test_each_zone_begins_at_its_least():
    assert parse_zones(zones_of_athlete([0, 115, 152])) == (0, 115, 152)


@pytest.mark.parametrize("payload", [{"power": {"zones": []}}, {"heart_rate": {"zones": []}}])
def test_an_athlete_may_have_none(payload):
    assert parse_zones(payload) == ()


@pytest.mark.parametrize(
    "zones",
    [None, {}, [{"max": 5}], [7], [{"min": 100}, {"min": 100}], [{"min": 251}], [{"min": 0}] * 11],
)
def test_zones_that_cannot_be_are_refused(zones):
    with pytest.raises(StravaBadData, match="heart_rate"):
        parse_zones({"heart_rate": {"zones": zones}})
