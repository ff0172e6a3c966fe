import io
from datetime import UTC, datetime
from math import isnan

import pytest

from recordings import NotARecording, UnreadableFile, read_stream
from tests.recordings.run import START_S, gpx_file, iso, run_of

START = datetime.fromtimestamp(START_S, UTC)
HEAD = '<gpx version="1.1" creator="Tests" xmlns="http://www.topografix.com/GPX/1/1">'


def read(data: bytes | str):
    data = data.encode() if isinstance(data, str) else data
    return read_stream(io.BytesIO(data), "run.gpx")


def only(data: bytes | str):
    (activity,) = read(data).activities
    return activity


def points(count: int, *, start_s: float = START_S, latitude: float = 47.0, inner: str = "") -> str:
    return "".join(
        f'<trkpt lat="{latitude + second * 3e-5:.6f}" lon="8.5">'
        f"<time>{iso(start_s + second)}</time>{inner}</trkpt>"
        for second in range(count)
    )


def track(*segments: str, head: str = "") -> str:
    return f"<trk>{head}{''.join(f'<trkseg>{each}</trkseg>' for each in segments)}</trk>"


def test_a_run_has_all_that_the_file_says():
    run = run_of(600)
    activity = only(gpx_file(run, name="Along the river"))
    assert activity.started_at == START
    assert (activity.sport_type, activity.sport_in_file) == ("Run", "running")
    assert (activity.name, activity.app, activity.problems) == ("Along the river", "Tests", ())
    samples = activity.samples
    assert list(samples.time_s) == run.time_s
    assert samples.latitude == pytest.approx(run.latitude, abs=1e-7)
    assert list(samples.heart_rate_bpm) == run.heart_rate_bpm
    assert activity.distance_is_derived
    assert samples.distance_m == pytest.approx(run.distance_m, abs=0.5)


def test_version_1_0_has_speed_of_its_own():
    text = "<speed>3.2</speed><ele>410</ele>"
    activity = only(
        '<gpx version="1.0" creator="Old" xmlns="http://www.topografix.com/GPX/1/0">'
        + track(points(3, inner=text))
        + "</gpx>"
    )
    assert list(activity.samples.speed_m_per_s) == [3.2] * 3
    assert list(activity.samples.altitude_m) == [410] * 3


@pytest.mark.parametrize(
    ("inner", "column", "value"),
    [
        ("<x:TrackPointExtension><x:cad>88</x:cad></x:TrackPointExtension>", "cadence_rpm", 88),
        ("<x:TrackPointExtension><x:atemp>17,5</x:atemp></x:TrackPointExtension>", "temperature_c", 17.5),
        ("<power>250</power>", "power_w", 250),
        ("<x:PowerInWatts>251</x:PowerInWatts>", "power_w", 251),
        ("<heartrate>141</heartrate>", "heart_rate_bpm", 141),
    ],
)  # fmt: skip
def test_extensions_are_read_by_their_names_even_with_undeclared_prefixes(inner, column, value):
    file = read(f"{HEAD}{track(points(2, inner=f'<extensions>{inner}</extensions>'))}</gpx>")
    assert list(getattr(file.activities[0].samples, column)) == [value] * 2


def test_each_track_is_an_activity():
    data = HEAD + track(points(5, start_s=START_S + 9_000)) + track(points(7)) + "</gpx>"
    first, second = read(data).activities
    assert (len(first.samples), len(second.samples)) == (7, 5)
    assert first.started_at < second.started_at


def test_no_distance_is_computed_across_a_pause_and_segments_are_sorted():
    late = points(4, start_s=START_S + 600, latitude=47.1)
    activity = only(HEAD + track(late, points(4)) + "</gpx>")
    times, meters = activity.samples.time_s, activity.samples.distance_m
    assert list(times) == [0, 1, 2, 3, 600, 601, 602, 603]
    assert meters[4] == meters[3]
    assert meters[-1] == pytest.approx(2 * meters[3], rel=1e-4)
    assert "its segments are not in order of time: sorted" in activity.problems


def test_distances_of_the_file_count_unless_they_fall():
    rising = "".join(
        point.replace(
            "</trkpt>", f"<extensions><x:distance>{n * 2.5}</x:distance></extensions></trkpt>"
        )
        for n, point in enumerate(split_points(points(4)))
    )
    assert list(only(HEAD + track(rising) + "</gpx>").samples.distance_m) == [0, 2.5, 5, 7.5]
    falling = rising.replace(">7.5<", ">2.5<")
    activity = only(HEAD + track(falling) + "</gpx>")
    assert activity.distance_is_derived
    assert "its distances fall: computed from the positions instead" in activity.problems


def split_points(text: str) -> list[str]:
    return [f"{each}</trkpt>" for each in text.split("</trkpt>")[:-1]]


def test_spaces_before_the_declaration_are_no_reason_to_refuse():
    """So Strava exports its files."""
    file = read(b"          " + gpx_file(run_of(5)))
    assert len(file.activities[0].samples) == 5


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings(encoding):
    data = gpx_file(run_of(3), name="Läufe").decode()
    data = data.replace('encoding="UTF-8"', f'encoding="{encoding.removesuffix("-sig")}"')
    assert only(data.encode(encoding)).name == "Läufe"


def test_faults_of_the_xml_cost_only_their_place():
    data = gpx_file(run_of(20), name="Hills & dales").replace(b"<name>", b"<name>\x02")
    file = read(data)
    assert len(file.activities[0].samples) == 20
    assert any("XML error in line 1" in each for each in file.problems)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.99])
def test_a_file_that_ends_early_keeps_what_stands_before(cut):
    data = gpx_file(run_of(100))
    file = read(data[: int(len(data) * cut)])
    assert 20 <= len(file.activities[0].samples) <= 100
    assert "the file ends early: what stands before its end is kept" in file.problems


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (" 2026-05-17T06:30:01Z ", 1),
        ("2026-05-17T06:30:01", 1),
        ("2026-05-17T08:30:01.5+02:00", 1.5),
        ("2026-05-17T06:30:60Z", 60),
        ("2026-05-16T24:00:00Z", None),  # midnight: before the first point
        ("yesterday", None),
        ("99999-01-01T00:00:00Z", None),
    ],
)
def test_times_as_files_write_them(text, seconds):
    odd = f'<trkpt lat="47" lon="8"><time>{text}</time></trkpt>'
    samples = only(f"{HEAD}{track(points(1) + odd)}</gpx>").samples
    if text == "2026-05-16T24:00:00Z":
        assert len(samples) == 2
    else:
        assert list(samples.time_s)[1:] == ([] if seconds is None else [seconds])


def test_points_without_a_time_are_counted():
    bare = '<trkpt lat="47" lon="8"></trkpt>'
    activity = only(f"{HEAD}{track(points(3) + bare * 2)}</gpx>")
    assert (len(activity.samples), activity.problems) == (3, ("2 points without a time: left out",))


@pytest.mark.parametrize(
    ("inner", "error", "text"),
    [
        ('<trk><trkseg><trkpt lat="1" lon="2"/></trkseg></trk>', NotARecording, "no times"),
        (
            '<trk><trkseg><trkpt lat="1" lon="2"><time>1970-01-01T00:00:00Z</time></trkpt></trkseg></trk>',
            UnreadableFile,
            "1 of its times .* between 1990 and 2100",
        ),
        ('<rte><rtept lat="1" lon="2"/></rte>', NotARecording, "routes or waypoints"),
        ('<wpt lat="1" lon="2"/>', NotARecording, "routes or waypoints"),
        ("", UnreadableFile, "no track"),
    ],
)
def test_plans_and_empty_files_are_named(inner, error, text):
    with pytest.raises(error, match=rf"run\.gpx: .*{text}"):
        read(f"{HEAD}{inner}</gpx>")


def test_positions_out_of_range_and_zeros_are_left_out():
    wrong = "".join(
        f'<trkpt lat="{lat}" lon="{lon}"><time>{iso(START_S + 10 + n)}</time></trkpt>'
        for n, (lat, lon) in enumerate([("0", "0"), ("91", "8"), ("nan", "8"), ("1e400", "8")])
    )
    activity = only(f"{HEAD}{track(points(3) + wrong)}</gpx>")
    assert [isnan(each) for each in activity.samples.latitude] == [False] * 3 + [True] * 4
    assert activity.distance_m == pytest.approx(6.67, abs=0.01)
    assert any("latitude out of range, left out: 1" in each for each in activity.problems)


def test_routes_beside_a_track_are_told_and_the_file_may_have_a_name():
    head = "<metadata><name>Along the river</name></metadata>"
    route = '<rte><rtept lat="1" lon="2"/></rte>'
    file = read(f"{HEAD}{head}{track(points(3))}{route}</gpx>")
    assert file.activities[0].name == "Along the river"
    assert file.problems == ("1 routes, which are plans: left out",)
