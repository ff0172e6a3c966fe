import gzip
import io
import re
from datetime import UTC, datetime, timedelta

import pytest

from recordings import NotARecording, UnreadableFile, read_stream
from tests.recordings.run import START_S, iso, run_of, tcx_file, tcx_of

START = datetime.fromtimestamp(START_S, UTC)


def read(data: bytes):
    return read_stream(io.BytesIO(data), "run.tcx")


def only(data: bytes):
    (activity,) = read(data).activities
    return activity


def lap(start_s: float, seconds: int, *, from_m: float = 0, inner: str = "") -> str:
    points = "".join(
        f"<Trackpoint><Time>{iso(start_s + second)}</Time>"
        f"<DistanceMeters>{from_m + second * 3}</DistanceMeters>{inner}</Trackpoint>"
        for second in range(seconds)
    )
    return (
        f'<Lap StartTime="{iso(start_s)}"><TotalTimeSeconds>{seconds}</TotalTimeSeconds>'
        f"<DistanceMeters>{seconds * 3}</DistanceMeters><Calories>7</Calories>"
        "<AverageHeartRateBpm><Value>141</Value></AverageHeartRateBpm>"
        f"<TriggerMethod>Manual</TriggerMethod><Track>{points}</Track></Lap>"
    )


def activity_of(*laps: str, sport: str = "Running") -> str:
    return f'<Activity Sport="{sport}"><Id>{iso(START_S)}</Id>{"".join(laps)}</Activity>'


def test_a_run_has_all_that_the_file_says():
    run = run_of(600)
    activity = only(tcx_file(run))
    assert (activity.started_at, activity.sport_type) == (START, "Run")
    assert (activity.device, activity.problems) == ("Watch One", ())
    assert list(activity.samples.time_s) == run.time_s
    assert activity.samples.distance_m == pytest.approx(run.distance_m, abs=0.006)
    assert list(activity.samples.heart_rate_bpm) == run.heart_rate_bpm
    assert activity.samples.altitude_m == pytest.approx(run.altitude_m, abs=0.051)
    assert activity.totals.calories == 300
    assert activity.totals.timer_s == 599


def test_laps_have_their_sums():
    activity = only(tcx_of(activity_of(lap(START_S, 60), lap(START_S + 60, 30, from_m=180))))
    first, second = activity.laps
    assert (first.start_s, first.elapsed_s, first.distance_m) == (0, 60, 180)
    assert (second.start_s, second.elapsed_s, second.distance_m) == (60, 30, 90)
    assert (second.average_heart_rate_bpm, second.calories, second.trigger) == (141, 7, "Manual")
    assert activity.distance_m == 270


def test_a_lap_lasts_until_the_next_one_and_its_own_time_leaves_pauses_out():
    paused = lap(START_S, 60)
    activity = only(tcx_of(activity_of(paused, lap(START_S + 100, 30, from_m=180))))
    assert [(each.elapsed_s, each.moving_s) for each in activity.laps] == [(100, 60), (30, 30)]


def test_calories_are_the_laps_sum():
    activity = only(tcx_of(activity_of(lap(START_S, 60), lap(START_S + 60, 30, from_m=180))))
    assert activity.calories == 14


def test_distances_that_begin_again_with_each_lap_are_joined():
    activity = only(tcx_of(activity_of(lap(START_S, 60), lap(START_S + 60, 30))))
    meters = activity.samples.distance_m
    assert (meters[59], meters[60], meters[-1]) == (177, 177, 264)
    assert activity.problems == ("its distances begin again with each lap: joined",)


def test_laps_that_repeat_the_whole_track_do_not_double_it():
    whole = lap(START_S, 120)
    activity = only(tcx_of(activity_of(whole, whole.replace(iso(START_S), iso(START_S + 90), 1))))
    assert (len(activity.samples), activity.samples.time_s[-1]) == (120, 119)


def test_several_activities_and_those_of_a_multisport_are_apart():
    inner = (
        activity_of(lap(START_S + 9_000, 20), sport="Biking")
        + "<MultiSportSession><Id>x</Id><FirstSport>"
        + activity_of(lap(START_S, 10), sport="Other")
        + "</FirstSport><NextSport>"
        + activity_of(lap(START_S + 600, 15))
        + "</NextSport></MultiSportSession>"
    )
    activities = read(tcx_of(inner)).activities
    assert [each.sport_type for each in activities] == [None, "Run", "Ride"]
    assert [len(each.samples) for each in activities] == [10, 15, 20]


def test_a_treadmill_has_no_positions_and_needs_none():
    activity = only(tcx_of(activity_of(lap(START_S, 30, inner="<Cadence>85</Cadence>"))))
    assert activity.samples.latitude is None
    assert list(activity.samples.cadence_rpm) == [85] * 30


def test_extensions_of_a_point():
    inner = (
        '<Extensions><TPX xmlns="http://www.garmin.com/xmlschemas/ActivityExtension/v2">'
        "<Speed>3.1</Speed><RunCadence>88</RunCadence><Watts>260</Watts></TPX></Extensions>"
    )
    samples = only(tcx_of(activity_of(lap(START_S, 3, inner=inner)))).samples
    assert (samples.speed_m_per_s[0], samples.cadence_rpm[0], samples.power_w[0]) == (3.1, 88, 260)


def test_laps_without_points_are_kept():
    bare = (
        f'<Lap StartTime="{iso(START_S)}"><TotalTimeSeconds>600</TotalTimeSeconds>'
        "<DistanceMeters>2000</DistanceMeters></Lap>"
    )
    activity = only(tcx_of(activity_of(bare)))
    assert (activity.distance_m, activity.elapsed_s, len(activity.samples)) == (2000, 600, 0)
    assert activity.problems == ("no samples: only laps and sums are kept",)


@pytest.mark.parametrize("wrong", ["1e308", "1e9"])
def test_sums_that_no_activity_has_are_left_out(wrong):
    """A file that states them would be the longest run of its athlete for good."""
    whole = only(tcx_of(activity_of(lap(START_S, 5))))
    meters = re.sub(r"(<DistanceMeters>)[^<]*", rf"\g<1>{wrong}", lap(START_S, 5), count=1)
    activity = only(tcx_of(activity_of(meters)))
    assert (activity.distance_m, activity.laps[0].distance_m) == (
        max(whole.samples.distance_m),
        None,
    )
    times = re.sub(r"(<TotalTimeSeconds>)[^<]*", rf"\g<1>{wrong}", lap(START_S, 5))
    assert only(tcx_of(activity_of(times))).elapsed_s == whole.samples.time_s[-1]
    assert "stated sums out of range: left out" in activity.problems


def test_a_lap_that_begins_a_year_later_makes_no_activity_of_a_year():
    later = f'<Lap StartTime="{iso(START_S + 3e7)}"><TotalTimeSeconds>9</TotalTimeSeconds></Lap>'
    whole = only(tcx_of(activity_of(lap(START_S, 5))))
    activity = only(tcx_of(activity_of(lap(START_S, 5) + later)))
    assert activity.elapsed_s == whole.samples.time_s[-1]


def test_a_start_a_day_before_the_first_point_is_a_wrong_clock():
    early = lap(START_S, 5).replace(iso(START_S), iso(START_S - 90_000), 1)
    assert only(tcx_of(activity_of(early))).started_at == START
    waited = lap(START_S, 5).replace(iso(START_S), iso(START_S - 20), 1)
    activity = only(tcx_of(activity_of(waited)))
    assert activity.started_at == START - timedelta(seconds=20)
    assert activity.samples.time_s[0] == 20


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
def test_a_file_that_ends_early_keeps_what_stands_before(cut):
    data = tcx_file(run_of(100))
    file = read(data[: int(len(data) * cut)])
    assert 10 <= len(file.activities[0].samples) <= 100
    assert "the file ends early: what stands before its end is kept" in file.problems


def test_laps_that_do_not_tell_their_sums_leave_these_to_the_samples():
    silent = re.sub(
        r"<TotalTimeSeconds>.*</DistanceMeters><Cal", "<Cal", lap(START_S + 60, 30, from_m=180)
    )
    activity = only(tcx_of(activity_of(lap(START_S, 60), silent)))
    assert (activity.distance_m, activity.totals.timer_s, activity.calories) == (267, None, 14)


def test_a_stated_distance_of_0_is_none_where_one_was_recorded():
    zero = re.sub(r"(<DistanceMeters>)180", r"\g<1>0", lap(START_S, 60), count=1)
    assert only(tcx_of(activity_of(zero))).distance_m == 177
    stood = re.sub(r"<DistanceMeters>[\d.]+", "<DistanceMeters>0", tcx_file(run_of(30)).decode())
    assert only(stood.encode()).distance_m == 0
    drifted = re.sub(r"(?<!</Calories>)<DistanceMeters>0</DistanceMeters>(?=<HeartRate)", "", stood)
    activity = only(drifted.encode())
    assert activity.distance_is_derived
    assert activity.distance_m == 0


def test_courses_and_empty_files_are_named():
    course = tcx_of("").replace(b"</Training", b"<Courses><Course/></Courses></Training")
    with pytest.raises(NotARecording, match="courses only"):
        read(course)
    with pytest.raises(UnreadableFile, match="no activity with times"):
        read(tcx_of('<Activity Sport="Running"></Activity>'))


def test_gzip_within_gzip_is_named():
    with pytest.raises(UnreadableFile, match="gzip within gzip"):
        read(gzip.compress(gzip.compress(tcx_file(run_of(10)))))


def test_points_without_a_time_are_counted():
    bare = "<Trackpoint><DistanceMeters>1</DistanceMeters></Trackpoint>"
    points = lap(START_S, 3).replace("<Track>", f"<Track>{bare}{bare}")
    activity = only(tcx_of(activity_of(points)))
    assert (len(activity.samples), activity.problems) == (3, ("2 points without a time: left out",))
