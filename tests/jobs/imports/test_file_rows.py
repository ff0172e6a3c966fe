"""Sums of an activity that its file does not state follow from its samples."""

import io
import math
import re

import pytest

from jobs.imports.prepared_file import ReadingRules, prepare
from tests.recordings.run import START_S, Run, fit_file, gpx_file, iso, run_of, tcx_file, tcx_of

PAUSED = run_of(2000, pauses=(range(600, 900), range(1500, 1560)))


def row(name: str, data: bytes) -> dict:
    [activity] = prepare(name, io.BytesIO(data), None, ReadingRules()).activities
    assert activity.problem is None
    return activity.row


def hilly(meters: int, *, every_s: int = 1) -> Run:
    """An even run of 3 m/s over hills of 40 m, 1 km from top to top."""
    flat = run_of(1)
    times = [float(each) for each in range(0, meters // 3, every_s)]
    way = [3 * each for each in times]
    north = [flat.latitude[0] + each / 111_170 for each in way]
    heights = [300 - 20 * math.cos(each / 1000 * 2 * math.pi) for each in way]
    east = flat.longitude * len(times)
    return Run(times, way, north, east, heights, [140] * len(times))


@pytest.mark.parametrize("sport", ["running", "hiking", "cycling"])
def test_moving_time_leaves_pauses_out_that_only_the_samples_tell(sport):
    data = gpx_file(PAUSED).replace(b"running", sport.encode())
    found = row("a.gpx", data)
    assert found["elapsed_time_s"] == 1999
    assert found["moving_time_s"] == pytest.approx(1999 - 360, abs=4)


def test_moving_time_is_as_the_file_states_it():
    assert row("a.fit", fit_file(PAUSED))["moving_time_s"] == len(PAUSED) - 1
    unknown = tcx_file(PAUSED).replace(b"TotalTimeSeconds", b"Other")
    assert row("a.tcx", unknown)["moving_time_s"] == pytest.approx(1999 - 360, abs=4)


def test_swims_and_what_goes_nowhere_move_all_the_time():
    for sport in (b"swimming", b"yoga"):
        found = row("a.gpx", gpx_file(PAUSED).replace(b"running", sport))
        assert found["moving_time_s"] == found["elapsed_time_s"]
        assert found["elevation_gain_m"] is None


@pytest.mark.parametrize("make", [gpx_file, tcx_file, fit_file])
@pytest.mark.parametrize("every_s", [1, 5])
def test_elevation_gain_is_of_the_altitudes(make, every_s):
    found = row("a", make(hilly(5000, every_s=every_s)))
    assert found["elevation_gain_m"] == pytest.approx(5 * 40, rel=0.03)


def test_on_a_treadmill_and_without_sound_altitudes_there_is_no_gain():
    data = gpx_file(hilly(5000))
    assert row("a.gpx", data.replace(b"running", b"treadmill"))["elevation_gain_m"] is None
    assert row("a.gpx", re.sub(rb"<ele>[^<]*</ele>", b"", data))["elevation_gain_m"] is None


def test_averages_do_not_depend_on_how_often_samples_are_taken():
    """A minute at 120, a sample a second, then four at 160, one every ten seconds."""
    times = [*range(60), *range(60, 300, 10), 300]
    rates = [120 if each < 60 else 160 for each in times]
    points = "".join(
        f"<Trackpoint><Time>{iso(START_S + second)}</Time><DistanceMeters>{second * 3}</DistanceMeters>"
        f"<Cadence>{rate // 2}</Cadence><HeartRateBpm><Value>{rate}</Value></HeartRateBpm></Trackpoint>"
        for second, rate in zip(times, rates, strict=True)
    )
    data = tcx_of(
        f'<Activity Sport="Running"><Id>{iso(START_S)}</Id><Lap StartTime="{iso(START_S)}">'
        f"<Track>{points}</Track></Lap></Activity>"
    )
    found = row("a.tcx", data)
    assert (found["average_heart_rate_bpm"], found["max_heart_rate_bpm"]) == (152, 160)
    assert found["average_cadence_rpm"] == 76


def test_a_file_that_ends_early_has_the_sums_and_efforts_of_what_is_left():
    """A lap states its sums before its samples, which may be more than what is left of these."""
    whole = tcx_file(run_of(1800))
    data = whole[: len(whole) * 7 // 10]
    [found] = prepare("a.tcx", io.BytesIO(data), None, ReadingRules()).activities
    [complete] = prepare("a.tcx", io.BytesIO(whole), None, ReadingRules()).activities
    share = found.row["elapsed_time_s"] / complete.row["elapsed_time_s"]
    assert share == pytest.approx(0.7, abs=0.01)
    meters = run_of(1800).distance_m[found.row["elapsed_time_s"]]
    assert found.row["distance_m"] == pytest.approx(meters, abs=0.1)
    whole_s = {each.distance: each.elapsed_s for each in complete.efforts}
    for effort in found.efforts:
        assert effort.elapsed_s >= whole_s[effort.distance] - 0.01
    assert len(found.efforts) >= 5
    assert (found.laps[0].distance_m, found.laps[0].moving_time_s) == (None, None)
