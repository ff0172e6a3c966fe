"""The jobs that ask nothing of Strava, and those that end with it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from sqlalchemy import Connection, text

from db.models import OriginalPlace
from db.original_files import StoredOriginals
from db.statements import data_version
from db.transaction_runner import TransactionRunner
from jobs.moved_samples import SamplesMove
from jobs.tasks import age_grades, personal_bests
from tests.jobs.simulated import RUNNER
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.whole

GRADES = "SELECT id, age_on_day, age_grade_percent FROM best_efforts ORDER BY id"
LOCKED = "SELECT count(*) FROM pg_locks WHERE relation = 'athletes'::regclass AND pid <> pg_backend_pid()"
BESTS_GRADED_AS_THEIR_EFFORTS = """
    SELECT count(*) FILTER (WHERE p.age_grade_percent IS DISTINCT FROM e.age_grade_percent) AS other,
           count(*) AS bests
    FROM personal_bests p JOIN best_efforts e USING (id) WHERE (e.age_grade_percent IS NULL) = {}
"""


def test_personal_bests_are_rebuilt_from_what_is_stored(world):
    runner = world.connect()
    world.sync(runner)
    before = world.derived()
    world.write("UPDATE best_efforts SET elapsed_s = elapsed_s + 5, counts = false")
    world.write("DELETE FROM personal_bests")
    world.strava.forget_requests()
    job = world.work(world.create(runner, "PERSONAL_BESTS"))
    assert (job["status"], job["progress_done"], job["progress_total"]) == ("SUCCEEDED", 48, 48)
    assert job["personal_bests_changed"] == sum(best["is_current"] for best in before["bests"])
    assert world.derived() == before
    assert world.strava.requests() == 0
    assert world.work(world.create(runner, "PERSONAL_BESTS"))["personal_bests_changed"] == 0


def test_damaged_stored_samples_are_fetched_again_by_the_next_sync(world):
    runner = world.connect()
    world.sync(runner)
    before = world.derived()
    world.write(
        "UPDATE activity_streams SET samples = '\\x00' WHERE activity_id = (SELECT min(id) FROM activities)"
    )
    assert world.work(world.create(runner, "PERSONAL_BESTS"))["status"] == "SUCCEEDED"
    assert world.value("SELECT count(*) FROM activities WHERE streams_state = 'PENDING'") == 1
    world.sync(runner)
    assert world.derived() == before


LEVELS = """SELECT s.activity_id, s.marks, l.points, l.samples FROM activity_streams s
    LEFT JOIN activity_stream_levels l USING (activity_id) ORDER BY 1, 3"""


@pytest.mark.parametrize("kind", ["PERSONAL_BESTS", "STRAVA_SYNC"])
def test_streams_of_older_versions_get_their_levels(world, kind):
    """From what is stored: Strava is not asked for them again."""
    runner = world.connect()
    world.sync(runner)
    before = world.rows(LEVELS)
    assert len(before) > 50
    assert all(row["marks"] for row in before)
    world.write("DELETE FROM activity_stream_levels")
    world.write("UPDATE activity_streams SET marks = NULL, is_complete = false")
    world.write("UPDATE activities SET efforts_version = efforts_version - 1")
    world.strava.forget_requests()
    job = world.work(world.create(runner, kind))
    assert job["status"] == "SUCCEEDED"
    assert world.strava.requests("/streams") == 0
    assert world.rows(LEVELS) == before
    assert world.value("SELECT count(*) FROM activity_streams WHERE is_complete") == 0


def test_what_newer_rules_derived_stays_until_somebody_asks(world):
    """Old and new workers side by side do not undo each other's work."""
    runner = world.connect()
    world.sync(runner)
    before = world.derived()
    world.write("UPDATE activities SET efforts_version = efforts_version + 1")
    world.write("UPDATE best_efforts SET elapsed_s = elapsed_s + 1")
    newer = world.derived()["efforts"]
    assert world.sync(runner, mode="FULL")["status"] == "SUCCEEDED"
    assert world.derived()["efforts"] == newer
    assert world.work(world.create(None, "PERSONAL_BESTS"))["status"] == "SUCCEEDED"
    assert world.derived() == before


def test_for_all_athletes_only_what_is_outdated_is_derived_and_it_goes_on_where_it_was(world):
    first = world.connect()
    world.sync(first)
    world.sync(world.connect(1002, first_name="Second"))
    before = world.derived()
    world.write("UPDATE activities SET efforts_version = 0 WHERE athlete_id = :first", first=first)
    world.write("DELETE FROM personal_bests")
    job_id = world.create(None, "PERSONAL_BESTS")
    interrupted = _interrupt(world, job_id, after=2)
    assert (interrupted["status"], interrupted["progress_done"], interrupted["progress_total"]) == (
        "FAILED",
        40,
        48 + 2,
    )
    world.write("ALTER TABLE jobs DROP CONSTRAINT surprise")
    world.write("UPDATE jobs SET status = 'QUEUED', finished_at = NULL WHERE id = :id", id=job_id)
    job = world.work(job_id)
    assert (job["status"], job["attempts"]) == ("SUCCEEDED", 2)
    assert (job["progress_done"], job["progress_total"]) == (50, 50)
    assert world.derived() == before
    assert job["personal_bests_changed"] == sum(best["is_current"] for best in before["bests"])


@pytest.fixture
def two(world) -> list[int]:
    """Two athletes without personal bests, which they had."""
    athletes = sorted(world.connect(number, first_name=f"{number}") for number in (RUNNER, 1002))
    for each in athletes:
        assert world.sync(each)["status"] == "SUCCEEDED"
    world.write("DELETE FROM personal_bests")
    return athletes


HAVE_BESTS = "SELECT DISTINCT athlete_id FROM personal_bests ORDER BY 1"


def test_athletes_are_recalculated_side_by_side(world, two):
    lower, upper = two
    is_held = Event()

    def hold() -> None:
        with world.database.write() as connection:
            connection.execute(text("SELECT FROM athletes WHERE id = :i FOR UPDATE"), {"i": lower})
            is_held.set()
            world.until(lambda: world.rows(HAVE_BESTS) == [{"athlete_id": upper}])

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold)
        assert is_held.wait(PATIENCE_S)
        job = world.work(world.create(None, "PERSONAL_BESTS"))
        held.result()
    assert job["status"] == "SUCCEEDED"
    assert world.rows(HAVE_BESTS) == [{"athlete_id": each} for each in two]


def test_one_connection_is_enough(world, two):
    few = {"database_pool_size": 1, "database_max_overflow": 0, "database_pool_timeout_s": 1.0}
    world.settings = world.settings.model_copy(update=few)
    assert world.work(world.create(None, "PERSONAL_BESTS"))["status"] == "SUCCEEDED"
    assert world.rows(HAVE_BESTS) == [{"athlete_id": each} for each in two]


def test_connections_that_count_changes_in_one_row_do_not_wait_for_each_other(
    world, two, monkeypatch
):
    """Of 1,024 pairs of server processes, one has the same row of `data_changes`."""
    monkeypatch.setattr("db.statements.data_version._SLOTS", 1)
    data_version.slot.cache_clear()
    source = world.value("SELECT pg_get_functiondef('note_changed_athletes'::regproc)")
    world.write(source.replace("% 1024", "% 1"))
    has_written, update = Event(), personal_bests.update_bests_of

    def lower_first(connection: Connection, job_id: int, athletes: list[int]) -> int:
        if athletes[0] == two[1]:
            assert has_written.wait(PATIENCE_S)
        changed = update(connection, job_id, athletes)
        has_written.set()
        return changed

    monkeypatch.setattr(personal_bests, "update_bests_of", lower_first)
    try:
        job = world.work(world.create(None, "PERSONAL_BESTS"))
    finally:
        data_version.slot.cache_clear()
        world.write(source)
    assert (job["status"], job["attempts"]) == ("SUCCEEDED", 1)
    assert world.value("SELECT count(DISTINCT athlete_id) FROM personal_bests") == 2


def test_what_fails_beside_the_others_is_done_again_with_them(world, two):
    world.write(
        f"ALTER TABLE personal_bests ADD CONSTRAINT surprise CHECK (athlete_id <> {two[1]})"
    )
    job = world.work(world.create(None, "PERSONAL_BESTS"))
    assert (job["status"], job["checkpoint"].get("after_id")) == ("FAILED", None)
    assert world.rows(HAVE_BESTS) == []
    world.write("ALTER TABLE personal_bests DROP CONSTRAINT surprise")
    world.write("UPDATE jobs SET status = 'QUEUED', finished_at = NULL WHERE id = :i", i=job["id"])
    again = world.work(job["id"])
    bests = world.value("SELECT count(*) FROM personal_bests WHERE is_current")
    assert (again["status"], again["personal_bests_changed"]) == ("SUCCEEDED", bests)


def test_samples_in_files_are_fetched_side_by_side_before_the_transaction(world, monkeypatch):
    runner = world.connect()
    world.sync(runner)
    before = world.derived()
    transactions, files = TransactionRunner(world.database), StoredOriginals(world.settings)
    assert sum(SamplesMove(transactions, files).take_out(OriginalPlace.FOLDER)) == 48
    world.write("DELETE FROM personal_bests")
    world.write("UPDATE best_efforts SET elapsed_s = elapsed_s + 5")
    real, together = StoredOriginals.read, Barrier(4, timeout=PATIENCE_S)  # 48 and batches of 20
    locked = []

    def read(stored, place, number):
        together.wait()
        locked.append(world.value(LOCKED))
        return real(stored, place, number)

    monkeypatch.setattr(StoredOriginals, "read", read)
    job = world.work(world.create(runner, "PERSONAL_BESTS"))
    assert (job["status"], job["progress_done"]) == ("SUCCEEDED", 48)
    assert locked == [0] * 48
    assert world.derived() == before


def _interrupt(world, job_id: int, after: int) -> dict:
    """Let the job run into an error of its own after some batches; all efforts of the athlete are
    wrong before.
    """
    ids = [
        row["id"]
        for row in world.rows(
            "SELECT id FROM activities WHERE efforts_version = 0 ORDER BY id DESC"
        )
    ]
    barred = ids[after * personal_bests.ACTIVITIES_AT_ONCE]
    world.write(
        "ALTER TABLE jobs ADD CONSTRAINT surprise CHECK "
        f"(kind <> 'PERSONAL_BESTS' OR progress_done <= {after * personal_bests.ACTIVITIES_AT_ONCE})"
    )
    world.write(
        f"UPDATE best_efforts SET elapsed_s = elapsed_s + 1 WHERE activity_id > {barred} AND activity_id <= {ids[0]}"
        " AND activity_id IN (SELECT id FROM activities WHERE efforts_version = 0)"
    )
    world.write(f"DELETE FROM best_efforts WHERE activity_id = {barred}")
    return world.work(job_id)


def test_an_activity_that_cannot_be_derived_is_told_and_costs_no_other(world):
    runner = world.connect()
    world.sync(runner)
    before = world.derived()
    barred = world.value("SELECT max(id) FROM activities")
    world.write("DELETE FROM best_efforts")
    world.write(
        f"ALTER TABLE best_efforts ADD CONSTRAINT surprise CHECK (activity_id <> {barred}) NOT VALID"
    )
    job = world.work(world.create(runner, "PERSONAL_BESTS"))
    assert (job["status"], job["progress_done"]) == ("SUCCEEDED", 48)
    of_barred = world.value("SELECT strava_id FROM activities WHERE id = :id", id=barred)
    assert world.rows("SELECT strava_id, code FROM job_problems") == [
        {"strava_id": of_barred, "code": "INTERNAL"}
    ]
    world.write("ALTER TABLE best_efforts DROP CONSTRAINT surprise")
    world.work(world.create(runner, "PERSONAL_BESTS"))
    assert world.derived() == before


def test_age_grades_follow_the_birth_date_and_nothing_is_written_in_vain(world):
    runner = world.connect(birth_date=None)
    world.sync(runner)
    assert {row["age_on_day"] for row in world.rows(GRADES)} == {None}
    world.write("UPDATE athletes SET birth_date = '1980-05-17'")
    assert world.work(world.create(runner, "AGE_GRADES"))["status"] == "SUCCEEDED"
    told = (
        "SELECT cardinality(distances), activity_ids FROM athlete_changes ORDER BY id DESC LIMIT 1"
    )
    distances, activities = world.one(told).values()
    assert distances == world.value("SELECT count(*) FROM personal_bests WHERE is_current")
    assert len(activities) == world.value("SELECT count(DISTINCT activity_id) FROM best_efforts")
    graded = world.rows(GRADES)
    assert {row["age_on_day"] for row in graded} == {40, 41}
    versions = world.rows("SELECT xmin::text FROM best_efforts ORDER BY id")
    world.work(world.create(None, "AGE_GRADES"))
    assert world.rows("SELECT xmin::text FROM best_efforts ORDER BY id") == versions
    other, bests = world.rows(BESTS_GRADED_AS_THEIR_EFFORTS.format("false"))[0].values()
    assert other == 0 < bests
    world.write("UPDATE athletes SET sex = NULL")
    world.work(world.create(None, "AGE_GRADES"))
    other, bests = world.rows(BESTS_GRADED_AS_THEIR_EFFORTS.format("true"))[0].values()
    assert other == 0 < bests
    assert {row["age_grade_percent"] for row in world.rows(GRADES)} == {None}


def test_an_attempt_that_ended_before_its_job_did_counts_once(world):
    runner = world.connect()
    world.sync(runner)
    job_id = world.create(runner, "AGE_GRADES")
    first = world.work(job_id)
    world.write("UPDATE jobs SET status = 'QUEUED', finished_at = NULL WHERE id = :id", id=job_id)
    again = world.work(job_id)
    counts = [
        (job["status"], job["progress_done"], job["progress_total"]) for job in (first, again)
    ]
    efforts = world.value("SELECT count(*) FROM best_efforts")
    assert counts == [("SUCCEEDED", efforts, efforts)] * 2


def test_age_grades_of_all_athletes_reach_the_last(world, monkeypatch):
    monkeypatch.setattr(age_grades, "ATHLETES_AT_ONCE", 2)
    for _ in range(4):
        world.athlete(birth_date=None)
    last = world.connect(birth_date=None)
    world.sync(last)
    world.write("UPDATE athletes SET birth_date = '1980-05-17'")
    job = world.work(world.create(None, "AGE_GRADES"))
    assert job["progress_done"] == len(world.rows(GRADES))
    assert None not in {row["age_on_day"] for row in world.rows(GRADES)}


def test_disconnecting_keeps_the_data_and_erasing_does_not(world):
    runner = world.connect()
    world.sync(runner)
    waiting = world.create(runner)
    world.write(
        "UPDATE jobs SET status = 'WAITING', waiting_until = now() + interval '1 hour' WHERE id = :id",
        id=waiting,
    )

    job = world.work(world.create(runner, "STRAVA_DISCONNECT"))

    assert (job["status"], job["activities_deleted"]) == ("SUCCEEDED", 0)
    assert world.job(waiting)["status"] == "CANCELLED"
    assert world.value("SELECT count(*) FROM strava_connections") == 0
    assert world.value("SELECT count(*) FROM activities") == 48
    bests = world.value("SELECT count(*) FROM personal_bests WHERE is_current")
    assert world.sync(runner)["error_code"] == "STRAVA_UNAUTHORIZED"

    job = world.work(world.create(runner, "ERASE_ATHLETE"))

    assert (job["status"], job["activities_deleted"]) == ("SUCCEEDED", 48)
    assert job["personal_bests_changed"] == bests
    for table in ("activities", "activity_streams", "best_efforts", "personal_bests"):
        assert world.value(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize("expired", [False, True])
def test_access_that_was_withdrawn_already_is_no_reason_not_to_erase(world, expired):
    runner = world.connect()
    world.sync(runner)
    world.strava.control("POST", "/athletes/1001/deauthorize")
    if expired:
        world.write("UPDATE strava_connections SET token_expires_at = now()")
    assert world.work(world.create(runner, "ERASE_ATHLETE"))["status"] == "SUCCEEDED"
    assert world.value("SELECT count(*) FROM activities") == 0


def test_disconnecting_waits_for_a_strava_that_is_away(world):
    runner = world.connect()
    world.strava.fault("unavailable", times=1)
    job_id = world.create(runner, "STRAVA_DISCONNECT")
    assert world.work(job_id)["status"] == "WAITING"
    assert world.value("SELECT count(*) FROM strava_connections") == 1


def test_a_sync_that_runs_while_the_athlete_is_erased_leaves_nothing(world):
    runner = world.connect()
    world.start_workers(2)
    world.strava.fault("slow", path="/streams", delay_s=0.06, times=None)
    sync = world.enqueue(world.create(runner))
    world.until(lambda: world.job(sync)["progress_done"] > 5, about=sync)
    erase = world.enqueue(world.create(runner, "ERASE_ATHLETE"))
    world.await_job(erase, "SUCCEEDED")
    assert world.await_job(sync, "CANCELLED", "FAILED")
    assert world.value("SELECT count(*) FROM activities") == 0
    assert world.value("SELECT count(*) FROM activity_streams") == 0


@pytest.mark.parametrize("path", ["/athlete/activities", "/activities/[0-9]+$"])
def test_what_strava_answers_after_the_disconnection_is_not_written(world, path):
    runner = world.connect()
    one = world.strava.activities()[0]["id"]
    world.strava.fault("slow", path=path, delay_s=0.5)
    world.strava.forget_requests()
    arguments = {} if path == "/athlete/activities" else {"activity_id": one}
    job_id = world.create(runner, **arguments)
    world.start_workers()
    world.enqueue(job_id)
    world.until(lambda: world.strava.requests("/api/v3") == 1)
    world.write("DELETE FROM strava_connections")
    job = world.await_job(job_id, "FAILED")
    assert job["error_code"] == "STRAVA_UNAUTHORIZED"
    assert world.value("SELECT count(*) FROM activities") == 0
