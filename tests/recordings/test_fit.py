import io
import struct
from datetime import UTC, datetime, timedelta
from math import isnan

import pytest

from recordings import NotARecording, UnreadableFile, read_stream
from recordings.limits import ReadingLimits
from tests.recordings.fit_writer import (
    ACTIVITY,
    COURSE,
    CYCLING,
    RUNNING,
    SETTINGS,
    SWIMMING,
    FitWriter,
    fit_time,
    semicircles,
)
from tests.recordings.run import START_S, fit_file, run_of

START = datetime.fromtimestamp(START_S, UTC)


def read(data: bytes):
    return read_stream(io.BytesIO(data), "run.fit")


def only(data: bytes):
    (activity,) = read(data).activities
    return activity


def writer_of(kind: int = ACTIVITY) -> FitWriter:
    writer = FitWriter()
    writer.add("file_id", type=kind, manufacturer=1, product=3113)
    return writer


def add_records(writer: FitWriter, count: int, *, start_s: float = START_S, from_m: float = 0):
    for second in range(count):
        writer.add(
            "record",
            timestamp=fit_time(start_s + second),
            distance=round((from_m + second * 3) * 100),
            heart_rate=140,
        )


def session(start_s: float, seconds: int, sport: int, meters: float) -> dict:
    return {
        "timestamp": fit_time(start_s + seconds),
        "start_time": fit_time(start_s),
        "sport": sport,
        "total_elapsed_time": seconds * 1000,
        "total_timer_time": seconds * 1000,
        "total_distance": round(meters * 100),
    }


def test_a_run_has_all_that_the_device_wrote():
    run = run_of(600)
    file = read(fit_file(run))
    (activity,) = file.activities
    assert (file.format, file.problems, activity.problems) == ("FIT", (), ())
    assert activity.started_at == START
    assert (activity.sport_type, activity.utc_offset_s) == ("Run", 7200)
    assert activity.device == "garmin fr945"
    assert activity.elapsed_s == run.time_s[-1]
    assert activity.totals.timer_s == 599
    samples = activity.samples
    assert list(samples.time_s) == run.time_s
    assert samples.distance_m == pytest.approx(run.distance_m, abs=0.006)
    assert samples.latitude == pytest.approx(run.latitude, abs=1e-7)
    assert samples.longitude == pytest.approx(run.longitude, abs=1e-7)
    assert samples.altitude_m == pytest.approx(run.altitude_m, abs=0.11)
    assert list(samples.heart_rate_bpm) == run.heart_rate_bpm
    assert samples.power_w is None
    (lap,) = activity.laps
    assert (lap.start_s, lap.elapsed_s) == (0, 599)
    assert lap.distance_m == pytest.approx(run.distance_m[-1], abs=0.006)


@pytest.mark.parametrize(
    ("index", "name", "device"),
    [
        (0, b"Forerunner 945\0", "garmin Forerunner 945"),
        (0, b"Garmin Fenix\0", "Garmin Fenix"),
        (1, b"Heart strap\0", None),
        (0, b"\0", None),
    ],
)
def test_the_device_is_the_one_that_made_the_file(index, name, device):
    writer = FitWriter()
    writer.add("file_id", type=ACTIVITY)
    writer.add("device_info", local=1, device_index=index, manufacturer=1, product_name=name)
    writer.add("record", local=2, timestamp=fit_time(START_S), distance=0)
    writer.add("record", local=2, timestamp=fit_time(START_S + 9), distance=3000)
    (activity,) = read(writer.data()).activities
    assert activity.device == device


def test_each_file_of_a_chain_is_read_and_a_broken_one_costs_only_itself():
    broken = bytearray(fit_file(run_of(60), start_s=START_S + 3600))
    broken[-200] ^= 0xFF
    chain = fit_file(run_of(60)) + bytes(broken) + fit_file(run_of(90), start_s=START_S + 7200)
    file = read(chain)
    assert [each.started_at for each in file.activities][::2] == [START, START + timedelta(hours=2)]
    assert len(file.activities[0].samples) == 60
    assert len(file.activities[-1].samples) == 90
    assert file.activities[-1].distance_m == pytest.approx(run_of(90).distance_m[-1], abs=0.01)
    assert "the checksum of part 2 of the file is wrong: its values may be, too" in file.problems


def test_what_follows_a_chain_is_named():
    file = read(fit_file(run_of(30)) + b"\0" * 70)
    assert len(file.activities) == 1
    assert any("70 bytes" in each and "no FIT file" in each for each in file.problems)


def test_compressed_timestamps_count_on():
    writer = writer_of()
    start = fit_time(START_S)
    writer.add("record", timestamp=start, distance=0)
    for second in range(1, 100):
        writer.add_compressed("record", time_offset=start + second, local=1, distance=second * 300)
    samples = only(writer.data()).samples
    assert list(samples.time_s) == list(range(100))
    assert samples.distance_m[-1] == 297


def test_sessions_are_activities_of_their_own():
    writer = writer_of()
    add_records(writer, 100)
    add_records(writer, 50, start_s=START_S + 100, from_m=300)
    writer.add("lap", local=1, **session_lap(START_S, 100, 300))
    writer.add("lap", local=1, **session_lap(START_S + 100, 50, 150))
    writer.add("session", local=2, **session(START_S, 100, CYCLING, 300))
    writer.add("session", local=2, **session(START_S + 100, 50, RUNNING, 150))
    ride, run = read(writer.data()).activities
    assert (ride.sport_type, run.sport_type) == ("Ride", "Run")
    assert (len(ride.samples), len(run.samples)) == (100, 50)
    assert run.started_at == START + timedelta(seconds=100)
    assert run.samples.time_s[0] == run.samples.distance_m[0] == 0
    assert run.samples.distance_m[-1] == 147
    assert [len(each.laps) for each in (ride, run)] == [1, 1]
    assert run.laps[0].start_s == 0


def session_lap(start_s: float, seconds: int, meters: float) -> dict:
    values = session(start_s, seconds, RUNNING, meters)
    del values["sport"]
    return values


def test_laps_without_records_are_kept():
    writer = writer_of()
    writer.add("lap", **session_lap(START_S, 300, 1000))
    writer.add("lap", **session_lap(START_S + 300, 310, 1000))
    writer.add("session", local=1, **session(START_S, 610, SWIMMING, 2000))
    activity = only(writer.data())
    assert (len(activity.samples), activity.distance_m, activity.elapsed_s) == (0, 2000, 610)
    assert [lap.start_s for lap in activity.laps] == [0, 300]
    assert activity.problems == ("no samples: only laps and sums are kept",)


def test_records_without_a_session_are_one_activity():
    writer = writer_of()
    add_records(writer, 20)
    file = read(writer.data())
    assert len(file.activities[0].samples) == 20
    assert file.activities[0].distance_m == 57
    assert "the file has no session: sums come from samples and laps" in file.problems


@pytest.mark.parametrize("cut", [20, 60, 500, 1500, -3, -1])
def test_a_file_that_ends_early_keeps_what_stands_before(cut):
    data = fit_file(run_of(200))[:cut]
    if cut in {20, 60}:
        with pytest.raises(UnreadableFile, match=r"run\.fit: it holds no activity"):
            read(data)
        return
    file = read(data)
    assert 10 <= len(file.activities[0].samples) <= 200
    assert "the file ends early, or was never closed by the device" in file.problems


def test_a_file_of_a_device_that_lost_power_is_read():
    """Its header says that nothing follows."""
    writer = writer_of()
    add_records(writer, 40)
    file = read(writer.data(body_size=0)[:-2])
    assert len(file.activities[0].samples) == 40


def test_two_records_of_a_second_that_complete_each_other_are_one_sample():
    writer = writer_of()
    for second in range(5):
        now = fit_time(START_S + second)
        writer.add("record", timestamp=now, distance=second * 300)
        writer.add("record", local=1, timestamp=now, heart_rate=150 + second)
    samples = only(writer.data()).samples
    assert list(samples.heart_rate_bpm) == [150, 151, 152, 153, 154]
    assert list(samples.distance_m) == [0, 3, 6, 9, 12]


def test_missing_values_stay_missing():
    writer = writer_of()
    for second, rate in enumerate([140, None, 0, 142]):
        writer.add(
            "record",
            timestamp=fit_time(START_S + second),
            distance=second * 300,
            heart_rate=rate,
            power=None,
            position_lat=semicircles(47.0) if second else None,
            position_long=semicircles(8.0) if second else None,
        )
    samples = only(writer.data()).samples
    assert [isnan(each) for each in samples.heart_rate_bpm] == [False, True, True, False]
    assert [isnan(each) for each in samples.latitude] == [True, False, False, False]
    assert samples.power_w is None


def test_developer_fields_give_what_the_device_does_not():
    """With the scale of their description, and under the native field that they stand for."""
    writer = writer_of()
    writer.add("developer_data_id", local=1, developer_data_index=0)
    for number, name, scale, native in (
        (1, b"Pod Watts", 1, 7),
        (2, b"Cadence", 2, 255),
        (3, b"Air", 1, 255),
    ):
        writer.add(
            "field_description",
            local=2,
            developer_data_index=0,
            field_definition_number=number,
            fit_base_type_id=2,
            field_name=name.ljust(10, b"\0"),
            scale=scale,
            native_field_num=native,
        )
    for second in range(3):
        writer.add(
            "record",
            timestamp=fit_time(START_S + second),
            distance=second * 300,
            developer=((1, 0, 200 + second), (2, 0, 176), (3, 0, 9)),
        )
    file = read(writer.data())
    samples = file.activities[0].samples
    assert list(samples.power_w) == [200, 201, 202]
    assert list(samples.cadence_rpm) == [88, 88, 88]
    assert "developer fields that have no column: Air" in file.problems


def test_heart_rates_of_the_straps_memory_fill_gaps():
    """An anchor, then 12 bits of the strap's clock a beat, over a wrap of the 12 bits."""
    writer = writer_of()
    add_without_heart_rate(writer, 12)
    ticks = 4_000  # of 1/1024 s; the next beats wrap at 4,096
    writer.add(
        "hr", local=1, timestamp=fit_time(START_S), filtered_bpm=[100], event_timestamp=[ticks]
    )
    beats = [ticks + 1024 * (n + 1) for n in range(8)]
    writer.add(
        "hr",
        local=2,
        filtered_bpm=[101 + n for n in range(8)],
        event_timestamp_12=packed([each & 0xFFF for each in beats]),
    )
    file = read(writer.data())
    rates = list(file.activities[0].samples.heart_rate_bpm)
    assert rates == [100, 101, 102, 103, 104, 105, 106, 107, 108, 108, 108, 108]
    assert "heart rates come from the strap's memory" in file.problems


def test_heart_rates_may_come_in_a_later_file_of_the_chain():
    first, second = writer_of(), writer_of()
    add_without_heart_rate(first, 5)
    second.add(
        "hr",
        local=1,
        timestamp=fit_time(START_S),
        filtered_bpm=[120, 121],
        event_timestamp=[1024, 3072],
    )
    samples = only(first.data() + second.data()).samples
    assert list(samples.heart_rate_bpm) == [120, 120, 121, 121, 121]


def add_without_heart_rate(writer: FitWriter, count: int) -> None:
    for second in range(count):
        writer.add("record", timestamp=fit_time(START_S + second), distance=second * 300)


def packed(values: list[int]) -> list[int]:
    word = sum(value << 12 * place for place, value in enumerate(values))
    return list(word.to_bytes(len(values) * 12 // 8, "little"))


@pytest.mark.parametrize(("kind", "word"), [(COURSE, "course"), (SETTINGS, "settings")])
def test_what_is_no_activity_is_named(kind, word):
    writer = writer_of(kind)
    add_records(writer, 3)
    with pytest.raises(NotARecording, match=rf"run\.fit: .*{word}.* Choose files of activities\."):
        read(writer.data())


def test_a_clock_that_was_set_during_the_run_is_told():
    writer = writer_of()
    writer.add("record", timestamp=10, distance=0)  # seconds since the device was switched on
    add_records(writer, 4)
    file = read(writer.data())
    assert len(file.activities[0].samples) == 4
    assert file.problems[0] == "a sample from before the clock was set: left out"


def test_sums_of_more_than_what_is_left_are_left_out():
    """Samples would be stretched to them, and best efforts would be too fast."""
    writer = writer_of()
    add_records(writer, 60)
    add_records(writer, 40, start_s=START_S + 30 * 86_400, from_m=180)
    writer.add("session", local=2, **session(START_S, 100, RUNNING, 300))
    file = read(writer.data())
    assert "samples with a wrong clock, left out: 40" in file.problems
    [activity] = file.activities
    assert (activity.distance_m, activity.elapsed_s, activity.totals.timer_s) == (177, 59, None)


def test_big_endian_definitions_are_read():
    body = b"\x40\x00\x01\x00\x14\x02\xfd\x04\x86\x05\x04\x86"
    for second in range(3):
        body += b"\x00" + struct.pack(">II", fit_time(START_S + second), second * 300)
    writer = FitWriter()
    writer.body += body
    assert list(only(writer.data()).samples.distance_m) == [0, 3, 6]


def test_a_part_that_is_no_activity_is_named_beside_one_that_is():
    course, run = writer_of(COURSE), writer_of()
    add_records(course, 2)
    add_records(run, 3)
    file = read(course.data() + run.data())
    assert len(file.activities) == 1
    assert file.problems[0] == "a part of the kind course, which is no activity: left out"


def test_more_parts_of_a_chain_than_are_read_are_told():
    run = writer_of()
    add_records(run, 3)
    stream = io.BytesIO(run.data() * 3)
    file = read_stream(stream, "run.fit", ReadingLimits(activities=2))
    assert len(file.activities) == 2
    assert file.problems[0] == "more FIT files in a chain than are read: the rest is lost"


def test_sport_and_workout_name_an_activity_without_a_session():
    writer = writer_of()
    writer.add("sport", sport=CYCLING, sub_sport=None)
    writer.add("workout", wkt_name=b"Hills\0")
    add_records(writer, 3)
    activity = only(writer.data())
    assert (activity.name, activity.sport_type) == ("Hills", "Ride")


def test_sessions_without_a_time_are_no_activity():
    writer = writer_of()
    writer.add("session", timestamp=None, start_time=None, sport=RUNNING)
    with pytest.raises(UnreadableFile):
        read(writer.data())


def test_a_clock_that_was_not_set_is_told():
    writer = writer_of()
    add_records(writer, 3, start_s=datetime(1999, 1, 1, tzinfo=UTC).timestamp())
    assert only(writer.data()).problems[-1] == (
        "its date is in 1999: the clock of the device was not set"
    )


def test_an_activity_lasts_as_its_times_say_where_it_has_no_duration():
    writer = writer_of()
    for start_s in (START_S, START_S + 100):
        add_records(writer, 50, start_s=start_s)
        times = {"timestamp": fit_time(start_s + 50), "start_time": fit_time(start_s)}
        writer.add("lap", total_elapsed_time=50_000, **times)
        writer.add("session", sport=RUNNING, **times)
    activities = read(writer.data()).activities
    assert [len(each.laps) for each in activities] == [1, 1]


def test_two_records_of_a_second_with_the_same_column_stay_two():
    writer = writer_of()
    for distance in (0, 300, 600):
        writer.add("record", timestamp=fit_time(START_S), distance=distance)
    writer.add("record", timestamp=fit_time(START_S + 1), distance=900)
    assert list(only(writer.data()).samples.distance_m)[-1] == 9.0


def test_local_time_is_unknown_where_the_device_says_no_time():
    writer = writer_of()
    add_records(writer, 3)
    writer.add("activity", timestamp=fit_time(START_S), local_timestamp=None)
    assert only(writer.data()).utc_offset_s is None


def test_samples_of_another_clock_are_left_out():
    writer = writer_of()
    add_records(writer, 2, start_s=START_S - 400 * 86_400)
    add_records(writer, 5)
    file = read(writer.data())
    assert len(file.activities[0].samples) == 5
    assert "samples with a wrong clock, left out: 2" in file.problems


def test_sums_come_from_laps_where_no_session_has_them():
    writer = writer_of()
    for start_s in (START_S, START_S + 60):
        times = {"timestamp": fit_time(start_s + 60), "start_time": fit_time(start_s)}
        lap = {"total_elapsed_time": 60_000, "total_distance": 20_000, "total_calories": 11}
        writer.add("lap", **times, **lap)
    activity = only(writer.data())
    assert (activity.distance_m, activity.calories) == (400, 22)
