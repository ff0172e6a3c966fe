"""What is no recording is told apart, and gzip that is broken costs only what is lost."""

import gzip
import io

import pytest

from recordings import UnreadableFile, read_stream
from tests.recordings.run import gpx_file, run_of

PACKED = gzip.compress(
    gpx_file(run_of(2_000)), mtime=0
)  # part of a test's name: the same in each process


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (b"<kml><Placemark/></kml>", "it is XML of another kind (<kml>)"),
        (b"PNG and more", "its format is not known"),
        (PACKED[:12], "its gzip compression is broken"),
    ],
)
def test_what_is_no_recording_is_told(content, problem):
    with pytest.raises(UnreadableFile) as told:
        read_stream(io.BytesIO(content), "run")
    assert str(told.value).startswith(f"run: {problem}")


def test_gzip_that_ends_early_keeps_what_stands_before():
    file = read_stream(io.BytesIO(PACKED[: len(PACKED) // 2]), "run.gpx.gz")
    assert 100 < len(file.activities[0].samples) < 2_000
    assert any("gzip compression ends early" in each for each in file.problems)
