"""Whatever Strava sends, no part costs more than itself: tens of thousands of broken payloads.

Each field of summaries, details and streams is replaced, one and two at a time, by nothing, another
kind of value or an extreme. All variants are read and derived in this process; some of them are
synced together with a sound run, with PostgreSQL. The seed is fixed.
"""

import copy
import os
import random
from collections import Counter
from contextlib import suppress
from itertools import chain, islice, pairwise
from math import isfinite
from types import SimpleNamespace

import numpy as np
import pytest

from athletics.distance import StandardDistance
from athletics.heart_rate_times import heart_rates
from athletics.route import route_of
from athletics.track import StreamError
from db.stream_codec import decode
from jobs.sync.activity_row import activity_row
from jobs.sync.derived_rows import Runner, derive_rows, recorded_run, strava_efforts
from jobs.sync.derived_splits import derive_splits
from jobs.sync.effort_derivation import efforts_of, samples_of
from jobs.sync.stored_streams import EncodedStreams
from strava.errors import StravaBadData
from strava.payloads import parse_activity, parse_activity_detail
from strava.stream_payload import parse_streams
from tests.jobs.conftest import settings, strava, world  # noqa: F401 - fixtures
from tests.jobs.standin import standin_strava
from tests.security.payload_variants import (
    ABSENT,
    LISTS,
    NEEDED,
    changed,
    one_of,
    pairs,
    singles,
    sound_recordings,
)

pytestmark = pytest.mark.fuzz

SEED = 20261128
PART = int(os.environ.get("FUZZ_PART", "1"))
"""One of so many variants is tried: all by default, a sample in CI."""
LEAST_VARIANTS = (15_000, 6_000, 6_000, 6_000)
PAIRS = (2_000, 2_000, 2_000, 2_000)
"""Of each recording, beside every place with every extreme."""
SYNCED = 600
COLUMNS = {
    "altitude": ("altitude_m",),
    "cadence": ("cadence_rpm",),
    "watts": ("power_w",),
    "temp": ("temperature_c",),
    "velocity_smooth": ("speed_m_per_s",),
}
RUNNER = Runner.from_row(SimpleNamespace(sex="MALE", birth_date=None))


def read(parse, body):
    """What is read, or the typed refusal."""
    try:
        return parse(body), None
    except StravaBadData as error:
        return None, error


@pytest.mark.parametrize("number", range(4))
def test_what_is_sound_survives_and_errors_have_types(number):
    sound = sound_recordings()[number]
    expected = {
        "summary": parse_activity(sound.summary),
        "detail": parse_activity_detail(sound.detail),
        "streams": parse_streams(sound.streams),
    }
    chance, seen = random.Random(SEED + number), Counter()
    for changes in islice(
        chain(singles(sound), pairs(sound, chance, PAIRS[number])), None, None, PART
    ):
        variant = changed(sound, changes)
        summary, refused = read(parse_activity, variant.summary)
        check_refusal(refused, changes, "summary")
        if summary is not None:
            check_fields(expected["summary"], summary, changes, "summary")
        detail, refused = read(parse_activity_detail, variant.detail)
        check_refusal(refused, changes, "detail")
        if detail is not None:
            check_lists(expected["detail"], detail, changes)
            check_details(expected["detail"].details, detail.details, changes)
        streams, refused = read(parse_streams, variant.streams)
        check_streams(expected["streams"], streams, changes)
        check_refused_streams(refused, changes)
        seen[(summary is None, detail is None, streams is None)] += 1
        check_derived(summary or expected["summary"], detail, streams)
    assert sum(seen.values()) >= LEAST_VARIANTS[number] // PART
    assert seen[(False, False, False)] > LEAST_VARIANTS[number] // PART // 2
    assert len(seen) > 3  # each part was refused at times


def check_refusal(refused, changes, part):
    """Only what cannot be done without is refused, and by its name."""
    if refused is not None:
        tops = {change.top for change in changes if change.part == part}
        assert refused.field in tops & set(NEEDED), (refused, changes)


def check_fields(expected, found, changes, part):
    tops = {change.top for change in changes if change.part == part}
    if "id" not in tops:
        assert found.strava_id == expected.strava_id
    if "distance" not in tops:
        assert found.distance_m == expected.distance_m
    if "start_date" not in tops:
        assert found.started_at == expected.started_at
    if not tops & {"start_date", "start_date_local", "utc_offset"}:
        assert found.started_at_local == expected.started_at_local
    if not tops & {"sport_type", "type"}:
        assert found.sport_type == expected.sport_type
    if not tops & {"visibility", "private"}:
        assert found.visibility == expected.visibility


def check_lists(expected, found, changes):
    """Those best efforts and laps that nobody touched are there."""
    paths = {change.path for change in changes if change.part == "detail"}
    for name in LISTS:
        if paths & {(name,), ("start_date",)}:
            continue
        whole, rest = (
            {"best_efforts": each.best_efforts, "laps": each.details.laps}[name]
            for each in (expected, found)
        )
        touched = {path[1] for path in paths if path[0] == name}
        sound = [each for index, each in enumerate(whole) if index not in touched]
        assert [each for each in rest if each in sound][-len(sound) :] == sound


def check_details(expected, found, changes):
    tops = {change.top for change in changes if change.part == "detail"}
    for name, top in (
        ("description", "description"),
        ("device_name", "device_name"),
        ("calories_kcal", "calories"),
        ("gear", "gear"),
    ):
        assert top in tops or getattr(found, name) == getattr(expected, name)


def check_streams(expected, found, changes):
    tops = {change.top for change in changes if change.part == "streams"}
    if not tops & {"time", "distance"}:
        for name in ("time_s", "distance_m"):
            assert are_same(getattr(found, name), getattr(expected, name))
        if "heartrate" not in tops:
            assert are_same(found.heart_rate_bpm, expected.heart_rate_bpm)
        of_stream = {"latlng": ("latitude", "longitude"), **COLUMNS}
        for top, columns in of_stream.items():
            for column in columns if top not in tops else ():
                pair = (each.other_columns.get(column) for each in (found, expected))
                assert are_same(*pair)


def are_same(column, other):
    """Whether two columns are alike; None: there is none."""
    if column is None or other is None:
        return column is other
    return np.array_equal(column, other, equal_nan=True)


def check_refused_streams(refused, changes):
    """Single samples cost only themselves, unless what is left is of another length."""
    of_streams = [change for change in changes if change.part == "streams"]
    single = [each for each in of_streams if each.path[-1] not in {"data", each.top}]
    if single == of_streams and not any(each.value is ABSENT for each in single):
        assert refused is None


def check_parts(activity, samples):
    """Splits, heart rates and route of what is derived beside the efforts, or typed refusals."""
    heart_rates(samples.time_s, samples.heart_rate_bpm)
    if samples.latitude is not None:
        route_of(samples.latitude, samples.longitude)
    with suppress(StreamError):
        for row in derive_splits(recorded_run(activity, samples), samples):
            values = [value for value in row.values() if isinstance(value, float)]
            assert all(map(isfinite, values)), row
            assert row["elapsed_time_s"] >= row["moving_time_s"] >= 0


def check_derived(summary, detail, streams):
    """Rows that the database takes; samples that can be stored and read again."""
    activity = SimpleNamespace(**activity_row(1, summary) | {"id": 1})
    samples = None
    if streams is not None:
        try:
            samples = samples_of(streams)
            encoded = EncodedStreams.from_samples(samples)
            read = decode(encoded.samples, encoded.positions)
            assert len(read.time_s) == len(streams.time_s)
            check_parts(activity, samples)
        except ValueError:
            samples = None
    given = strava_efforts(efforts_of(detail.best_efforts)) if detail is not None else []
    try:
        rows = derive_rows(activity, RUNNER, samples, given).rows
    except StreamError:
        rows = derive_rows(activity, RUNNER, None, given).rows
    for row in rows:
        assert isfinite(row["elapsed_s"])
        assert row["elapsed_s"] > 0
        assert 0 <= row["start_offset_s"] < 1e9
        if not row["implied"] and row["provenance"] != "WHOLE_ACTIVITY":
            assert row["distance_m"] <= activity.distance_m + 0.1
    assert all(one["elapsed_s"] <= other["elapsed_s"] for one, other in pairwise(rows))
    assert len({row["distance"] for row in rows}) == len(rows) <= len(StandardDistance)


def test_no_job_fails_and_the_sound_run_is_synced(world):  # noqa: F811 - the fixture
    """Variants among sound runs, 50 a sync."""
    runner = world.connect()
    recordings, chance = sound_recordings(), random.Random(SEED)
    with standin_strava() as (standin, url):
        changes_of_settings = {
            "strava_api_url": f"{url}/api/v3",
            "strava_quota_assumed_quarter_hour": 100_000,  # the stand-in tells no limits
            "strava_quota_assumed_day": 100_000,
            "sync_budget_requests": 100_000,
        }
        world.settings = world.settings.model_copy(update=changes_of_settings)
        for _ in range(max(1, SYNCED // 50 // PART)):
            standin.recordings = {}
            for index in range(50):
                sound = recordings[chance.randrange(len(recordings))]
                add(standin, 10_000 + index, changed(sound, one_of(sound, chance)))
            add(standin, 77, recordings[0])
            world.write("DELETE FROM activities")
            world.write("DELETE FROM job_problems")
            job = world.sync(runner, mode="FULL")
            assert (job["status"], job["error_code"]) == ("SUCCEEDED", None), job[
                "progress_message"
            ]
            assert_sound_run_is_there(world)


def add(standin, strava_id, recording):
    """Under an id of its own, where the variant has a sound one."""
    recording = copy.deepcopy(recording)
    for body in (recording.summary, recording.detail):
        if type(body.get("id")) is int and 0 < body["id"] < 2**62:
            body["id"] = strava_id
    standin.recordings[strava_id] = recording


def assert_sound_run_is_there(world):  # noqa: F811
    efforts = world.rows(
        "SELECT e.distance FROM best_efforts e JOIN activities a ON a.id = e.activity_id "
        "WHERE a.strava_id = 77 AND NOT e.implied ORDER BY e.distance_m"
    )
    assert [row["distance"] for row in efforts] == [
        "M400", "M800", "KM1", "M1500", "MILE1", "KM3", "MILE2", "KM5",
    ]  # fmt: skip
    unknown = world.value("SELECT count(*) FROM job_problems WHERE code = 'INTERNAL'")
    assert unknown == 0
