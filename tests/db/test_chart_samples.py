"""Levels hold what all samples hold, and the choice among either is the same."""

import pytest

from db.chart_samples import StoredStreams, StreamsRequest
from db.stored_levels import LEVEL_POINTS, encode_levels
from db.stream_codec import CorruptStreams
from db.stream_encoding import encode, encode_positions
from tests import factories as make

ALL = tuple(make.samples(2, every_column=True).columns())


def whole(samples) -> StoredStreams:
    marks, _ = encode_levels(samples)
    return StoredStreams(len(samples.time_s), encode(samples), marks, encode_positions(samples))


def level(samples, points: int) -> StoredStreams:
    [found] = [each for each in encode_levels(samples)[1] if each.points == points]
    return StoredStreams(len(samples.time_s), found.samples, None, found.positions)


@pytest.fixture(scope="module")
def samples():
    return make.samples(5000, every_column=True, gap_s=90, blanks=True)


@pytest.mark.parametrize("points", [1, 2, 3, 31, 32, 63, 64])
@pytest.mark.parametrize("stored", LEVEL_POINTS)
def test_a_level_gives_the_same_points_as_all_samples(samples, stored, points):
    request = StreamsRequest(points)
    assert level(samples, stored).choose(request, ALL) == whole(samples).choose(request, ALL)


def test_only_recordings_with_more_samples_have_a_level():
    found = [[each.points for each in encode_levels(make.samples(count))[1]]
             for count in (1, 127, 128, 255, 256, 1024, 4096)]  # fmt: skip
    assert found == [[], [], [64], [64], [64, 128], [64, 128, 512], [64, 128, 512, 2048]]


def test_levels_without_positions_have_none():
    assert [each.positions for each in encode_levels(make.samples(128))[1]] == [None]


def test_stored_levels_are_small(samples):
    """Four bytes a sample; the samples themselves may take twelve."""
    marks, levels = encode_levels(samples)
    room = len(marks) + sum(len(each.samples) + len(each.positions or b"") for each in levels)
    assert room < 4 * 5000


def test_positions_are_null_where_they_are_not_given(samples):
    stored = StoredStreams(5000, encode(samples), None, None)
    found = stored.choose(StreamsRequest(2), ("time_s", "latitude"))
    assert found.columns == {"time_s": [0, 5089], "latitude": None}


def test_a_range_of_all_is_all(samples):
    stored = whole(samples)
    every = stored.choose(StreamsRequest(9999), ALL)
    assert stored.choose(StreamsRequest(9999, 0, 10**6), ALL) == every
    assert stored.choose(StreamsRequest(9999, 0.0), ALL) == every
    assert every.points == every.sample_count == 5000


def test_damaged_marks_are_noticed(samples):
    with pytest.raises(CorruptStreams):
        StoredStreams(5000, encode(samples), b"\x02\xff", None).choose(StreamsRequest(9), ALL)
