import json
from math import isnan
from types import SimpleNamespace

import pytest

from strava.errors import StravaBadData
from strava.plain_streams import plain_columns
from strava.stream_payload import parse_streams, read_answer


def listed(column):
    """A column's values, None for what is missing."""
    return [None if isnan(value) else value for value in column.tolist()]


def read(payload):
    """The streams of a payload, as lists; those of an answer with it are the same."""
    found = as_lists(parse_streams(payload))
    assert as_lists(read_answer(json.dumps(payload).encode())) == found
    return found


def as_lists(found):
    rates = found.heart_rate_bpm
    return SimpleNamespace(
        time_s=listed(found.time_s),
        distance_m=listed(found.distance_m),
        heart_rate_bpm=None if rates is None else listed(rates),
        other_columns={name: listed(column) for name, column in found.other_columns.items()},
    )


def stream_set(**streams):
    return {key: {"data": data, "series_type": "distance"} for key, data in streams.items()}


def test_streams():
    streams = read(stream_set(time=[0, 1], distance=[0, 3.5], heartrate=[120, 121]))
    assert (streams.time_s, streams.distance_m, streams.heart_rate_bpm) == (
        [0, 1],
        [0.0, 3.5],
        [120, 121],
    )


def test_streams_without_what_is_needed_are_none():
    assert parse_streams(stream_set(distance=[0, 3.5])) is None
    assert parse_streams({}) is None


def test_a_gap_in_the_heart_rate_leaves_it_out():
    assert (
        parse_streams(
            stream_set(time=[0, 1], distance=[0, 3.5], heartrate=[120, None])
        ).heart_rate_bpm
        is None
    )


@pytest.mark.parametrize(
    "heart_rate",
    [
        {"data": [120]},
        {"data": None},
        {"data": []},
        {"data": ["a", "b"]},
        {"data": "x"},
        {"data": [120, -1]},
        {"data": [120, 1e9]},
        {},
        [],
        "x",
        7,
    ],
)
def test_a_bad_heart_rate_does_not_cost_the_track(heart_rate):
    streams = read(stream_set(time=[0, 1], distance=[0, 3.5]) | {"heartrate": heart_rate})
    assert (streams.distance_m, streams.heart_rate_bpm) == ([0.0, 3.5], None)


@pytest.mark.parametrize(
    "unusable", [None, "12", True, [], {}, float("nan"), float("inf"), 1e15, 10**400]
)
@pytest.mark.parametrize("name", ["time", "distance"])
@pytest.mark.parametrize("place", [0, 50, 99])
def test_a_sample_that_cannot_be_read_costs_only_itself(unusable, name, place):
    channels = {
        "time": [*range(100)],
        "distance": [3.5 * second for second in range(100)],
        "heartrate": [120 + second for second in range(100)],
    }
    sound = read(stream_set(**channels))
    channels[name][place] = unusable
    found = read(stream_set(**channels))
    for channel in ("time_s", "distance_m", "heart_rate_bpm"):
        whole = getattr(sound, channel)
        assert getattr(found, channel) == whole[:place] + whole[place + 1 :]


def test_a_stretch_that_cannot_be_read_is_left_out_unless_it_is_the_end():
    """Without its end the track would be taken for one whose distance was corrected."""
    meters = [3.5 * second for second in range(100)]
    found = read(
        stream_set(time=[*range(100)], distance=[*meters[:30], *[None] * 50, *meters[80:]])
    )
    assert found.time_s == [*range(30), *range(80, 100)]
    found = read(stream_set(time=[*range(100)], distance=[*meters[:98], None, None]))
    assert found.time_s == list(range(98))
    with pytest.raises(StravaBadData, match=r"distance\.data"):
        parse_streams(stream_set(time=[*range(100)], distance=[*meters[:97], *[None] * 3]))


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ([], "body"),
        (stream_set(time=[0, 1], distance=[0]), "distance.data"),
        (stream_set(time=[0, None], distance=[0, 1]), "time.data"),
        (stream_set(time=[0, 1], distance=[0, float("inf")]), "distance.data"),
        (stream_set(time=[0, 1], distance="abc"), "distance.data"),
        ({"time": [0, 1], "distance": [0, 1]}, "time"),
    ],
)
def test_broken_streams_are_named(payload, field):
    with pytest.raises(StravaBadData) as caught:
        parse_streams(payload)
    assert caught.value.field == field


def test_other_streams_are_read_where_they_can_be():
    whole = {
        "latlng": [[38.7, -9.1], [0, 0], [38.8, None]],
        "cadence": [85, None, 999],
        "altitude": [12.3, "high", 12.5],
        "velocity_smooth": [3, 3.5],
        "temp": [None, None, None],
    }
    streams = read(stream_set(time=[0, 1, 2], distance=[0, 3, 6], **whole))
    assert streams.other_columns == {
        "cadence_rpm": [85.0, None, None],
        "altitude_m": [12.3, None, 12.5],
        "latitude": [38.7, None, None],
        "longitude": [-9.1, None, None],
    }


@pytest.mark.parametrize("odd", [None, [], {"data": None}, {"data": 7}, {"data": [[1]] * 2}])
def test_other_streams_that_cannot_be_read_cost_only_themselves(odd):
    given = stream_set(time=[0, 1], distance=[0, 3]) | {"latlng": odd, "watts": odd}
    assert read(given).other_columns == {}


@pytest.mark.parametrize("odd", [None, "5", True, float("nan"), 301, -1, [1], 10**400])
def test_one_odd_value_of_a_column_costs_only_itself(odd):
    cadences = [80, 81.5, 82]
    for place in range(3):
        given = [*cadences[:place], odd, *cadences[place + 1 :]]
        streams = read(stream_set(time=[0, 1, 2], distance=[0, 3, 6], cadence=given))
        wanted = [None if each == place else cadences[each] for each in range(3)]
        assert streams.other_columns["cadence_rpm"] == wanted


@pytest.mark.parametrize("odd", [None, [0, 0], [91, 0], [1, -181], [1], [1, None], [True, 1], "ab"])
def test_one_odd_place_costs_only_itself(odd):
    places = [[38.7, -9.1], odd, [-38, 9]]
    streams = read(stream_set(time=[0, 1, 2], distance=[0, 3, 6], latlng=places))
    assert streams.other_columns == {
        "latitude": [38.7, None, -38.0],
        "longitude": [-9.1, None, 9.0],
    }


def test_a_place_on_the_equator_is_one():
    streams = read(stream_set(time=[0, 1], distance=[0, 3], latlng=[[0, 9.1], [0, 9.2]]))
    assert streams.other_columns == {"latitude": [0.0, 0.0], "longitude": [9.1, 9.2]}


USUAL = {
    "time": [0, 1, 2],
    "distance": [0, 3.25, 6.5],
    "heartrate": [120, 121, 122],
    "latlng": [[38.7, -9.1], [38.8, -9.2], [38.9, -9.3]],
    "altitude": [-1.5, 1e2, 0.1],
}


def test_a_usual_answer_is_read_without_an_object_for_each_number():
    columns = plain_columns(json.dumps(stream_set(**USUAL)).encode())
    assert {key: column.tolist() for key, column in columns.items()} == USUAL | {
        "latlng": [38.7, -9.1, 38.8, -9.2, 38.9, -9.3]
    }
    assert read(stream_set(**USUAL)).other_columns["longitude"] == [-9.1, -9.2, -9.3]


@pytest.mark.parametrize(
    "odd",
    [
        {"time": [0, 1]},
        {"altitude": [1, None, 2]},
        {"altitude": [1, True, 2]},
        {"altitude": [1, "2", 2]},
        {"altitude": [1, [2], 2]},
        {"altitude": [[1], [2], [2]]},
        {"altitude": [1, {}, 2]},
        {"altitude": []},
        {"altitude": "123"},
        {"altitude": None},
        {"altitude": [1, 2**70, 2]},
        {"altitude": [1, float("nan"), 2]},
        {"latlng": [1, 2, 3, 4, 5, 6]},
        {"latlng": [[1, 2], [1], [1, 2, 3]]},
        {"latlng": [[1, 2], [1, 2], "ab"]},
        {"latlng": [[1, 2], [1, 2], [[1], 2]]},
        {"name": ["["]},
    ],
)
def test_any_other_answer_is_looked_at_value_by_value(odd):
    """And what is odd costs as much as without the fast way."""
    payload = stream_set(**USUAL | odd)
    assert plain_columns(json.dumps(payload).encode()) is None
    if "time" not in odd:
        assert read(payload).time_s == USUAL["time"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"[1]", b'{"time":7}', b'{"time":[1]}', b"\xff"]
)
def test_an_answer_without_streams_is_no_usual_one(body):
    assert plain_columns(body) is None
