"""Inputs that earlier versions got wrong, made after public bug reports (the files in `cases/`)."""

from pathlib import Path

import pytest

from jobs.sync.personal_bests import recalculate_bests
from tests.jobs.simulated import simulated_strava
from tests.jobs.standin import Recording, standin_strava

CASES = Path(__file__).parent / "cases"
LENGTHS = {
    "M400": 400, "M800": 800, "KM1": 1000, "M1500": 1500, "MILE1": 1609.344, "KM3": 3000,
    "MILE2": 3218.688, "KM5": 5000, "KM10": 10_000,
}  # fmt: skip


@pytest.fixture
def strava(request):
    with simulated_strava(runs=CASES / f"{request.param}.ndjson") as simulated:
        yield simulated


def case(name):
    return pytest.mark.parametrize("strava", [name], indirect=True)


def efforts_of(world, strava_id, *, counting=True):
    rows = world.rows(
        "SELECT e.distance, e.elapsed_s, e.provenance, e.counts FROM best_efforts e "
        "JOIN activities a ON a.id = e.activity_id "
        "WHERE a.strava_id = :id AND NOT e.implied ORDER BY e.distance_m",
        id=strava_id,
    )
    return {row["distance"]: row for row in rows if row["counts"] or not counting}


def is_even(efforts, s_per_m, tolerance_s):
    return all(
        effort["elapsed_s"] == pytest.approx(LENGTHS[distance] * s_per_m, abs=tolerance_s)
        for distance, effort in efforts.items()
    )


@case("overnight-activity-swallows-next-run")
def test_a_clock_that_ran_on_makes_no_duplicates(world):
    world.sync(world.connect())
    assert world.rows("SELECT DISTINCT duplicate_of_id FROM activities") == [
        {"duplicate_of_id": None}
    ]
    assert len(world.rows("SELECT DISTINCT activity_id FROM best_efforts WHERE counts")) == 2


@case("one-activity-always-500")
@pytest.mark.parametrize("kind", ["server_error", "unavailable", "missing_scope", "unauthorized"])
def test_one_activity_that_cannot_be_had_costs_only_itself(world, kind):
    """Sound 5 km, and newer 10 km whose streams are not to be had."""
    runner = world.connect()
    older, newer = sorted(activity["id"] for activity in world.strava.activities())
    world.strava.fault(kind, path=f"/activities/{newer}/", times=None)

    job_id = world.create(runner, mode="FULL")
    job = world.work(job_id)

    # The others' bests are settled before anything is tried again.
    assert "KM5" in efforts_of(world, older)
    current = "SELECT a.strava_id FROM personal_bests p JOIN activities a ON a.id = p.activity_id "
    assert world.value(f"{current} WHERE p.is_current AND p.distance = 'KM5'") == older
    while job["status"] == "WAITING":
        world.write("UPDATE jobs SET status = 'QUEUED', waiting_until = NULL")
        job = world.work(job_id)
    assert (job["status"], job["error_code"]) == ("SUCCEEDED", None)
    assert job["progress_message"] == "1 activity could not be read"
    problems = world.rows("SELECT strava_id, code, message FROM job_problems")
    assert [row["strava_id"] for row in problems] == [newer]
    assert problems[0]["code"].startswith("STRAVA_")
    assert problems[0]["message"]
    assert world.value("SELECT refused_at FROM strava_connections") is None

    world.strava.heal()
    job = world.sync(runner)
    assert (job["status"], job["progress_message"]) == ("SUCCEEDED", None)
    assert "KM10" in efforts_of(world, newer)


@case("one-activity-always-500")
def test_an_activity_that_the_database_refuses_costs_only_itself(world):
    runner = world.connect()
    older, newer = sorted(activity["id"] for activity in world.strava.activities())
    world.write(
        "ALTER TABLE best_efforts ADD CONSTRAINT surprise CHECK (distance <> 'KM10') NOT VALID"
    )
    assert world.sync(runner)["status"] == "SUCCEEDED"
    assert "KM5" in efforts_of(world, older)
    assert world.rows("SELECT strava_id, code FROM job_problems") == [
        {"strava_id": newer, "code": "INTERNAL"}
    ]
    world.write("ALTER TABLE best_efforts DROP CONSTRAINT surprise")
    world.write(
        f"ALTER TABLE activities ADD CONSTRAINT surprise CHECK (strava_id <> {older}) NOT VALID"
    )
    world.write("DELETE FROM activities WHERE strava_id = :id", id=older)
    assert world.sync(runner, mode="FULL")["status"] == "SUCCEEDED"
    assert "KM10" in efforts_of(world, newer)


@case("treadmill-distance-corrected")
def test_the_samples_of_a_treadmill_are_scaled(world):
    world.sync(world.connect())
    efforts = efforts_of(world, world.strava.activities()[0]["id"])
    assert list(efforts) == ["M400", "M800", "KM1", "M1500", "MILE1", "KM3", "MILE2"]
    assert {effort["provenance"] for effort in efforts.values()} == {"STREAM"}
    assert is_even(efforts, 1440 / 4200, 60)


@case("one-repeated-second")
def test_a_second_that_is_there_twice_loses_nothing(world):
    world.sync(world.connect())
    ids = sorted(each["id"] for each in world.strava.activities())
    with_it, without = (efforts_of(world, strava_id) for strava_id in ids)
    assert list(with_it) == list(without) == list(LENGTHS)[:8]
    for distance, effort in with_it.items():
        assert effort["elapsed_s"] == pytest.approx(without[distance]["elapsed_s"], abs=1)


@case("two-samples-a-second")
def test_two_samples_a_second_are_a_track(world):
    world.sync(world.connect())
    efforts = efforts_of(world, world.strava.activities()[0]["id"])
    assert list(efforts) == ["M400", "M800", "KM1", "M1500", "MILE1"]
    assert is_even(efforts, 461 / 1700, 6)


@case("tunnel-position-held-then-caught-up")
def test_a_position_that_was_held_and_caught_up_breaks_nothing(world):
    world.sync(world.connect())
    efforts = efforts_of(world, world.strava.activities()[0]["id"])
    assert list(efforts) == list(LENGTHS)
    assert is_even(efforts, 3024 / 10078.2, 12)


@case("duplicate-that-stands-has-no-efforts")
def test_of_duplicates_the_sound_one_stands_and_what_is_excluded_hides_nothing(world):
    world.sync(world.connect())
    rows = world.rows("SELECT id, strava_id, duplicate_of_id FROM activities ORDER BY strava_id")
    first, second = rows
    assert (first["duplicate_of_id"], second["duplicate_of_id"]) == (None, first["id"])
    counting = efforts_of(world, first["strava_id"])
    assert list(counting) == ["M400", "M800", "KM1", "M1500", "MILE1"]
    assert efforts_of(world, second["strava_id"]) == {}

    exclude = "UPDATE best_efforts SET excluded = true WHERE activity_id = :id AND distance = 'KM1'"
    world.write(exclude, id=first["id"])
    recalculate(world)

    assert "KM1" not in efforts_of(world, first["strava_id"])
    assert list(efforts_of(world, second["strava_id"])) == ["KM1"]


@case("duplicate-that-stands-has-no-efforts")
def test_a_recording_without_sound_efforts_does_not_stand(world):
    """The earlier one's samples are lost: Strava has no efforts over 1,500 m for it."""
    earlier, later = sorted(activity["id"] for activity in world.strava.activities())
    world.strava.fault("not_found", path=f"/activities/{earlier}/streams", times=None)
    world.sync(world.connect())
    stands = world.rows("SELECT strava_id FROM activities WHERE duplicate_of_id IS NULL")
    assert stands == [{"strava_id": later}]
    assert "M1500" in efforts_of(world, later)


@case("backdated-upload")
def test_a_backdated_upload_is_found_within_a_day_and_by_full_at_once(world):
    world.settings = world.settings.model_copy(update={"strava_page_size": 5})
    runner = world.connect()
    world.sync(runner)
    late = world.strava.add(
        start_date="2023-06-01T08:00:00Z", distance=1200.0, elapsed_time=400, moving_time=400
    )
    assert world.sync(runner)["activities_created"] == 0
    world.write(
        "UPDATE strava_connections SET history_walked_at = history_walked_at - interval '1 day'"
    )
    assert world.sync(runner)["activities_created"] == 1
    other = world.strava.add(
        start_date="2022-06-01T08:00:00Z", distance=1200.0, elapsed_time=400, moving_time=400
    )
    assert world.sync(runner, mode="FULL")["activities_created"] == 1
    known = {row["strava_id"] for row in world.rows("SELECT strava_id FROM activities")}
    assert {late, other} <= known


@case("moving-time-zero")
def test_a_moving_time_of_zero_is_no_pace(world):
    from sqlalchemy import select

    from db.models import Activity

    world.sync(world.connect())
    with world.database.read() as connection:
        paces = connection.execute(
            select(Activity.average_pace_s_per_km, Activity.average_speed_m_per_s)
        ).all()
    assert [tuple(row) for row in paces] == [(None, None)]
    assert "KM5" in efforts_of(world, world.strava.activities()[0]["id"])


@case("moving-time-zero")
@pytest.mark.parametrize("field", ["id", "distance", "moving_time", "elapsed_time", "start_date"])
def test_stravas_efforts_need_nothing_else_of_the_detail(world, field):
    """A run without streams whose detail, not its summary, has one field that cannot be read."""
    runner = world.connect()
    summary = world.strava.activities()[0] | {"distance": 5030.4, "moving_time": 1500}
    best = {"name": "1K", "distance": 1000, "elapsed_time": 290, "moving_time": 290}
    detail = summary | {"best_efforts": [best | {"start_date": summary["start_date"]}], field: None}
    with standin_strava() as (standin, url):
        standin.recordings[summary["id"]] = Recording(summary, detail, {})
        world.settings = world.settings.model_copy(update={"strava_api_url": f"{url}/api/v3"})
        job = world.sync(runner, mode="FULL")
    assert (job["status"], job["progress_message"]) == ("SUCCEEDED", None)
    found = efforts_of(world, summary["id"])
    assert [(each, found[each]["provenance"]) for each in found] == [
        ("KM1", "STRAVA"),
        ("KM5", "WHOLE_ACTIVITY"),
    ]


@case("moving-time-zero")
def test_strava_fills_what_a_broken_track_lacks(world):
    """6 km at 4 m/s with a jump of 500 m that no standstill explains, after 2.5 km."""
    start = "2024-06-01T08:00:00Z"
    strava_id = world.strava.add(
        streams={
            "time": list(range(0, 1500, 5)),
            "distance": [4.0 * t + (500 if t > 625 else 0) for t in range(0, 1500, 5)],
        },
        start_date=start,
        best_efforts=[
            {"name": name, "distance": meters, "elapsed_time": seconds, "start_date": start}
            for name, meters, seconds in (
                ("400m", 400, 90),
                ("5k", 5000, 1250),
                ("10k", 10_000, 2500),
            )
        ],
    )
    assert world.sync(world.connect(), activity_id=strava_id)["status"] == "SUCCEEDED"
    found = {
        distance: (effort["elapsed_s"], effort["provenance"])
        for distance, effort in efforts_of(world, strava_id).items()
    }
    assert found == {
        "M400": (100, "STREAM"),
        "M800": (200, "STREAM"),
        "KM1": (250, "STREAM"),
        "M1500": (375, "STREAM"),
        "MILE1": (pytest.approx(402.3, abs=0.1), "STREAM"),
        "KM3": (750, "STREAM"),
        "MILE2": (pytest.approx(804.7, abs=0.1), "STREAM"),
        "KM5": (1250, "STRAVA"),
    }


@case("backdated-upload")
def test_activities_from_before_1970_end_no_walk(world):
    for year in (1905, 1950, 1969):
        world.strava.add(
            start_date=f"{year}-06-01T08:00:00Z", distance=1200.0, elapsed_time=400, moving_time=400
        )
    job = world.sync(world.connect())
    assert (job["status"], job["activities_created"]) == ("SUCCEEDED", 15)


def recalculate(world):
    with world.database.write() as connection:
        recalculate_bests(connection, [world.value("SELECT min(id) FROM athletes")])
