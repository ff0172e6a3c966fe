"""A change of a few activities updates the bests over no more distances than it must."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from db.recording_groups import changed_groups
from db.statements.activities import activity_edit, recording
from graph.commands.best_changes import bests_before_deletion, group_again, recalculate
from jobs.sync.personal_bests import recalculate_bests
from tests import factories as make
from tests.db.random_bests import DISTANCES, add_athlete, by_definition, stored
from tests.graph.api import serve

pytestmark = pytest.mark.anyio
_CHANGES = (
    "UPDATE activities SET excluded = NOT excluded WHERE id = :id",
    "UPDATE activities SET flagged = NOT flagged WHERE id = :id",
    "UPDATE activities SET visibility = 'ONLY_ME' WHERE id = :id",
    "UPDATE activities SET visibility = 'EVERYONE' WHERE id = :id",
    "UPDATE best_efforts SET excluded = NOT excluded WHERE activity_id = :id",
    "DELETE FROM activities WHERE id = :id",
)
_IDS = text(
    "SELECT id FROM activities WHERE athlete_id = :athlete ORDER BY started_at, strava_id, id"
)


@pytest.fixture
async def database(settings):
    async with serve(settings) as api:
        yield api.app.state.services.database


@pytest.mark.parametrize("seed", range(6))
async def test_bests_after_any_change_are_those_of_the_definition(database, db, seed):
    chance = random.Random(seed)
    athlete_id = add_athlete(db, chance, activities=14)
    await database.writing(lambda connection: recalculate_all(connection, athlete_id))
    for _ in range(12):
        activity_id = chance.choice(db.execute(_IDS, {"athlete": athlete_id}).scalars().all())
        changes = await database.writing(change(athlete_id, activity_id, chance.choice(_CHANGES)))
        for for_others in (False, True):
            expected = by_definition(db, athlete_id, for_others=for_others)
            assert stored(db, athlete_id, for_others=for_others) == expected
        assert {each.distance.value for each in changes} <= set(DISTANCES)


def change(athlete_id: int, activity_id: int, statement: str):
    async def work(connection):
        before = None
        if statement.startswith("DELETE"):
            before = await bests_before_deletion(connection, athlete_id, activity_id)
        await connection.execute(text(statement), {"id": activity_id})
        return await recalculate(connection, athlete_id, [activity_id], before)

    return work


async def recalculate_all(connection, athlete_id: int) -> None:
    await connection.run_sync(recalculate_bests, [athlete_id])


_NOON = datetime(2024, 5, 5, 12, tzinfo=UTC)
_RECORDING = text(
    "INSERT INTO activities (athlete_id, source, strava_id, name, sport_type, started_at, started_at_local,"
    " timezone, distance_m, moving_time_s, elapsed_time_s, visibility, streams_state) VALUES"
    " (:athlete, 'STRAVA', :strava_id, 'Run', 'Run', :at, :local, 'UTC', :meters, :moving, :elapsed,"
    " 'EVERYONE', 'ABSENT') RETURNING id"
)
_SAID = text("UPDATE activities SET recording_choice = :said WHERE id = :id")
_GONE = text("DELETE FROM activities WHERE id = :id")


def add_recording(db, chance: random.Random, athlete_id: int, hidden_share: float) -> int:
    at = _NOON + timedelta(minutes=chance.randint(0, 3 * 24 * 60))
    if chance.random() < hidden_share:
        at = at.replace(hour=0, minute=0, second=1)
    elapsed_s = chance.choice((1200, 1500, 3600, 30 * 3600))
    values = {
        "athlete": athlete_id, "strava_id": chance.randrange(10**12), "at": at, "local": at.replace(tzinfo=None),
        "meters": chance.choice((5000, 5200)), "moving": elapsed_s, "elapsed": elapsed_s,
    }  # fmt: skip
    return db.execute(_RECORDING, values).scalar_one()


@pytest.mark.parametrize("hidden_share", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(5))
async def test_runs_are_grouped_as_if_all_were_looked_at(database, db, seed, hidden_share):
    chance = random.Random(seed)
    athlete_id = make.create_person(db).athlete_id
    for _ in range(40):
        add_recording(db, chance, athlete_id, hidden_share)
    values = {"athlete": athlete_id}
    everything = db.execute(_IDS, values).scalars().all()
    await database.writing(lambda connection: group_again(connection, athlete_id, everything))
    looked_at = []
    for _ in range(12):
        activity_id = chance.choice(db.execute(_IDS, values).scalars().all())
        statement = chance.choice((_SAID, _GONE))
        said = chance.choice(("CHOSEN", "SEPARATE", "BY_RULES"))

        async def work(connection, activity_id=activity_id, statement=statement, said=said):
            row = (await connection.execute(_RUN, {"id": activity_id})).one()
            run = {"run": row.run_id, "activity": activity_id}
            others = (await connection.execute(activity_edit.others_of_run(), run)).scalars().all()
            changed = (
                {"id": activity_id} if statement is _GONE else {"id": activity_id, "said": said}
            )
            await connection.execute(statement, changed)
            seeds = others if statement is _GONE else [activity_id, *others]
            return await group_again(connection, athlete_id, seeds)

        looked_at.append((await database.writing(work)).looked_at)
        assert changed_groups(db.execute(recording.recordings(), values).all()) == {}
    assert (None in looked_at) == bool(hidden_share)
    if not hidden_share:
        assert min(map(len, looked_at)) < 20


_RUN = text("SELECT coalesce(duplicate_of_id, id) AS run_id FROM activities WHERE id = :id")
