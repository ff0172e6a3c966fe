"""Jobs: the rows that define all background work. RQ carries only their ids."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    DateTime,
    Double,
    ForeignKey,
    Index,
    String,
    and_,
    case,
    cast,
    func,
    or_,
    text,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, column_property, mapped_column

from db.models.base import Base, CreatedAt, Instant, PrimaryKey, not_negative, one_of, quoted


class JobKind(StrEnum):
    """What a job does."""

    STRAVA_SYNC = "STRAVA_SYNC"
    STRAVA_WEBHOOK = "STRAVA_WEBHOOK"
    STRAVA_DISCONNECT = "STRAVA_DISCONNECT"
    PERSONAL_BESTS = "PERSONAL_BESTS"
    AGE_GRADES = "AGE_GRADES"
    ERASE_ATHLETE = "ERASE_ATHLETE"
    IMPORT = "IMPORT"
    EXPORT = "EXPORT"


NEED_CONNECTION = (JobKind.STRAVA_SYNC, JobKind.STRAVA_WEBHOOK)
"""Kinds of jobs that end with the connection to Strava."""
URGENT = (JobKind.STRAVA_WEBHOOK, JobKind.STRAVA_DISCONNECT, JobKind.ERASE_ATHLETE)
"""Kinds of jobs that go before all others in the queue."""


class JobStatus(StrEnum):
    """The state of a job. A WAITING job holds no worker; the last three states are final."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


ACTIVE = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.WAITING)
NOT_SUCCEEDED = (JobStatus.FAILED, JobStatus.CANCELLED)
ENDED = (JobStatus.SUCCEEDED, *NOT_SUCCEEDED)


class JobErrorCode(StrEnum):
    """Why a job failed."""

    STRAVA_UNAUTHORIZED = "STRAVA_UNAUTHORIZED"
    STRAVA_SCOPE_MISSING = "STRAVA_SCOPE_MISSING"
    STRAVA_APP_INACTIVE = "STRAVA_APP_INACTIVE"
    STRAVA_ATHLETE_LIMIT = "STRAVA_ATHLETE_LIMIT"
    STRAVA_RATE_LIMITED = "STRAVA_RATE_LIMITED"
    STRAVA_UNAVAILABLE = "STRAVA_UNAVAILABLE"
    STRAVA_BAD_DATA = "STRAVA_BAD_DATA"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"
    INTERNAL = "INTERNAL"


def _seconds_since(instant: Any) -> ColumnElement[float]:
    return cast(func.extract("epoch", func.now() - instant), Double)


class Job(Base):
    """One piece of background work.

    `attempts` counts the claims and fences them: each write of a worker names its attempt and has
    no effect once another worker has claimed the job. `lease_until` is when the worker of a running
    job is presumed dead; `lease_renewed_at` tells a lease that PostgreSQL's clock, set back, made
    longer. `live_since` is when the job was created or retried; JOB_MAX_LIFE_S counts from there.
    `queued_at` is when it became QUEUED, `enqueued_at` when it was last passed to Redis.
    `idempotency_key` is of versions before 0.3 (now IdempotencyKey). `waiting_since` is when
    it began to wait, and waits that nothing was done between are one; `waiting_until` is when a
    WAITING job continues; `quota_until` is the same if it waits for Strava's quota, and stays until
    it waits again. `expected_at` is when the job may end with the quota there is, null if the quota
    does not slow it. `checkpoint` is the state that an attempt passes to the next. `version`
    rises with every change, so subscribers can ignore outdated notifications. `athlete_id` is null
    for jobs on all athletes. `request_id` and `trace_id` identify the request that created the job,
    for the log; null if there was none.
    """

    __tablename__ = "jobs"

    id: Mapped[PrimaryKey]
    kind: Mapped[str]
    status: Mapped[str] = mapped_column()
    athlete_id: Mapped[int | None] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"))
    arguments: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    checkpoint: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    idempotency_key: Mapped[str | None]
    request_id: Mapped[str | None] = mapped_column(String(100))
    trace_id: Mapped[str | None] = mapped_column(String(32))
    attempts: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")
    version: Mapped[int] = mapped_column(server_default="0")
    cancel_requested: Mapped[bool] = mapped_column(server_default="false")
    lease_until: Mapped[Instant | None]
    lease_renewed_at: Mapped[Instant | None]
    live_since: Mapped[CreatedAt]
    queued_at: Mapped[Instant | None]
    waiting_since: Mapped[Instant | None] = mapped_column()
    waiting_until: Mapped[Instant | None] = mapped_column()
    quota_until: Mapped[Instant | None]
    expected_at: Mapped[Instant | None] = mapped_column()
    enqueued_at: Mapped[Instant | None]
    progress_done: Mapped[int] = mapped_column(server_default="0")
    progress_total: Mapped[int | None] = mapped_column()
    progress_message: Mapped[str | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    error_retryable: Mapped[bool | None]
    activities_created: Mapped[int] = mapped_column(server_default="0")
    activities_updated: Mapped[int] = mapped_column(server_default="0")
    activities_deleted: Mapped[int] = mapped_column(server_default="0")
    personal_bests_changed: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[CreatedAt]
    started_at: Mapped[Instant | None] = mapped_column()
    finished_at: Mapped[Instant | None]
    attempt_started_at: Mapped[Instant | None] = mapped_column()
    attempt_started_done: Mapped[int] = mapped_column(server_default="0")

    waits_since: Mapped[datetime | None] = column_property(
        type_coerce(case((status == JobStatus.WAITING, waiting_since)), DateTime(timezone=True))
    )
    progress_percent: Mapped[float | None] = column_property(
        case(
            # also where there was nothing to do, or something was left out
            (status == JobStatus.SUCCEEDED, cast(100, Double)),
            (progress_total > 0, cast(progress_done, Double) * 100 / progress_total),
        )
    )
    # The speed is of the current attempt only: time spent waiting would distort it.
    progress_seconds_left: Mapped[float | None] = column_property(
        case(
            (
                and_(
                    status == JobStatus.RUNNING,
                    progress_done > attempt_started_done,
                    progress_total.is_not(None),
                ),
                func.greatest(
                    _seconds_since(attempt_started_at)
                    / (progress_done - attempt_started_done)
                    * (progress_total - progress_done),
                    -_seconds_since(expected_at),
                    type_=Double,
                ),
            ),
            (
                or_(status == JobStatus.RUNNING, status == JobStatus.WAITING),
                func.greatest(
                    -_seconds_since(func.greatest(expected_at, waiting_until)), 0.0, type_=Double
                ),
            ),
        )
    )

    __table_args__ = (
        one_of("kind", JobKind),
        one_of("status", JobStatus),
        one_of("error_code", JobErrorCode),
        *not_negative("attempts", "failures", "progress_done", "progress_total"),
        CheckConstraint(
            "(status = 'RUNNING') = (lease_until IS NOT NULL)", name="lease_while_running"
        ),
        CheckConstraint(
            "(status = 'WAITING') = (waiting_until IS NOT NULL)", name="until_while_waiting"
        ),
        CheckConstraint(
            f"(status IN ({quoted(ENDED)})) = (finished_at IS NOT NULL)",
            name="finished_when_ended",
        ),
        CheckConstraint(
            "num_nulls(error_code, error_message, error_retryable) IN (0, 3)", name="error_whole"
        ),
        CheckConstraint("length(idempotency_key) BETWEEN 1 AND 200", name="idempotency_key_length"),
        # At most one active job of a kind per athlete, and one for all athletes (athlete_id
        # null).
        Index(
            "uq_jobs_active",
            "athlete_id",
            "kind",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text(f"status IN ({quoted(ACTIVE)})"),
        ),
        Index("uq_jobs_idempotency_key", "athlete_id", "idempotency_key", unique=True),
        Index("ix_jobs_athlete_id", "athlete_id", "created_at", "id"),
        Index("ix_jobs_created_at", "created_at", "id"),
        Index("ix_jobs_kind", "kind", "created_at", "id"),
        Index(
            "ix_jobs_not_succeeded",
            "status",
            "created_at",
            "id",
            postgresql_where=text(f"status IN ({quoted(NOT_SUCCEEDED)})"),
        ),
        Index("ix_jobs_active", "status", postgresql_where=text(f"status IN ({quoted(ACTIVE)})")),
    )
