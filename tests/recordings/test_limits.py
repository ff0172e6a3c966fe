"""What a file holds is bounded, in each format."""

import gzip
import io

import pytest

from recordings import read_stream
from recordings.errors import FileTooLarge
from recordings.limits import ReadingLimits
from tests.recordings.fit_writer import ACTIVITY, FitWriter, fit_time
from tests.recordings.run import START_S, fit_file, gpx_file, iso, run_of, tcx_file, tcx_of

RUN = run_of(100)
FILES = {"run.fit": fit_file(RUN), "run.gpx": gpx_file(RUN), "run.tcx": tcx_file(RUN)}


@pytest.mark.parametrize("name", FILES)
def test_more_samples_than_a_file_may_have_are_refused(name):
    limits = ReadingLimits(samples=100)
    assert len(read_stream(io.BytesIO(FILES[name]), name, limits).activities) == 1
    with pytest.raises(FileTooLarge, match="more than 99 samples"):
        read_stream(io.BytesIO(FILES[name]), name, ReadingLimits(samples=99))


def fit_of(message: str, count: int) -> bytes:
    writer = FitWriter()
    writer.add("file_id", type=ACTIVITY, manufacturer=1, product=3113)
    for number in range(count):
        writer.add(message, timestamp=fit_time(START_S + number), start_time=fit_time(START_S))
    return writer.data()


def tcx_with(laps: int = 1, activities: int = 1) -> bytes:
    lap = f'<Lap StartTime="{iso(START_S)}"><TotalTimeSeconds>1</TotalTimeSeconds></Lap>'
    activity = f'<Activity Sport="Running"><Id>{iso(START_S)}</Id>{lap * laps}</Activity>'
    return tcx_of(activity * activities)


@pytest.mark.parametrize(
    ("name", "data", "limits", "problem"),
    [
        ("run.fit", fit_of("lap", 3), ReadingLimits(laps=2), "more than 2 laps"),
        ("run.fit", fit_of("session", 3), ReadingLimits(activities=2), "more than 2 activities"),
        ("run.tcx", tcx_with(laps=3), ReadingLimits(laps=2), "more than 2 laps"),
        (
            "run.tcx",
            tcx_with(activities=3),
            ReadingLimits(activities=2),
            "more than 2 activities",
        ),
    ],
    ids=["fit-laps", "fit-sessions", "tcx-laps", "tcx-activities"],
)
def test_more_laps_or_activities_are_refused(name, data, limits, problem):
    with pytest.raises(FileTooLarge, match=problem):
        read_stream(io.BytesIO(data), name, limits)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_takes_too_long_to_read_is_refused(name):
    """More CPU time than the limit is an error, whatever the file says of its length."""
    run = run_of(6_000)
    data = {"run.fit": fit_file, "run.gpx": gpx_file, "run.tcx": tcx_file}[name](run)
    with pytest.raises(FileTooLarge, match="takes more than 0 s"):
        read_stream(io.BytesIO(data), name, ReadingLimits(read_s=0.0))


def test_a_file_that_is_too_large_when_unpacked_is_refused():
    data = gzip.compress(bytes(2 << 20))
    with pytest.raises(FileTooLarge, match=r"run\.fit\.gz: it is larger than 1 MB, unpacked\."):
        read_stream(io.BytesIO(data), "run.fit.gz", ReadingLimits(file_bytes=1 << 20))


def test_more_tracks_than_a_file_may_have_are_refused():
    data = gpx_file(run_of(3))
    begin, end = data.index(b"<trk>"), data.index(b"</trk>") + len(b"</trk>")
    data = data[:begin] + data[begin:end] * 3 + data[end:]
    assert len(read_stream(io.BytesIO(data), "run.gpx").activities) == 3
    with pytest.raises(FileTooLarge, match="more than 2 tracks"):
        read_stream(io.BytesIO(data), "run.gpx", ReadingLimits(activities=2))
