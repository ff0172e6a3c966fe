"""Levels hold what all samples hold, and the choice among either is the same."""

import pytest

from bench.recording import three_hours
from db.chart_samples import StoredStreams, StreamsRequest
from db.stored_levels import LEVEL_POINTS, encode_samples
from db.stream_codec import CorruptStreams
from tests import factories as make

ALL = tuple(make.samples(2, every_column=True).columns())


def whole(samples) -> StoredStreams:
    encoded = encode_samples(samples)
    return StoredStreams(len(samples.time_s), encoded.samples, encoded.marks, encoded.positions)


def level(samples, points: int) -> StoredStreams:
    [found] = [each for each in encode_samples(samples).levels if each.points == points]
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
    found = [[each.points for each in encode_samples(make.samples(count)).levels]
             for count in (1, 127, 128, 255, 256, 1024, 4096)]  # fmt: skip
    assert found == [[], [], [64], [64], [64, 128], [64, 128, 512], [64, 128, 512, 2048]]


def test_levels_without_positions_have_none():
    assert [each.positions for each in encode_samples(make.samples(128)).levels] == [None]


def test_what_is_stored_of_a_recording_is_small():
    """Eight bytes a sample, and four for its marks and levels."""
    recorded = three_hours()
    found = encode_samples(recorded)
    levels = [*map(len, (part for each in found.levels for part in (each.samples, each.positions)))]
    assert len(found.samples) + len(found.positions) < 8 * len(recorded.time_s)
    assert len(found.marks) + sum(levels) < 4 * len(recorded.time_s)


def test_positions_are_null_where_they_are_not_given(samples):
    stored = StoredStreams(5000, encode_samples(samples).samples, None, None)
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
        StoredStreams(5000, encode_samples(samples).samples, b"\x02\xff", None).choose(
            StreamsRequest(9), ALL
        )
