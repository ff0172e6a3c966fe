"""Rows for tests, with sound defaults: `create_athlete(db, first_name="Ana")`. Each gives the new
row's id.

`db` is a connection that commits each statement (`tests/conftest.py`).
"""

from array import array
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any
from zlib import compress

from sqlalchemy import Connection, insert, select

from athletics.age_grade import age_grade, default_table
from athletics.age_grade_table import Sex
from athletics.distance import StandardDistance
from db.models import (
    ENDED,
    Account,
    Activity,
    ActivityStreams,
    ApiToken,
    Athlete,
    Base,
    BestEffort,
    BrowserSession,
    DeletedActivity,
    Export,
    Feedback,
    ImportEntry,
    Job,
    JobProblem,
    PersonalBest,
    StravaConnection,
    SyncProblem,
    Upload,
)
from db.statements.athletes import athlete_change
from db.stream_codec import Samples
from graph.global_id import encode_id
from jobs.sync import personal_bests as sync_bests
from jobs.sync.stored_streams import EncodedStreams, store_streams
from tests.activity_parts import (  # noqa: F401 - one name for all factories
    create_gear,
    create_heart_rates,
    create_lap,
    create_route,
    create_split,
    create_zones,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_numbers = count(1)
STREAMS_VERSION = 2


@dataclass(frozen=True)
class Person:
    """An athlete with an account and an API token of it; `id` is the athlete's global id."""

    athlete_id: int | None
    account_id: int
    token: str

    @property
    def id(self) -> str:
        return encode_id("Athlete", self.athlete_id)


def create_person(
    db: Connection,
    *,
    scopes: tuple[str, ...] = ("read", "sync"),
    is_admin: bool = False,
    **athlete: Any,
) -> Person:
    athlete_id = create_athlete(db, **athlete)
    account_id = create_account(db, athlete_id=athlete_id, is_admin=is_admin)
    return Person(athlete_id, account_id, create_token(db, account_id, scopes=scopes))


def create_admin(db: Connection) -> Person:
    """An administrator who is no athlete."""
    account_id = create_account(db, athlete_id=None, is_admin=True)
    return Person(None, account_id, create_token(db, account_id, scopes=("admin", "read", "sync")))


def create_athlete(db: Connection, **columns: Any) -> int:
    number = next(_numbers)
    defaults = {
        "first_name": "Rui",
        "last_name": f"Corredor{number:06}",
        "sex": "MALE",
        "birth_date": date(1980, 5, 17),
        "city": "Porto",
        "country": "Portugal",
    }
    return _insert(db, Athlete, defaults | columns)


def create_account(db: Connection, **columns: Any) -> int:
    """An account; of a new athlete, unless `athlete_id` is given (None: of none)."""
    if "athlete_id" not in columns:
        columns["athlete_id"] = create_athlete(db)
    return _insert(db, Account, columns)


def create_token(db: Connection, account_id: int, **columns: Any) -> str:
    """An API token; gives its secret."""
    secret = columns.pop("secret", None) or f"pace_test-{next(_numbers)}"
    defaults = {
        "account_id": account_id,
        "name": "test",
        "hint": secret[:9],
        "secret_sha256": sha256(secret.encode()).digest(),
        "scopes": ["read", "sync"],
    }
    _insert(
        db,
        ApiToken,
        defaults | columns | {"scopes": list(columns.get("scopes", defaults["scopes"]))},
    )
    return secret


def create_session(db: Connection, account_id: int, **columns: Any) -> int:
    """A browser's session that lasts an hour; its cookie is `sessions.cookies.session_header(…)`."""
    defaults = {"account_id": account_id, "expires_at": datetime.now(UTC) + timedelta(hours=1)}
    return _insert(db, BrowserSession, defaults | columns)


def create_deleted_activity(db: Connection, athlete_id: int, **columns: Any) -> int:
    """What is left of an activity from a file that its athlete deleted."""
    defaults = {"id": 2**62 + next(_numbers), "athlete_id": athlete_id}
    return _insert(db, DeletedActivity, defaults | columns)


def create_athlete_change(
    db: Connection, athlete_id: int, job_id: int, activity_id: int, distance: str
) -> None:
    """A change of an activity and a best by a job, which deleted another activity."""
    changes = athlete_change.changes(
        athlete_id,
        job_id,
        activities=[activity_id],
        deleted=[activity_id + 1],
        distances=[distance],
    )
    db.execute(athlete_change.record(), changes)


def create_connection(db: Connection, athlete_id: int, **columns: Any) -> int:
    defaults = {
        "athlete_id": athlete_id,
        "strava_athlete_id": 1_000_000 + next(_numbers),
        "scopes": ["read", "activity:read_all"],
        "access_token": b"ciphertext of an access token",
        "refresh_token": b"ciphertext of a refresh token",
        "token_expires_at": NOON + timedelta(hours=6),
    }
    return _insert(db, StravaConnection, defaults | columns)


def create_activity(db: Connection, athlete_id: int | None = None, **columns: Any) -> int:
    """A run of 10 km in 50 minutes at noon of 1 March 2026 UTC, visible to everyone on Strava."""
    number = next(_numbers)
    started_at = columns.get("started_at", NOON)
    defaults = {
        "athlete_id": athlete_id if athlete_id is not None else create_athlete(db),
        "source": "STRAVA",
        "strava_id": 5_000_000_000 + number
        if columns.get("source", "STRAVA") == "STRAVA"
        else None,
        "name": f"Run {number}",
        "sport_type": "Run",
        "started_at": started_at,
        "started_at_local": started_at.replace(tzinfo=None),
        "timezone": "Europe/Lisbon",
        "distance_m": 10_000.0,
        "moving_time_s": 3000,
        "elapsed_time_s": 3060,
        "elevation_gain_m": 42.0,
        "visibility": "EVERYONE",
        "streams_state": "STORED",
    }
    return _insert(db, Activity, defaults | columns)


def samples(
    count: int,
    *,
    every_column: bool = False,
    gap_s: float = 0.0,
    blanks: bool = False,
    latitude: float = 41.15,
) -> Samples:
    """A run of 3 m/s, one sample a second, with a gap in the middle; `blanks`: values are missing."""
    time_s = [number + (gap_s if number >= count // 2 else 0) for number in range(count)]
    rates: list[float | None] = [120 + number % 40 for number in range(count)]
    if blanks:
        rates[count // 4 : count // 4 + 20] = [None] * 20
    others = {
        "cadence_rpm": [85.5 + number % 3 for number in range(count)],
        "altitude_m": [100.0 + number / 10 for number in range(count)],
        "power_w": [250 + number % 7 for number in range(count)],
        "temperature_c": [-3.0 + number % 2 for number in range(count)],
        "speed_m_per_s": [3.0 + number % 5 / 8 for number in range(count)],
        "latitude": [round(latitude + number / 10**5, 6) for number in range(count)],
        "longitude": [round(-8.61 - number / 10**5, 6) for number in range(count)],
    }
    distance_m = [round(3.1 * number, 1) for number in range(count)]
    return Samples(time_s, distance_m, rates, **(others if every_column else {}))


def create_streams(
    db: Connection, activity_id: int, of: Samples, *, version: int = STREAMS_VERSION
) -> None:
    """The streams of an activity, as jobs store them; those of version 1 are as 0.2 stored them."""
    found = select(Activity.id, Activity.athlete_id).where(Activity.id == activity_id)
    activity = db.execute(found).one()
    if version == STREAMS_VERSION:
        store_streams(db, activity, EncodedStreams.from_samples(of))
        return
    channels = [of.time_s, of.distance_m, of.heart_rate_bpm]
    body = b"".join(b"\xff" + array("d", each or ()).tobytes() for each in channels)
    packed = b"\x01" + len(of.time_s).to_bytes(4, "little") + compress(body)
    owner = {"activity_id": activity.id, "athlete_id": activity.athlete_id}
    columns = owner | {"sample_count": len(of.time_s), "samples": packed}
    db.execute(insert(ActivityStreams).values(columns))


def create_best_effort(db: Connection, activity_id: int | None = None, **columns: Any) -> int:
    """An effort over 5 km in 20 minutes, graded for a man born on 17 May 1980; `age_on_day=None`
    leaves that out.
    """
    activity_id = activity_id if activity_id is not None else create_activity(db)
    columns_of_activity = (Activity.athlete_id, Activity.started_at, Activity.visibility)
    activity = db.execute(select(*columns_of_activity).where(Activity.id == activity_id)).one()
    distance = StandardDistance(columns.get("distance", "KM5"))
    elapsed_s = columns.get("elapsed_s", 1200.0)
    defaults = {
        "athlete_id": activity.athlete_id,
        "activity_id": activity_id,
        "distance": distance,
        "distance_m": distance.meters,
        "elapsed_s": elapsed_s,
        "start_offset_s": 0.0,
        "achieved_at": activity.started_at + timedelta(seconds=elapsed_s),
        "provenance": "STREAM",
        "implied": False,
        "counts": True,
        "counts_for_others": columns.get("counts", True) and activity.visibility == "EVERYONE",
    }
    graded = _grade(
        distance, elapsed_s, columns.pop("age_on_day", 45), columns.pop("sex", Sex.MALE)
    )
    return _insert(db, BestEffort, defaults | graded | columns)


def _grade(
    distance: StandardDistance, elapsed_s: float, age: int | None, sex: Sex
) -> dict[str, Any]:
    if age is None:
        return {}
    grade = age_grade(distance.meters, elapsed_s, sex, age, default_table(distance.meters))
    return {
        "age_on_day": age,
        "age_grade_sex": grade.sex,
        "age_grade_table": grade.table,
        "open_standard_s": grade.open_standard_s,
        "age_standard_s": grade.age_standard_s,
        "age_grade_percent": grade.percent,
    }


def create_personal_best(db: Connection, effort_id: int | None = None, **columns: Any) -> int:
    """The current best that an effort is; gives the effort's id, which is also its own."""
    effort_id = effort_id if effort_id is not None else create_best_effort(db)
    names = (
        "id",
        "athlete_id",
        "activity_id",
        "distance",
        "distance_m",
        "elapsed_s",
        "achieved_at",
        "age_grade_percent",
        "age_on_day",
    )
    selected = (
        *(getattr(BestEffort, name) for name in names),
        BestEffort.counts_for_others.label("for_others"),
    )
    effort = db.execute(select(*selected).where(BestEffort.id == effort_id)).mappings().one()
    values = dict(effort) | {"is_current": True} | columns
    if effort["for_others"]:
        values = {"is_current_for_others": values["is_current"]} | values
    return _insert(db, PersonalBest, values)


def create_best(db: Connection, athlete_id: int, elapsed_s: float = 1200.0, **columns: Any) -> int:
    """An activity with an effort; personal bests are updated. Gives the effort's id."""
    of_activity = {
        name: columns.pop(name) for name in ("started_at", "visibility") if name in columns
    }
    effort_id = create_best_effort(
        db, create_activity(db, athlete_id, **of_activity), elapsed_s=elapsed_s, **columns
    )
    recalculate_bests(db, athlete_id)
    return effort_id


def recalculate_bests(db: Connection, athlete_id: int) -> None:
    """Update which efforts count, and the personal bests, as a job does."""
    sync_bests.recalculate_bests(db, [athlete_id])


def create_job_problem(
    db: Connection, job_id: int, athlete_id: int, strava_id: int | None = 4711
) -> int:
    """An activity that a job left out."""
    return _insert(
        db,
        JobProblem,
        {
            "job_id": job_id,
            "athlete_id": athlete_id,
            "strava_id": strava_id,
            "code": "STRAVA_UNAVAILABLE",
            "message": "Strava does not answer when asked for this activity.",
        },
    )


def create_upload(db: Connection, athlete_id: int, **columns: Any) -> int:
    """An upload that has arrived."""
    defaults: dict[str, Any] = {
        "athlete_id": athlete_id,
        "file_name": "export.zip",
        "size_bytes": 9,
        "received_bytes": 9,
        "expires_at": datetime.now(UTC) + timedelta(hours=1),
    }
    return _insert(db, Upload, defaults | columns)


def create_import_entry(
    db: Connection, job_id: int, athlete_id: int, activity_id: int | None = None, **columns: Any
) -> int:
    """A line of an import's report; a FAILED one without an activity."""
    defaults = {
        "job_id": job_id,
        "athlete_id": athlete_id,
        "position": 0,
        "path": "export.zip/activities/1.fit.gz",
        "outcome": "FAILED" if activity_id is None else "IMPORTED",
        "message": "it is broken",
        "activity_id": activity_id,
    }
    return _insert(db, ImportEntry, defaults | columns)


def create_sync_problem(
    db: Connection, person: Person, strava_id: int | None = 4711, **columns: Any
) -> int:
    """An activity that syncs could not have; the athlete is connected."""
    connection = db.exec_driver_sql(
        "SELECT id FROM strava_connections WHERE athlete_id = %s", (person.athlete_id,)
    ).scalar_one()
    defaults: dict[str, Any] = {
        "connection_id": connection,
        "athlete_id": person.athlete_id,
        "strava_id": strava_id,
        "stage": "READING",
        "code": "STRAVA_UNAVAILABLE",
        "message": "Strava does not answer when asked for this activity.",
        "job_id": 1,
        "next_try_at": datetime.now(UTC) + timedelta(hours=1),
    }
    return _insert(db, SyncProblem, defaults | columns)


def create_job(db: Connection, athlete_id: int | None = None, **columns: Any) -> int:
    """A job; what its status needs is filled in."""
    status = columns.get("status", "SUCCEEDED")
    defaults: dict[str, Any] = {"athlete_id": athlete_id, "kind": "STRAVA_SYNC", "status": status}
    if status == "RUNNING":
        defaults |= {"lease_until": datetime.now(UTC) + timedelta(minutes=5), "attempts": 1}
    if status == "WAITING":
        defaults |= {"waiting_until": datetime.now(UTC) + timedelta(minutes=5)}
    if status != "QUEUED":
        defaults |= {"started_at": NOON}
    if status in ENDED:
        defaults |= {"finished_at": NOON + timedelta(minutes=1)}
    if status == "FAILED":
        defaults |= {
            "error_code": "STRAVA_UNAVAILABLE",
            "error_message": "Strava is away.",
            "error_retryable": True,
        }
    return _insert(db, Job, defaults | columns)


def create_export(db: Connection, job_id: int, athlete_id: int, **columns: Any) -> int:
    """An archive that can be downloaded, without a file."""
    defaults: dict[str, Any] = {
        "job_id": job_id,
        "athlete_id": athlete_id,
        "token": f"token-{job_id}",
        "server_url": "http://pacegraph.test",
        "ready_at": NOON,
        "expires_at": datetime.now(UTC) + timedelta(hours=1),
    }
    return _insert(db, Export, defaults | columns)


def create_feedback(db: Connection, **columns: Any) -> int:
    return _insert(db, Feedback, {"message": "It is good."} | columns)


def _insert(db: Connection, model: type[Base], values: dict[str, Any]) -> int:
    return db.execute(insert(model).values(**values).returning(model.id)).scalar_one()  # type: ignore[attr-defined]
