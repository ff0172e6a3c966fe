"""The database refuses rows that make no sense, whoever writes them."""

from datetime import date

import pytest
from sqlalchemy.exc import IntegrityError, StatementError

from tests import factories as make

NAN, INFINITY = float("nan"), float("inf")
BAD = {
    # name of the constraint: a factory, columns it refuses
    "ck_athletes_sex": (make.create_athlete, {"sex": "OTHER"}),
    "ck_athletes_measurement_system": (make.create_athlete, {"measurement_system": "NAUTICAL"}),
    "ck_athletes_birth_date_range": (make.create_athlete, {"birth_date": date(1899, 12, 31)}),
    "ck_athletes_resting_heart_rate_bpm_range": (
        make.create_athlete,
        {"resting_heart_rate_bpm": 100},
    ),
    "ck_athletes_max_heart_rate_bpm_range": (make.create_athlete, {"max_heart_rate_bpm": 99}),
    "fk_accounts_athlete_id": (make.create_account, {"athlete_id": 999}),
    "ck_activities_source": (make.create_activity, {"source": "PIGEON", "strava_id": None}),
    "ck_activities_visibility": (make.create_activity, {"visibility": "SOME"}),
    "ck_activities_streams_state": (make.create_activity, {"streams_state": "LOST"}),
    "ck_activities_distance_m_range": (make.create_activity, {"distance_m": -0.1}),
    "ck_activities_moving_time_s_range": (make.create_activity, {"moving_time_s": -1}),
    "ck_activities_elapsed_time_s_range": (make.create_activity, {"elapsed_time_s": -1}),
    "ck_activities_strava_id_of_strava": (make.create_activity, {"strava_id": None}),
    "ck_best_efforts_distance": (make.create_best_effort, {"distance": "KM5", "distance_m": NAN}),
    "ck_best_efforts_provenance": (make.create_best_effort, {"provenance": "HEARSAY"}),
    "ck_best_efforts_elapsed_s_range": (
        make.create_best_effort,
        {"elapsed_s": 1.0, "start_offset_s": -1.0},
    ),
    "ck_best_efforts_age_grade_whole": (make.create_best_effort, {"age_grade_percent": None}),
    "ck_best_efforts_age_grade_sex": (make.create_best_effort, {"age_grade_sex": "X"}),
    "ck_best_efforts_age_grade_table": (make.create_best_effort, {"age_grade_table": "ROAD_1066"}),
    "ck_personal_bests_improvement_s_positive": (make.create_personal_best, {"improvement_s": 0.0}),
    "ck_personal_bests_elapsed_s_positive": (make.create_personal_best, {"elapsed_s": 0.0}),
    "ck_jobs_kind": (make.create_job, {"kind": "DISHES"}),
    "ck_jobs_lease_while_running": (make.create_job, {"status": "RUNNING", "lease_until": None}),
    "ck_jobs_until_while_waiting": (make.create_job, {"status": "WAITING", "waiting_until": None}),
    "ck_jobs_finished_when_ended": (make.create_job, {"status": "SUCCEEDED", "finished_at": None}),
    "ck_jobs_error_whole": (make.create_job, {"status": "FAILED", "error_message": None}),
    "ck_jobs_error_code": (make.create_job, {"status": "FAILED", "error_code": "BAD_LUCK"}),
    "ck_jobs_attempts_range": (make.create_job, {"attempts": -1}),
    "ck_jobs_progress_done_range": (make.create_job, {"progress_done": -1}),
    "ck_jobs_idempotency_key_length": (make.create_job, {"idempotency_key": ""}),
    "ck_feedback_message_length": (make.create_feedback, {"message": ""}),
    "ck_feedback_contact_length": (make.create_feedback, {"contact": "x" * 201}),
}
LOOSE = {"ck_best_efforts_distance": "ck_best_efforts_distance_m_range",
         "ck_best_efforts_elapsed_s_range": "ck_best_efforts_start_offset_s_range"}  # fmt: skip
"""Where a row breaks another constraint than the one it stands for."""


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_refused(db, name):
    create, columns = BAD[name]
    with pytest.raises(IntegrityError, match=LOOSE.get(name, name)):
        create(db, **columns)


@pytest.mark.parametrize(
    "value", [NAN, INFINITY, -INFINITY], ids=["nan", "infinity", "minus-infinity"]
)
def test_a_number_is_finite(db, value):
    with pytest.raises(IntegrityError, match="ck_activities_distance_m_range"):
        make.create_activity(db, distance_m=value)
    with pytest.raises(IntegrityError, match="ck_best_efforts_elapsed_s_range"):
        db.exec_driver_sql(
            "UPDATE best_efforts SET elapsed_s = %s WHERE id = %s",
            (value, make.create_best_effort(db)),
        )


@pytest.mark.parametrize(
    "scopes", [[], ["root"], ["read", "root"]], ids=["none", "unknown", "mixed"]
)
def test_a_token_has_scopes_that_exist(db, scopes):
    with pytest.raises(IntegrityError, match="ck_api_tokens_scopes"):
        make.create_token(db, make.create_account(db), scopes=scopes)


@pytest.mark.parametrize(
    "columns", [{"secret_sha256": b"short"}, {"name": ""}], ids=["hash", "name"]
)
def test_a_token_has_a_whole_hash_and_a_name(db, columns):
    with pytest.raises(IntegrityError, match="ck_api_tokens_"):
        make.create_token(db, make.create_account(db), **columns)


def test_what_is_one_of_a_kind(db):
    athlete = make.create_athlete(db)
    activity = make.create_activity(db, athlete, strava_id=1)
    make.create_account(db, athlete_id=athlete)
    make.create_connection(db, athlete, strava_athlete_id=7)
    effort = make.create_best_effort(db, activity)
    make.create_personal_best(db, effort)
    make.create_job(db, athlete, status="QUEUED", idempotency_key="k")
    other = make.create_athlete(db)
    again = {
        "uq_activities_athlete_id_strava_id": lambda: make.create_activity(
            db, athlete, strava_id=1
        ),
        "uq_accounts_athlete_id": lambda: make.create_account(db, athlete_id=athlete),
        "uq_strava_connections_strava_athlete_id": lambda: make.create_connection(
            db, other, strava_athlete_id=7
        ),
        "uq_strava_connections_athlete_id": lambda: make.create_connection(db, athlete),
        "uq_best_efforts_activity_id_distance": lambda: make.create_best_effort(db, activity),
        "uq_personal_bests_current": lambda: make.create_personal_best(
            db, make.create_best_effort(db, make.create_activity(db, athlete))
        ),
        "uq_jobs_active": lambda: make.create_job(db, athlete, status="RUNNING"),
        "uq_jobs_idempotency_key": lambda: make.create_job(
            db, athlete, kind="AGE_GRADES", idempotency_key="k"
        ),
    }
    for name, repeat in again.items():
        with pytest.raises(IntegrityError, match=name):
            repeat()


def test_one_active_job_of_a_kind_for_all_athletes_too(db):
    make.create_job(db, None, kind="AGE_GRADES", status="QUEUED")
    make.create_job(db, None, kind="AGE_GRADES", status="FAILED")
    with pytest.raises(IntegrityError, match="uq_jobs_active"):
        make.create_job(db, None, kind="AGE_GRADES", status="RUNNING")


def test_what_improved_on_a_best_says_by_how_much(db):
    first = make.create_personal_best(db, is_current=False)
    with pytest.raises(IntegrityError, match="ck_personal_bests_improvement_on_previous"):
        make.create_personal_best(db, previous_id=first, improvement_s=None)


def test_an_activity_is_no_duplicate_of_itself(db):
    activity = make.create_activity(db)
    with pytest.raises(IntegrityError, match="ck_activities_not_duplicate_of_itself"):
        db.exec_driver_sql("UPDATE activities SET duplicate_of_id = id WHERE id = %s", (activity,))


def test_an_instant_without_zone_is_read_as_utc_by_the_server(db):
    """The drivers' sessions are in UTC, so a naive one cannot shift with the machine's zone."""
    assert db.exec_driver_sql("SHOW timezone").scalar_one() in {"UTC", "Etc/UTC"}


def test_deleting_an_athlete_deletes_all_of_theirs(db):
    person = make.create_person(db)
    make.create_best(db, person.athlete_id)
    make.create_job(db, person.athlete_id)
    make.create_connection(db, person.athlete_id)
    make.create_feedback(db, account_id=person.account_id)
    db.exec_driver_sql("DELETE FROM athletes")
    tables = (
        "accounts",
        "api_tokens",
        "activities",
        "best_efforts",
        "personal_bests",
        "jobs",
        "strava_connections",
    )
    assert [t for t in tables if db.exec_driver_sql(f"SELECT count(*) FROM {t}").scalar_one()] == []
    assert db.exec_driver_sql("SELECT account_id FROM feedback").scalars().all() == [None]


def test_a_text_with_nul_never_reaches_a_row(db):
    with pytest.raises((IntegrityError, StatementError)):
        make.create_feedback(db, message="a\x00b")
