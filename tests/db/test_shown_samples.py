"""Samples of which some are left out: what others see of a recording."""

from dataclasses import replace

import pytest

from db.chart_samples import StoredStreams, StreamsRequest
from db.shown_samples import read_ranges
from db.stream_codec import CorruptStreams, Samples
from tests import factories as make
from tests.db.encoded import encode

NAMES = ("time_s", "distance_m", "heart_rate_bpm", "altitude_m", "latitude")


def chosen(samples: Samples, shown: str, request: StreamsRequest):
    stored = StoredStreams(len(samples.time_s), encode(samples), shown=read_ranges(shown))
    return stored.choose(request, NAMES)


def test_time_and_distance_count_what_is_shown():
    samples = Samples(
        [0, 7, 8, 9.5, 300, 301, 302, 400],
        [0, 20, 23.1, 26.2, 900, 903.3, 906.6, 1200],
        [90, 91, 92, 93, None, 95, 96, 97],
        latitude=[1.0] * 8,
        longitude=[1.0] * 8,
    )
    found = chosen(samples, "1,4,5,7", StreamsRequest(10))
    assert found.columns == {
        "time_s": [0, 1, 2.5, 2.5, 3.5],
        "distance_m": [0, 3.1, 6.2, 6.2, 9.5],
        "heart_rate_bpm": [91, 92, 93, 95, 96],
        "altitude_m": None,
        "latitude": None,
    }
    assert (found.sample_count, found.points, found.gaps) == (5, 5, [2])


def test_ranges_count_so_too():
    found = chosen(make.samples(100), "10,30,60,90", StreamsRequest(100, 15, 25))
    assert found.columns["heart_rate_bpm"] == [
        *range(145, 150),
        *(120 + n % 40 for n in range(60, 66)),
    ]
    assert found.columns["time_s"] == [*range(15, 20), *range(19, 25)]
    assert (found.sample_count, found.gaps) == (11, [4])
    none = chosen(make.samples(100), "10,30,60,90", StreamsRequest(100, 48.5))
    assert (none.sample_count, none.points, none.columns["time_s"]) == (0, 0, [])


def test_few_points_are_evenly_spread_and_keep_gaps():
    found = chosen(make.samples(3000, gap_s=60), "100,2900", StreamsRequest(5))
    assert found.columns["time_s"] == [0, 699, 1399, 2159, 2859]
    assert (found.sample_count, found.gaps) == (2800, [2])
    assert chosen(make.samples(9), "2,9", StreamsRequest(1)).columns["time_s"] == [0]


def test_what_is_left_out_changes_nothing():
    one = make.samples(2500, every_column=True, gap_s=60)
    noise = [number * 7919 % 50 for number in range(300)]
    other = replace(
        one,
        time_s=[*range(300), *(each + 777 for each in one.time_s[200:])],
        distance_m=[*(n / 9 for n in range(300)), *(each + 123.45 for each in one.distance_m[200:])],
        **{
            name: [*noise, *getattr(one, name)[200:]]
            for name in ("heart_rate_bpm", "cadence_rpm", "altitude_m", "power_w", "temperature_c",
                         "speed_m_per_s", "latitude", "longitude")
        },
    )  # fmt: skip
    for request in (StreamsRequest(60), StreamsRequest(5000), StreamsRequest(50, 1000, 1900.5)):
        seen = chosen(one, "200,1100,1500,2400", request)
        assert seen == chosen(other, "300,1200,1600,2500", request)


def test_ranges_beyond_the_samples_are_damage():
    with pytest.raises(CorruptStreams, match="more samples"):
        chosen(make.samples(10), "5,11", StreamsRequest(10))


@pytest.mark.parametrize(
    ("text", "ranges"), [(None, None), ("", None), ("3,9,12,13", ((3, 9), (12, 13)))]
)
def test_ranges_are_read_as_statements_write_them(text, ranges):
    assert read_ranges(text) == ranges
