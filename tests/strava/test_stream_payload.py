import pytest

from strava.errors import StravaBadData
from strava.stream_payload import parse_streams


def stream_set(**streams):
    return {key: {"data": data, "series_type": "distance"} for key, data in streams.items()}


def test_streams():
    streams = parse_streams(stream_set(time=[0, 1], distance=[0, 3.5], heartrate=[120, 121]))
    assert (streams.time_s, streams.distance_m, streams.heart_rate_bpm) == (
        (0, 1),
        (0.0, 3.5),
        (120, 121),
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
    streams = parse_streams(stream_set(time=[0, 1], distance=[0, 3.5]) | {"heartrate": heart_rate})
    assert (streams.distance_m, streams.heart_rate_bpm) == ((0.0, 3.5), None)


@pytest.mark.parametrize("unusable", [None, "12", True, [], {}, float("nan"), float("inf"), 1e15])
@pytest.mark.parametrize("name", ["time", "distance"])
@pytest.mark.parametrize("place", [0, 50, 99])
def test_a_sample_that_cannot_be_read_costs_only_itself(unusable, name, place):
    channels = {
        "time": [*range(100)],
        "distance": [3.5 * second for second in range(100)],
        "heartrate": [120 + second for second in range(100)],
    }
    sound = parse_streams(stream_set(**channels))
    channels[name][place] = unusable
    found = parse_streams(stream_set(**channels))
    for channel in ("time_s", "distance_m", "heart_rate_bpm"):
        whole = getattr(sound, channel)
        assert getattr(found, channel) == whole[:place] + whole[place + 1 :]


def test_a_stretch_that_cannot_be_read_is_left_out_unless_it_is_the_end():
    """Without its end the track would be taken for one whose distance was corrected."""
    meters = [3.5 * second for second in range(100)]
    found = parse_streams(
        stream_set(time=[*range(100)], distance=[*meters[:30], *[None] * 50, *meters[80:]])
    )
    assert found.time_s == (*range(30), *range(80, 100))
    found = parse_streams(stream_set(time=[*range(100)], distance=[*meters[:98], None, None]))
    assert found.time_s == tuple(range(98))
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
    streams = parse_streams(stream_set(time=[0, 1, 2], distance=[0, 3, 6], **whole))
    assert streams.other_columns == {
        "cadence_rpm": (85.0, None, None),
        "altitude_m": (12.3, None, 12.5),
        "latitude": (38.7, None, None),
        "longitude": (-9.1, None, None),
    }


@pytest.mark.parametrize("odd", [None, [], {"data": None}, {"data": 7}, {"data": [[1]] * 2}])
def test_other_streams_that_cannot_be_read_cost_only_themselves(odd):
    given = stream_set(time=[0, 1], distance=[0, 3]) | {"latlng": odd, "watts": odd}
    assert parse_streams(given).other_columns == {}


@pytest.mark.parametrize("odd", [None, "5", True, float("nan"), 301, -1, [1]])
def test_one_odd_value_of_a_column_costs_only_itself(odd):
    cadences = [80, 81.5, 82]
    for place in range(3):
        given = [*cadences[:place], odd, *cadences[place + 1 :]]
        streams = parse_streams(stream_set(time=[0, 1, 2], distance=[0, 3, 6], cadence=given))
        wanted = [None if each == place else cadences[each] for each in range(3)]
        assert list(streams.other_columns["cadence_rpm"]) == wanted


@pytest.mark.parametrize("odd", [None, [0, 0], [91, 0], [1, -181], [1], [1, None], [True, 1], "ab"])
def test_one_odd_place_costs_only_itself(odd):
    places = [[38.7, -9.1], odd, [-38, 9]]
    streams = parse_streams(stream_set(time=[0, 1, 2], distance=[0, 3, 6], latlng=places))
    assert streams.other_columns == {
        "latitude": (38.7, None, -38.0),
        "longitude": (-9.1, None, 9.0),
    }


def test_a_place_on_the_equator_is_one():
    streams = parse_streams(stream_set(time=[0, 1], distance=[0, 3], latlng=[[0, 9.1], [0, 9.2]]))
    assert streams.other_columns == {"latitude": (0.0, 0.0), "longitude": (9.1, 9.2)}
