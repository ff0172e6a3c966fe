"""Times of a sync: the instant, the zone and the clock at the place are kept apart."""

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from strava_simulator.synthetic import time_fields
from tests import factories as make
from tests.conftest import SECRETS
from tests.graph.api import serve
from tests.jobs.simulated import RUNNER, Simulated, simulated_strava

BERLIN, NEW_YORK, AUCKLAND = map(
    ZoneInfo, ("Europe/Berlin", "America/New_York", "Pacific/Auckland")
)
STARTS = {
    # Clocks went forward at 2:00, and back at 3:00: the second 2:30.
    "spring": datetime(2025, 3, 30, 1, 30, tzinfo=BERLIN),
    "autumn": datetime(2025, 10, 26, 2, 30, fold=1, tzinfo=BERLIN),
    "hidden": datetime(2025, 6, 1, 0, 0, 1, tzinfo=BERLIN),
    # The runner was born on May 17, 1980.
    "birthday": datetime(2025, 5, 17, 0, 30, tzinfo=AUCKLAND),
    "eve": datetime(2025, 5, 16, 22, 0, tzinfo=NEW_YORK),
    # June 9 was a Monday.
    "Monday": datetime(2025, 6, 9, 0, 30, tzinfo=AUCKLAND),
    "Sunday": datetime(2025, 6, 8, 23, 0, tzinfo=NEW_YORK),
}
ASKED = """query($id: ID!) { athlete(id: $id) {
    activities(first: 20) { nodes { name startedAt startedAtLocal startedAtIsHidden timezone
        bestEfforts { ageGrade { ageOnDay } } } }
    trainingSummary(period: WEEK, from: "2025-06-02", until: "2025-06-15") { periodStart runCount } } }"""


@pytest.fixture
def strava():
    with simulated_strava(runs=None) as simulated:
        yield simulated


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"secret_key": SecretStr(SECRETS["secret_key"])})


@pytest.fixture
def athlete(world, strava: Simulated) -> dict:
    """The runner as the API tells, after a sync of all starts."""
    for name, start in STARTS.items():
        strava.add(RUNNER, None, name=name, **time_fields(start))
    with world.database.write() as db:
        runner = make.create_person(db, sex="MALE", birth_date="1980-05-17")
    world.grant(runner.athlete_id)
    assert world.sync(runner.athlete_id)["status"] == "SUCCEEDED"

    async def ask() -> dict:
        async with serve(world.settings) as api:
            return await api.answer(ASKED, runner.token, id=runner.id)

    answer = asyncio.run(ask())
    assert "errors" not in answer, answer
    return answer["data"]["athlete"]


def test_instants_days_ages_and_weeks_are_those_of_the_place(athlete):
    runs = {each["name"]: each for each in athlete["activities"]["nodes"]}
    assert {name: each["startedAtLocal"] for name, each in runs.items()} == {
        name: f"{start:%Y-%m-%dT%H:%M:%S}" for name, start in STARTS.items()
    }
    instants = {name: datetime.fromisoformat(each["startedAt"]) for name, each in runs.items()}
    assert {name: each.timestamp() for name, each in instants.items()} == {
        name: start.timestamp() for name, start in STARTS.items()
    }
    assert {name: each["timezone"] for name, each in runs.items()} == {
        name: str(start.tzinfo) for name, start in STARTS.items()
    }
    assert [name for name, each in runs.items() if each["startedAtIsHidden"]] == ["hidden"]
    ages = {
        name: {each["ageGrade"]["ageOnDay"] for each in runs[name]["bestEfforts"]}
        for name in ("birthday", "eve")
    }
    assert ages == {"birthday": {45}, "eve": {44}}
    weeks = {each["periodStart"]: each["runCount"] for each in athlete["trainingSummary"]}
    assert weeks == {"2025-06-09": 1, "2025-06-02": 1}
