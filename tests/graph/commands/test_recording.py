"""One run, several recordings: which one counts, by rules and by the athlete's word."""

from datetime import timedelta

import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.factories import NOON
from tests.graph.api import serve

pytestmark = pytest.mark.anyio

RECORDINGS = """query($id: ID!) { activity(id: $id) {
    recordings { id source recordingChoice } duplicateOf { id } recordingChoice } }"""
CHOOSE = """mutation($id: ID!, $undo: Boolean!) {
    chooseRecording(input: {activityId: $id, undo: $undo}) {
        activity { id recordingChoice duplicateOf { id } } recordings { id recordings { id } }
        userErrors { field code message } } }"""
SEPARATE = CHOOSE.replace("chooseRecording", "separateRecording")
COUNTED = """query($id: ID!) { athlete(id: $id) {
    activities(filter: {includeDuplicates: false}) { totalCount }
    trainingSummary(period: YEAR) { runCount }
    personalBests { elapsedTimeSeconds } } }"""


class Run:
    """A run from Strava and from a file, which started a little later."""

    def __init__(self, db, person, **columns) -> None:
        self.strava = make.create_activity(db, person.athlete_id, **columns)
        self.file = make.create_activity(
            db, person.athlete_id, source="FILE", strava_id=None, duplicate_of_id=self.strava,
            started_at=NOON + timedelta(seconds=5), **columns,
        )  # fmt: skip
        make.create_best_effort(db, self.strava, elapsed_s=1300.0)
        make.create_best_effort(db, self.file, elapsed_s=1290.0)
        make.recalculate_bests(db, person.athlete_id)
        self.strava_id, self.file_id = (encode_id("Activity", i) for i in (self.strava, self.file))


@pytest.fixture
def person(db):
    return make.create_person(db, shares=True)


@pytest.fixture
def run(db, person) -> Run:
    return Run(db, person)


async def recordings(api, token, activity_id) -> list[str]:
    found = (await api.ask(RECORDINGS, token, id=activity_id))["activity"]["recordings"]
    return [each["id"] for each in found]


async def say(api, mutation, person, activity_id, *, undo=False) -> dict:
    [payload] = (await api.ask(mutation, person.token, id=activity_id, undo=undo)).values()
    return payload


async def counted(api, person) -> tuple:
    found = (await api.ask(COUNTED, person.token, id=person.id))["athlete"]
    return (
        found["activities"]["totalCount"],
        sum(each["runCount"] for each in found["trainingSummary"]),
        [each["elapsedTimeSeconds"] for each in found["personalBests"]],
    )


async def test_a_run_is_counted_once_and_tells_its_recordings(api, person, run):
    for each in (run.strava_id, run.file_id):
        assert await recordings(api, person.token, each) == [run.strava_id, run.file_id]
    assert await counted(api, person) == (1, 1, [1300.0])


async def test_the_effort_of_one_recording_counts(api, person, run):
    query = """query($id: ID!) { athlete(id: $id) { bestEfforts(distance: KM5, includeExcluded: true) {
        nodes { elapsedTimeSeconds counts excluded } } } }"""
    found = (await api.ask(query, person.token, id=person.id))["athlete"]["bestEfforts"]["nodes"]
    assert found == [
        {"elapsedTimeSeconds": 1290.0, "counts": False, "excluded": False},
        {"elapsedTimeSeconds": 1300.0, "counts": True, "excluded": False},
    ]


async def test_an_activity_recorded_once_is_its_only_recording(api, db, person):
    alone = encode_id("Activity", make.create_activity(db, person.athlete_id))
    assert await recordings(api, person.token, alone) == [alone]
    [error] = (await say(api, CHOOSE, person, alone))["userErrors"]
    assert (error["field"], error["code"]) == (["input", "activityId"], "CONFLICT")


async def test_the_chosen_recording_counts_until_the_choice_is_undone(api, person, run):
    payload = await say(api, CHOOSE, person, run.file_id)
    assert payload["userErrors"] == []
    assert payload["activity"] == {
        "id": run.file_id, "recordingChoice": "CHOSEN", "duplicateOf": None,
    }  # fmt: skip
    assert await recordings(api, person.token, run.strava_id) == [run.file_id, run.strava_id]
    assert await counted(api, person) == (1, 1, [1290.0])
    await say(api, CHOOSE, person, run.strava_id)
    assert await recordings(api, person.token, run.file_id) == [run.strava_id, run.file_id]
    found = (await api.ask(RECORDINGS, person.token, id=run.file_id))["activity"]
    assert found["recordingChoice"] == "BY_RULES"  # one at a time is chosen
    await say(api, CHOOSE, person, run.file_id)
    await say(api, CHOOSE, person, run.file_id, undo=True)
    assert await recordings(api, person.token, run.file_id) == [run.strava_id, run.file_id]
    assert await counted(api, person) == (1, 1, [1300.0])


async def test_a_separated_recording_is_a_run_of_its_own(api, person, run):
    payload = await say(api, SEPARATE, person, run.file_id)
    assert payload["activity"]["recordingChoice"] == "SEPARATE"
    assert payload["recordings"] == [{"id": run.strava_id, "recordings": [{"id": run.strava_id}]}]
    assert await recordings(api, person.token, run.file_id) == [run.file_id]
    assert (await counted(api, person))[:2] == (2, 2)
    # undoing another kind of word changes nothing
    await say(api, CHOOSE, person, run.file_id, undo=True)
    assert await recordings(api, person.token, run.file_id) == [run.file_id]
    await say(api, SEPARATE, person, run.file_id, undo=True)
    assert await recordings(api, person.token, run.file_id) == [run.strava_id, run.file_id]


async def test_others_see_only_recordings_that_are_visible_to_everyone(settings, db, person):
    run = Run(db, person, visibility="EVERYONE")
    db.exec_driver_sql("UPDATE activities SET visibility = 'ONLY_ME' WHERE id = %s", (run.strava,))
    stranger = make.create_person(db)
    async with serve(settings.model_copy(update={"sharing": "on"})) as api:
        assert await recordings(api, stranger.token, run.file_id) == [run.file_id]
        found = (await api.ask(RECORDINGS, stranger.token, id=run.file_id))["activity"]
        assert found["recordingChoice"] is None
        [error] = (await say(api, CHOOSE, stranger, run.file_id))["userErrors"]
        assert error["code"] == "NOT_FOUND"
        assert await recordings(api, person.token, run.file_id) == [run.strava_id, run.file_id]


MANY = 1000
COPIES = """
    INSERT INTO activities SELECT (jsonb_populate_record(a, jsonb_build_object(
        'id', a.id + n, 'started_at', a.started_at + n * interval '0.1 s', 'source', 'FILE',
        'strava_id', null, 'duplicate_of_id', a.id))).*
    FROM activities a, generate_series(1, %s) n WHERE a.id = %s"""


async def test_one_of_a_thousand_recordings_is_separated_at_once(api, db, person):
    first = make.create_activity(db, person.athlete_id)
    db.exec_driver_sql(COPIES, (MANY - 1, first))
    payload = await say(api, SEPARATE, person, encode_id("Activity", first))
    assert payload["activity"]["recordingChoice"] == "SEPARATE"
    assert (await counted(api, person))[:2] == (2, 2)
    changes = "SELECT duplicate_of_id, count(*) FROM activities GROUP BY 1 ORDER BY 2"
    assert db.exec_driver_sql(changes).all() == [(None, 2), (first + 1, MANY - 2)]
