"""Recordings as GPX 1.1, with every value of every sample in its place."""

from datetime import UTC, datetime
from io import BytesIO

from hypothesis import given, settings
from hypothesis import strategies as st

from db.stream_codec import Samples
from jobs.exports.gpx_writer import gpx_parts
from recordings.gpx import read_gpx
from recordings.limits import DEFAULT_LIMITS
from recordings.sample_builder import ReadingBudget
from tests.jobs.exports.gpx_check import GPX, POINT, POWER, check_gpx

START = datetime(2026, 5, 17, 6, 30, tzinfo=UTC)


def gpx(samples: Samples, name: str = "A run", sport: str = "Run") -> bytes:
    return b"".join(gpx_parts(name, sport, START, samples))


def test_each_sample_has_its_values():
    samples = Samples(
        time_s=[0, 1.5, 61],
        distance_m=[0, 4, 150],
        heart_rate_bpm=[120, None, 133],
        cadence_rpm=[81.5, 80, None],
        altitude_m=[12.34, -3, None],
        power_w=[250, None, 0],
        temperature_c=[21.5, None, -4],
        latitude=[-8.05, -8.0501, -8.05025],
        longitude=[-34.9, -34.9001, -34.90025],
    )
    [[first, second, third]] = check_gpx(gpx(samples))
    assert (first.get("lat"), first.get("lon")) == ("-8.0500000", "-34.9000000")
    assert [first.findtext(f"{GPX}{each}") for each in ("ele", "time")] == [
        "12.34",
        "2026-05-17T06:30:00Z",
    ]
    assert [first.findtext(f".//{POINT}{each}") for each in ("atemp", "hr", "cad")] == [
        "21.5",
        "120",
        "82",
    ]
    assert first.findtext(f".//{POWER}PowerInWatts") == "250"
    assert second.findtext(f"{GPX}time") == "2026-05-17T06:30:01.500Z"
    assert second.findtext(f"{GPX}ele") == "-3.00"
    assert second.findtext(f".//{POINT}hr") is None
    assert third.findtext(f"{GPX}time") == "2026-05-17T06:31:01Z"
    assert third.find(f"{GPX}ele") is None
    assert third.findtext(f".//{POWER}PowerInWatts") == "0"


def test_samples_without_a_position_end_a_segment():
    nowhere = Samples(
        time_s=list(range(6)),
        distance_m=list(range(6)),
        latitude=[1, None, 2, 3, 91, 4],
        longitude=[1, 1, 2, None, 4, 180],
    )
    segments = check_gpx(gpx(nowhere))
    assert [[each.get("lat")[:1] for each in segment] for segment in segments] == [
        ["1"],
        ["2"],
        ["4"],
    ]
    assert segments[2][0].get("lon") == "-180.0000000"
    assert check_gpx(gpx(Samples([], [], latitude=[], longitude=[]))) == []


def test_names_hold_what_xml_may_not():
    samples = Samples([0], [0], latitude=[1], longitude=[2])
    data = gpx(samples, name="a <b> & \x00\x0b\ud800\uffff🏃 c", sport='"Run"')
    check_gpx(data)
    assert "<name>a &lt;b&gt; &amp; 🏃 c</name>".encode() in data


_VALUES = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*([_VALUES] * 8)), min_size=1, max_size=20), st.text(max_size=20))
def test_whatever_was_stored_it_is_valid(rows, name):
    names = (
        "heart_rate_bpm", "cadence_rpm", "altitude_m", "power_w", "temperature_c", "speed_m_per_s", "latitude",
        "longitude",
    )  # fmt: skip
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    check_gpx(gpx(Samples(list(range(len(rows))), list(range(len(rows))), **columns), name=name))


def test_what_reads_files_reads_it_back():
    count = 2500
    samples = Samples(
        time_s=list(range(count)),
        distance_m=[3.0 * n for n in range(count)],
        heart_rate_bpm=[100 + n % 60 for n in range(count)],
        cadence_rpm=[80] * count,
        altitude_m=[round(5 + n / 10, 1) for n in range(count)],
        temperature_c=[20.5] * count,
        power_w=[200 + n % 50 for n in range(count)],
        latitude=[-8 - n * 2.7e-5 for n in range(count)],
        longitude=[-34.0] * count,
    )
    read = read_gpx(BytesIO(gpx(samples)), ReadingBudget("a.gpx", DEFAULT_LIMITS))
    [activity] = read.activities
    assert activity.started_at == START
    found = activity.samples
    for column in ("time_s", "heart_rate_bpm", "cadence_rpm", "altitude_m", "temperature_c"):
        assert list(getattr(found, column)) == list(getattr(samples, column)), column
    assert max(abs(a - b) for a, b in zip(found.latitude, samples.latitude, strict=True)) < 1e-6
