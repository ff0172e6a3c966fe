"""Streams of activities: by plan and by graphql-core, of stored levels and of all samples."""

from collections import Counter
from datetime import timedelta
from math import ceil
from unittest.mock import ANY

import pytest
from sqlalchemy import text

from db.stream_codec import Samples
from graph.global_id import encode_id
from graph.mapping import streams as mapped_streams
from graph.plan import planner
from tests import factories as make
from tests.db.encoded import encode
from tests.graph.api import serve

pytestmark = pytest.mark.anyio

COLUMNS = (
    "timeSeconds distanceMeters heartRate cadence altitudeMeters powerWatts temperatureCelsius "
    "speedMetersPerSecond latitude longitude gapsAfter"
)


@pytest.fixture
async def api(settings):
    async with serve(settings) as api:
        yield api
        assert api.app.state.services.planner.fallbacks["failed"] == 0


@pytest.fixture
def runner(db):
    return make.create_person(db)


def run_of(db, runner, samples: Samples | None, **streams) -> str:
    activity = make.create_activity(db, runner.athlete_id)
    if samples is not None:
        make.create_streams(db, activity, samples, **streams)
    return encode_id("Activity", activity)


async def streams_of(api, runner, id_: str, arguments: str = "", fields: str = COLUMNS):
    """Ask by plan and by graphql-core, which must say and charge the same."""
    query = f'{{ activity(id: "{id_}") {{ streams{arguments} {{ {fields} }} }} }}'
    planned = await api.answer(query, runner.token)
    assert "errors" not in planned, planned
    unplanned = await api.answer_unplanned(query, runner.token)
    assert planned["data"] == unplanned["data"]
    for count in ("requested", "actual"):
        assert planned["extensions"]["cost"][count] == unplanned["extensions"]["cost"][count]
    return planned["data"]["activity"]["streams"], planned["extensions"]["cost"]


async def test_every_column_as_it_was_recorded(api, db, runner):
    samples = make.samples(5, every_column=True, gap_s=100)
    found, cost = await streams_of(
        api, runner, run_of(db, runner, samples), fields=f"__typename sampleCount {COLUMNS}"
    )
    assert found == {
        "__typename": "ActivityStreams",
        "sampleCount": 5,
        "timeSeconds": [0, 1, 102, 103, 104],
        "distanceMeters": [0, 3.1, 6.2, 9.3, 12.4],
        "heartRate": [120, 121, 122, 123, 124],
        "cadence": [85.5, 86.5, 87.5, 85.5, 86.5],
        "altitudeMeters": [100, 100.1, 100.2, 100.3, 100.4],
        "powerWatts": [250, 251, 252, 253, 254],
        "temperatureCelsius": [-3, -2, -3, -2, -3],
        "speedMetersPerSecond": [3, 3.125, 3.25, 3.375, 3.5],
        "latitude": [41.15, 41.15001, 41.15002, 41.15003, 41.15004],
        "longitude": [-8.61, -8.61001, -8.61002, -8.61003, -8.61004],
        "gapsAfter": [1],
    }
    assert (cost["requested"], cost["actual"]) == (1 + 20 + 50, 1 + 1)


async def test_numbers_are_written_without_decimals_where_they_have_none(api, db, runner):
    samples = Samples([0, 1], [0.0, 1e15], altitude_m=[-0.5, 12.0])
    id_ = run_of(db, runner, samples)
    body = (await api.post(f'{{ activity(id: "{id_}") {{ streams {{ altitudeMeters }} }} }}',
                           runner.token)).text  # fmt: skip
    assert '"altitudeMeters":[-0.5,12]' in body
    found, _ = await streams_of(api, runner, id_)
    assert found["distanceMeters"] == [0, 1e15]


async def test_what_was_not_recorded_is_null(api, db, runner):
    found, _ = await streams_of(api, runner, run_of(db, runner, Samples([0, 4], [0, 12])))
    assert found == dict.fromkeys(COLUMNS.split()) | {
        "timeSeconds": [0, 4],
        "distanceMeters": [0, 12],
        "gapsAfter": [],
    }


async def test_an_activity_without_streams_has_null(api, db, runner):
    found, cost = await streams_of(api, runner, run_of(db, runner, None))
    assert (found, cost["actual"]) == (None, 1)


async def test_a_value_that_a_sensor_did_not_give_is_null_and_costs_nothing(api, db, runner):
    samples = Samples([0, 1, 2], [0, 3, 6], heart_rate_bpm=[None, 140, None])
    found, cost = await streams_of(api, runner, run_of(db, runner, samples))
    assert (found["heartRate"], cost["actual"]) == ([None, 140, None], 1 + 1)
    blank, cost = await streams_of(api, runner, run_of(db, runner, samples), "(from: 2)")
    assert (blank["heartRate"], cost["actual"]) == ([None], 1 + 1)


@pytest.mark.parametrize(
    "points", [1, 2, 3, 60, 64, 65, 500, 512, 513, 2048, 2500, 2999, 3000, 5000]
)
async def test_there_are_as_many_points_as_asked_for(api, db, runner, points):
    samples = make.samples(3000, every_column=True, gap_s=60, blanks=True)
    found, cost = await streams_of(
        api,
        runner,
        run_of(db, runner, samples),
        f"(maxPoints: {points})",
        fields=f"sampleCount {COLUMNS}",
    )
    expected = min(points, 3000)
    assert {len(found[name]) for name in COLUMNS.split() if name != "gapsAfter"} == {expected}
    objects = 1 + ceil(expected / 10)
    priced = objects if objects <= 50 else 50 + ceil((objects - 50) / 16)
    assert (found["sampleCount"], cost["actual"]) == (3000, priced)
    assert cost["requested"] == 1 + 20 + ceil(points / 10)
    # each point is a sample
    rows = {
        row[0]: row[1:]
        for row in zip(
            samples.time_s,
            samples.distance_m,
            samples.heart_rate_bpm,
            samples.latitude,
            strict=True,
        )
    }
    for time_s, *row in zip(
        *(found[name] for name in ("timeSeconds", "distanceMeters", "heartRate", "latitude")),
        strict=True,
    ):
        assert rows[time_s] == tuple(row)
    assert found["timeSeconds"] == sorted(found["timeSeconds"])
    if points > 1:
        assert (found["timeSeconds"][0], found["timeSeconds"][-1]) == (0, 3059)
    if points >= 60:  # the pause is in every chart
        [gap] = found["gapsAfter"]
        assert found["timeSeconds"][gap : gap + 2] == [1499, 1560]
        assert None in found["heartRate"]


async def test_ranges_have_every_sample_if_it_is_asked_for(api, db, runner):
    id_ = run_of(db, runner, make.samples(3000, every_column=True, gap_s=60))
    found, cost = await streams_of(
        api, runner, id_, "(from: 1490.5, until: 1565, maxPoints: 100)", f"sampleCount {COLUMNS}"
    )
    assert found["timeSeconds"] == [*range(1491, 1500), *range(1560, 1565)]
    assert (found["sampleCount"], found["gapsAfter"], cost["actual"]) == (14, [8], 3)
    few, _ = await streams_of(api, runner, id_, "(from: 100, until: 1100, maxPoints: 50)")
    assert len(few["timeSeconds"]) == 50
    assert (few["timeSeconds"][0], few["timeSeconds"][-1]) == (100, 1099)
    ends, _ = await streams_of(api, runner, id_, "(from: 3057)", "timeSeconds latitude")
    assert ends == {"timeSeconds": [3057, 3058, 3059], "latitude": [41.17997, 41.17998, 41.17999]}
    none, cost = await streams_of(api, runner, id_, "(from: 9999)", f"sampleCount {COLUMNS}")
    assert none["timeSeconds"] == none["gapsAfter"] == none["latitude"] == []
    assert (none["sampleCount"], cost["actual"]) == (0, 2)


async def test_ranges_beside_each_other_share_no_sample(api, db, runner):
    id_ = run_of(db, runner, make.samples(300))
    seen = []
    for start in range(0, 300, 75):
        part, _ = await streams_of(api, runner, id_, f"(from: {start}, until: {start + 75})")
        seen += part["timeSeconds"]
    assert seen == list(range(300))


async def test_streams_of_older_versions_are_evenly_spread(api, db, runner):
    id_ = run_of(db, runner, make.samples(1000, gap_s=50), version=1)
    found, _ = await streams_of(api, runner, id_, "(maxPoints: 101)")
    assert found["timeSeconds"][:3] == [0, 9, 19]
    assert (len(found["timeSeconds"]), found["timeSeconds"][-1]) == (101, 1049)
    assert (found["heartRate"][1], found["cadence"], found["latitude"]) == (129, None, None)
    assert found["gapsAfter"] == [50]


async def test_several_charts_of_several_activities_are_one_statement(api, db, runner):
    for number in range(3):
        started_at = make.NOON + timedelta(days=number)
        activity = make.create_activity(db, runner.athlete_id, started_at=started_at)
        if number:
            make.create_streams(db, activity, make.samples(100 + number))
    query = """{ activities { nodes { a: streams(maxPoints: 2) { timeSeconds }
        b: streams(maxPoints: 3, from: 50) { t: timeSeconds ...F } } } }
        fragment F on ActivityStreams { kind: __typename n: sampleCount }"""
    assert len(await api.statements(query, runner.token, planned=True)) == 1
    # the list, and once each field
    assert len(await api.statements(query, runner.token, planned=False)) == 3
    found = await api.ask(query, runner.token)
    assert found["activities"]["nodes"] == [
        {
            "a": {"timeSeconds": [0, last]},
            "b": {"t": [50, third, last], "kind": "ActivityStreams", "n": last - 49},
        }
        if last
        else {"a": None, "b": None}
        for last, third in ((101, ANY), (100, ANY), (0, 0))
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "field", "says"),
    [
        ("(maxPoints: 0)", "OUT_OF_RANGE", "maxPoints", "between 1 and 5000"),
        ("(maxPoints: 5001)", "OUT_OF_RANGE", "maxPoints", "between 1 and 5000"),
        ("(maxPoints: -1)", "OUT_OF_RANGE", "maxPoints", "between 1 and 5000"),
        ("(from: -0.5)", "OUT_OF_RANGE", "from", "between 0 and 100000000 seconds"),
        ("(until: 1e9)", "OUT_OF_RANGE", "until", "between 0 and 100000000 seconds"),
        ("(until: 0)", "BAD_USER_INPUT", "until", "must be greater than `from`"),
        ("(from: 9, until: 9)", "BAD_USER_INPUT", "until", "must be greater than `from`"),
    ],
)
async def test_arguments_have_bounds(api, db, runner, arguments, code, field, says):
    id_ = run_of(db, runner, make.samples(10))
    query = f'{{ activity(id: "{id_}") {{ streams{arguments} {{ timeSeconds }} }} }}'
    for ask in (api.answer, api.answer_unplanned):
        answer = await ask(query, runner.token)
        assert answer["data"] == {"activity": {"streams": None}}
        [error] = answer["errors"]
        assert (error["extensions"]["code"], error["extensions"]["field"]) == (code, field)
        assert says in error["message"]


async def test_damaged_streams_are_null(api, db, runner):
    id_ = run_of(db, runner, make.samples(10))
    db.exec_driver_sql("UPDATE activity_streams SET samples = substr(samples, 1, 40)")
    found, cost = await streams_of(api, runner, id_)
    assert (found, cost["actual"]) == (None, 1)


async def test_samples_that_an_older_version_writes_have_no_level_of_those_before(api, db, runner):
    activity = make.create_activity(db, runner.athlete_id)
    make.create_streams(db, activity, make.samples(300))
    db.execute(
        text("UPDATE activity_streams SET samples = :samples, sample_count = 100"),
        {"samples": encode(make.samples(100, gap_s=7))},
    )
    found, _ = await streams_of(api, runner, encode_id("Activity", activity), "(maxPoints: 10)")
    assert found["timeSeconds"] == [0, 11, 22, 33, 44, 62, 73, 84, 95, 106]
    assert db.exec_driver_sql("SELECT count(*) FROM activity_stream_levels").scalar() == 0


async def test_others_see_streams_of_what_they_see_but_no_positions(settings, db, runner):
    sharer = make.create_person(db, shares=True, hidden_radius_m=0)
    shown = run_of(db, sharer, make.samples(600, every_column=True))
    hidden_activity = make.create_activity(db, sharer.athlete_id, visibility="ONLY_ME")
    make.create_streams(db, hidden_activity, make.samples(5))
    hidden = encode_id("Activity", hidden_activity)
    async with serve(settings.model_copy(update={"sharing": "on"})) as api:
        for arguments in ("(maxPoints: 2)", "(maxPoints: 600)", "(from: 1)"):
            seen, _ = await streams_of(api, runner, shown, arguments)
            own, _ = await streams_of(api, sharer, shown, arguments)
            assert seen == own | {"latitude": None, "longitude": None}
            assert own["latitude"]
        query = f'{{ activity(id: "{hidden}") {{ streams {{ timeSeconds }} }} }}'
        assert await api.ask(query, runner.token) == {"activity": None}
        assert await api.ask(query) == {"activity": None}


async def test_a_cached_answer_has_the_streams_that_are_stored_now(api, db, runner):
    activity = make.create_activity(db, runner.athlete_id)
    id_ = encode_id("Activity", activity)
    make.create_streams(db, activity, make.samples(100))
    for _ in range(2):
        found, cost = await streams_of(api, runner, id_, "(maxPoints: 50)", "sampleCount")
        assert (found, cost["actual"]) == ({"sampleCount": 100}, 6)
    make.create_streams(db, activity, make.samples(10))
    assert (await streams_of(api, runner, id_, "(maxPoints: 50)", "sampleCount"))[0] == {
        "sampleCount": 10
    }
    db.exec_driver_sql("DELETE FROM activity_streams")
    assert (await streams_of(api, runner, id_, "(maxPoints: 50)", "sampleCount"))[0] is None


async def test_long_answers_are_drawn_beside_the_event_loop(api, db, runner):
    for number in range(6):
        started_at = make.NOON + timedelta(days=number)
        activity = make.create_activity(db, runner.athlete_id, started_at=started_at)
        noisy = [120 + number * 37 % 61 for number in range(20_000)]
        distance_m = [second * 3 + second * 31 % 7 / 10 for second in range(20_000)]
        make.create_streams(db, activity, Samples(range(20_000), distance_m, noisy, noisy))
    query = "{ activities { nodes { streams(from: 1, maxPoints: 9) { timeSeconds cadence } } } }"
    found = await api.ask(query, runner.token)
    assert [len(each["streams"]["cadence"]) for each in found["activities"]["nodes"]] == [9] * 6


MANY = """{ viewer { athlete { activities(first: 20) { nodes {
    streams(from: 3, maxPoints: 4) { sampleCount timeSeconds } } } } } }"""


async def test_many_ranges_are_drawn_in_turns(api, db, runner, monkeypatch):
    for count in (10, 300, 7, 2, 5000):
        run_of(db, runner, make.samples(count))
    run_of(db, runner, None)
    monkeypatch.setattr(planner, "_LONGEST_INLINE", 0)
    monkeypatch.setattr(planner, "_TURN_MS", 0.0)
    monkeypatch.setattr(mapped_streams, "_LONGEST_INLINE", 0)
    found = (await api.ask(MANY, runner.token))["viewer"]["athlete"]["activities"]["nodes"]
    counts = [each["streams"] and each["streams"]["sampleCount"] for each in found]
    assert Counter(counts) == Counter([None, 0, 4, 7, 297, 4997])


@pytest.mark.parametrize("is_planned", [True, False])
async def test_reading_samples_for_too_long_ends(settings, db, runner, monkeypatch, is_planned):
    for _ in range(20):
        run_of(db, runner, make.samples(5000))
    monkeypatch.setattr(planner, "_LONGEST_INLINE", 0)
    monkeypatch.setattr(planner, "_TURN_MS", 1.0)
    changes = {"operation_database_time_s": 0.01}
    async with serve(settings.model_copy(update=changes)) as api:
        ask = api.answer if is_planned else api.answer_unplanned
        answer = await ask(MANY, runner.token)
    assert {each["extensions"]["code"] for each in answer["errors"]} == {"TIMEOUT"}
