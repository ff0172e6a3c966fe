import dataclasses
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strava.errors import StravaBadData
from strava.payloads import (
    StravaBestEffort,
    parse_activity,
    parse_activity_detail,
    parse_athlete,
)
from strava.stream_payload import parse_streams
from strava.time_zone import time_zone

EXAMPLE = json.loads((Path(__file__).parent / "data" / "activity_detail_example.json").read_text())
LEAST = {
    "id": 7,
    "start_date": "2021-01-27T18:24:14Z",
    "distance": 4114.9,
    "moving_time": 1353,
    "elapsed_time": 1420,
}


def test_stravas_own_example():
    detail = parse_activity_detail(EXAMPLE)
    assert (detail.strava_id, detail.athlete_strava_id, detail.name) == (
        99895560,
        1513,
        "Lunch Run",
    )
    assert detail.started_at == datetime(2013, 12, 12, 19, 36, 41, tzinfo=UTC)
    assert detail.timezone == "America/Los_Angeles"
    assert (detail.distance_m, detail.moving_time_s, detail.elapsed_time_s) == (5781.1, 2892, 3140)
    assert (detail.elevation_gain_m, detail.average_speed_m_s, detail.average_heart_rate_bpm) == (
        13.5,
        2.0,
        None,
    )
    assert detail.visibility == "EVERYONE"
    assert len(detail.best_efforts) == 6
    assert detail.best_efforts[0] == StravaBestEffort("400m", 400, 134, 228)
    assert detail.best_efforts[-1] == StravaBestEffort("5k", 5000, 2507, 0)


def test_the_false_z_of_the_local_time_is_dropped():
    local = parse_activity(EXAMPLE).started_at_local
    assert local == datetime(2013, 12, 12, 11, 36, 41)  # noqa: DTZ001 - naive is the point
    assert local.tzinfo is None


def test_local_time_comes_from_the_offset_where_strava_leaves_it_out():
    activity = parse_activity(LEAST | {"utc_offset": -10800.0})
    assert activity.started_at_local == datetime(2021, 1, 27, 15, 24, 14)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("zone", "start", "local"),
    [
        ("(GMT+01:00) Europe/Berlin", "2021-01-27T18:24:14", "2021-01-27T19:24:14"),
        ("(GMT+01:00) Europe/Berlin", "2021-07-27T18:24:14", "2021-07-27T20:24:14"),
        ("(GMT+01:00) Europe/Berlin", "2021-03-28T00:59:59", "2021-03-28T01:59:59"),
        ("(GMT+01:00) Europe/Berlin", "2021-03-28T01:00:00", "2021-03-28T03:00:00"),
        ("(GMT+01:00) Europe/Berlin", "2021-10-31T00:30:00", "2021-10-31T02:30:00"),
        ("(GMT+01:00) Europe/Berlin", "2021-10-31T01:30:00", "2021-10-31T02:30:00"),
        ("(GMT-08:00) America/Los_Angeles", "2021-07-01T03:00:00", "2021-06-30T20:00:00"),
        ("(GMT+05:45) Asia/Kathmandu", "2021-07-01T03:00:00", "2021-07-01T08:45:00"),
        ("(GMT+10:30) Australia/Lord_Howe", "2021-01-01T03:00:00", "2021-01-01T14:00:00"),
        ("(GMT+14:00) Pacific/Kiritimati", "2021-07-01T12:00:00", "2021-07-02T02:00:00"),
        ("(GMT+13:00) Pacific/Apia", "2011-12-30T09:59:59", "2011-12-29T23:59:59"),
        ("(GMT+13:00) Pacific/Apia", "2011-12-30T10:00:00", "2011-12-31T00:00:00"),
        # No name that is known: what the text states, if that can be.
        ("(GMT-08:00) Pacific Time (US & Canada)", "2021-01-01T12:00:00", "2021-01-01T04:00:00"),
        ("(GMT+05:45) somewhere", "2021-01-01T12:00:00", "2021-01-01T17:45:00"),
        ("(GMT+99:99) somewhere", "2021-01-01T12:00:00", "2021-01-01T12:00:00"),
        ("somewhere", "2021-01-01T12:00:00", "2021-01-01T12:00:00"),
        (None, "2021-01-01T12:00:00", "2021-01-01T12:00:00"),
    ],
)
def test_local_time_is_the_named_zones_where_strava_tells_no_other(zone, start, local):
    told = LEAST | {"start_date": f"{start}Z", "timezone": zone}
    absent: dict = {}
    null = {"start_date_local": None, "utc_offset": None}
    unusable = {"start_date_local": "soon", "utc_offset": 1e9}
    for fields in (absent, null, unusable):
        activity = parse_activity(told | fields)
        assert activity.started_at_local.isoformat() == local
        assert activity.started_at.isoformat() == f"{start}+00:00"


@pytest.mark.parametrize(
    ("fields", "local"),
    [
        ({"utc_offset": 50400}, "2021-01-28T08:24:14"),
        ({"utc_offset": -43200}, "2021-01-27T06:24:14"),
        ({"utc_offset": 0}, "2021-01-27T18:24:14"),
        ({"utc_offset": 50401}, "2021-01-27T19:24:14"),
        ({"utc_offset": -43201}, "2021-01-27T19:24:14"),
        ({"utc_offset": 86_400}, "2021-01-27T19:24:14"),
        ({"utc_offset": "7200"}, "2021-01-27T19:24:14"),
        ({"start_date_local": "2021-01-28T08:24:14Z"}, "2021-01-28T08:24:14"),
        ({"start_date_local": "2021-01-28T08:24:15Z"}, "2021-01-27T19:24:14"),
        ({"start_date_local": "2021-01-27T06:24:13Z"}, "2021-01-27T19:24:14"),
        ({"start_date_local": "2021-01-29T00:24:14Z", "utc_offset": 7200}, "2021-01-27T20:24:14"),
        # The time of day is hidden: up to a day more.
        ({"start_date_local": "2021-01-27T00:00:01Z", "utc_offset": 3600}, "2021-01-27T00:00:01"),
        ({"start_date_local": "2021-01-30T00:00:01Z"}, "2021-01-27T19:24:14"),
    ],
)
def test_an_offset_that_no_zone_has_is_not_believed(fields, local):
    told = LEAST | {"timezone": "(GMT+01:00) Europe/Berlin"}
    assert parse_activity(told | fields).started_at_local.isoformat() == local


@pytest.mark.parametrize(("offset", "zone"), [(3600, "Etc/GMT-1"), (None, "UTC"), (1e9, "UTC")])
def test_a_hidden_start_tells_no_offset(offset, zone):
    hidden = {"start_date_local": "2021-01-27T00:00:01Z", "start_date": "2021-01-27T05:00:01Z"}
    activity = parse_activity(LEAST | hidden | {"utc_offset": offset, "timezone": None})
    assert activity.start_is_hidden
    assert activity.timezone == zone


def test_the_least_that_can_be_read():
    activity = parse_activity(LEAST)
    assert activity.sport_type == "Workout"
    assert (activity.timezone, activity.timezone_text) == ("UTC", None)
    assert activity.max_heart_rate_bpm is None
    assert not activity.flagged
    assert dataclasses.is_dataclass(activity)
    with pytest.raises(dataclasses.FrozenInstanceError):
        activity.name = "x"


@pytest.mark.parametrize("field", sorted(LEAST))
@pytest.mark.parametrize("value", [None, "x", True, -1, float("nan"), [], {}])
def test_a_field_that_must_be_there_is_named(field, value):
    with pytest.raises(StravaBadData) as caught:
        parse_activity(LEAST | {field: value})
    assert caught.value.field == field
    assert caught.value.strava_id == (None if field == "id" else 7)


def test_a_missing_field_is_named():
    for field in LEAST:
        with pytest.raises(StravaBadData, match=field):
            parse_activity({name: value for name, value in LEAST.items() if name != field})


@pytest.mark.parametrize(
    "start", ["2021-01-27T18:24:14", "2021-13-01T00:00:00Z", "0001-01-01T00:00:00+10:00"]
)
def test_a_start_that_is_no_instant_is_refused(start):
    with pytest.raises(StravaBadData, match="start_date"):
        parse_activity(LEAST | {"start_date": start})


@pytest.mark.parametrize(
    ("fields", "visibility"),
    [
        ({"visibility": "everyone"}, "EVERYONE"),
        ({"visibility": "followers_only", "private": False}, "FOLLOWERS_ONLY"),
        ({"visibility": "only_me"}, "ONLY_ME"),
        ({"visibility": "friends_of_friends"}, "ONLY_ME"),
        ({"visibility": ["everyone"]}, "ONLY_ME"),
        ({"visibility": None, "private": False}, "EVERYONE"),
        ({"private": True}, "ONLY_ME"),
        ({"private": "false"}, "ONLY_ME"),
        ({"private": []}, "ONLY_ME"),
        ({"visibility": "everyone", "private": True}, "ONLY_ME"),
        ({}, "ONLY_ME"),
    ],
)
def test_visibility_fails_closed(fields, visibility):
    assert parse_activity(LEAST | fields).visibility == visibility


@pytest.mark.parametrize(
    ("fields", "sport"),
    [
        ({"sport_type": "TrailRun", "type": "Run"}, "TrailRun"),
        ({"sport_type": None, "type": "Run"}, "Run"),
        ({"sport_type": "Quidditch"}, "Quidditch"),
    ],
)
def test_sport_type_falls_back_and_keeps_what_is_new(fields, sport):
    assert parse_activity(LEAST | fields).sport_type == sport


@pytest.mark.parametrize(
    ("text", "offset_h", "name"),
    [
        ("(GMT-03:00) America/Recife", -3, "America/Recife"),
        ("(GMT+05:45) Asia/Kathmandu", 5.75, "Asia/Kathmandu"),
        ("(GMT-03:00) America/Argentina/Buenos_Aires", -3, "America/Argentina/Buenos_Aires"),
        ("(GMT+00:00) UTC", 0, "UTC"),
        ("Europe/Berlin", None, "Europe/Berlin"),
        ("  (UTC+01:00)  europe/berlin ", 1, "Europe/Berlin"),
        # No name that IANA and JavaScript know: the offset, with its sign turned around.
        ("(GMT-08:00) Pacific Time (US & Canada)", -7, "Etc/GMT+7"),
        ("(GMT-08:00) Pacific Time (US & Canada)", None, "Etc/GMT+8"),
        ("(GMT+00:00) Factory", 0, "UTC"),
        ("Factory", 2, "Etc/GMT-2"),
        ("(GMT+05:45) somewhere", 5.75, "UTC"),
        ("(GMT+99:99) somewhere", None, "UTC"),
        ("posix/Europe/Berlin", 14, "Etc/GMT-14"),
        ("../../etc/passwd", 15, "UTC"),
        ("", -12, "Etc/GMT+12"),
        (None, 1, "Etc/GMT-1"),
        (None, None, "UTC"),
    ],
)
def test_the_timezone_is_a_zone(text, offset_h, name):
    offset = None if offset_h is None else timedelta(hours=offset_h)
    assert time_zone(text, offset) == name
    assert ZoneInfo(name)


def test_the_text_of_the_timezone_stays_beside_the_zone():
    activity = parse_activity(
        LEAST | {"timezone": "(GMT+01:00) Mars/Base", "start_date_local": "2021-01-27T20:24:14Z"}
    )
    assert (activity.timezone, activity.timezone_text) == ("Etc/GMT-2", "(GMT+01:00) Mars/Base")


def test_text_that_postgresql_cannot_hold_is_cleaned():
    assert parse_activity(LEAST | {"name": "a\0b\ud800c"}).name == "ab?c"


@pytest.mark.parametrize(
    "bad",
    [
        {"elapsed_time": None},
        {"elapsed_time": "fast"},
        {"distance": -400},
        {"start_date": None},
        {"start_date": "1913-12-12T19:36:41Z"},
    ],
)
def test_a_bad_best_effort_costs_only_itself(bad):
    given_efforts = [dict(effort) for effort in EXAMPLE["best_efforts"]]
    given_efforts[1] |= bad
    found = parse_activity_detail(EXAMPLE | {"best_efforts": [*given_efforts, "x", None]})
    sound = parse_activity_detail(EXAMPLE).best_efforts
    assert found.best_efforts == (sound[0], *sound[2:])


@pytest.mark.parametrize("bad", ["x", {}, 7, True])
def test_bad_best_efforts_do_not_cost_the_activity(bad):
    assert parse_activity_detail(EXAMPLE | {"best_efforts": bad}).best_efforts == ()


@pytest.mark.parametrize(
    "field",
    [
        "athlete", "name", "type", "timezone", "start_date_local", "utc_offset", "average_speed",
        "average_heartrate", "max_heartrate", "average_cadence", "total_elevation_gain", "external_id",
        "device_name", "manual", "trainer", "commute", "flagged",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", [None, -1, 7, 10**400, 1e300, float("nan"), [], {}, {"id": "x"}])
def test_an_optional_field_never_costs_the_activity(field, value):
    activity = parse_activity(EXAMPLE | {field: value})
    sound = parse_activity(EXAMPLE)
    assert (activity.distance_m, activity.moving_time_s) == (sound.distance_m, sound.moving_time_s)
    assert activity.started_at == sound.started_at


def test_no_best_efforts():
    assert parse_activity_detail(EXAMPLE | {"best_efforts": None}).best_efforts == ()


def test_athlete():
    athlete = parse_athlete(
        {"id": 5, "firstname": "Rui", "lastname": None, "sex": "X", "new_field": {}}
    )
    assert (athlete.strava_id, athlete.first_name, athlete.last_name, athlete.sex) == (
        5,
        "Rui",
        "",
        None,
    )


# The first text that Hypothesis draws builds a table, which takes a second on a busy machine.
unhurried = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3)
    ),
    max_leaves=5,
)


@unhurried
@given(st.dictionaries(st.sampled_from([*EXAMPLE, "visibility", "average_heartrate"]), JSON))
def test_whatever_strava_sends_is_read_or_refused_by_name(changes):
    for parse in (parse_activity, parse_activity_detail):
        if (refused := refused_field(parse, EXAMPLE | changes)) is not None:
            assert refused.split(".")[0].split("[")[0] in changes


def refused_field(parse, payload) -> str | None:
    try:
        parse(payload)
    except StravaBadData as error:
        return error.field
    return None


@unhurried
@given(JSON)
def test_nothing_but_bad_data_is_raised_for_any_json(payload):
    for parse in (parse_activity, parse_activity_detail, parse_athlete, parse_streams):
        with suppress(StravaBadData):
            parse(payload)


def test_a_number_that_no_column_holds_is_named():
    with pytest.raises(StravaBadData, match=r"moving_time.*too large"):
        parse_activity(LEAST | {"moving_time": 2**63})
