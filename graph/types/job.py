"""Jobs."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models as m
from db.models import JobErrorCode, JobKind, JobStatus
from db.statements import job as statements
from graph.pagination import After, Before, First, Last, PageArguments, page_arguments
from graph.relation import Lookup, Paged, lookup, rows_by
from graph.row_type import column, embedded, node_id, row_type
from graph.types.node import Node

if TYPE_CHECKING:
    from graph.types.athlete import Athlete


@strawberry.type(description="How far a job is.")
class JobProgress:
    """Columns of a job's row."""

    done: int = column(m.Job.progress_done, "How many items are done.")
    total: int | None = column(m.Job.progress_total, "How many items there are; null while that is not known.")
    percent: float | None = column(m.Job.progress_percent, "Done of total, in percent; null while total is not known.")
    estimated_seconds_left: float | None = column(
        m.Job.progress_seconds_left, "How long it will take at the present pace; null where there is none."
    )
    message: str | None = column(m.Job.progress_message, "What is being done, for people.")


@strawberry.type(description="Why a job failed.")
class JobError:
    """Columns of a job's row."""

    code: JobErrorCode = column(m.Job.error_code, "Stable, for programs.")
    message: str = column(m.Job.error_message, "What happened and what helps, for people.")
    retryable: bool = column(m.Job.error_retryable, "Whether `retryJob` may succeed without anything else changing.")


@strawberry.type(description="What a job has changed so far.")
class JobResult:
    """Columns of a job's row."""

    activities_created: int = column(m.Job.activities_created, "Activities that were new.")
    activities_updated: int = column(m.Job.activities_updated, "Activities that had changed.")
    activities_deleted: int = column(m.Job.activities_deleted, "Activities that were gone.")
    personal_bests_changed: int = column(m.Job.personal_bests_changed, "Distances whose current best is another now.")


@row_type(m.Job, "A piece of background work.")
class Job(Node):
    """A job's row."""

    id: strawberry.ID = node_id(m.Job, "Job")
    kind: JobKind = column(m.Job.kind, "What it does.")
    status: JobStatus = column(m.Job.status, "Where it is.")
    athlete: Annotated["Athlete", strawberry.lazy("graph.types.athlete")] | None = lookup(
        Lookup("Athlete", m.Job.athlete_id, rows_by(m.Athlete, m.Athlete.id)),
        "Whose data it works on; null where it works on all.",
    )
    progress: JobProgress = embedded(JobProgress, "How far it is.")
    attempts: int = column(m.Job.attempts, "How often a worker has begun or resumed it.")
    error: JobError | None = embedded(JobError, "Why it failed; null unless it did.", present=m.Job.error_code)
    result: JobResult | None = embedded(
        JobResult, "What it has changed so far; null before it started.", present=m.Job.started_at
    )
    created_at: datetime = column(m.Job.created_at, "When it was asked for.")
    started_at: datetime | None = column(m.Job.started_at, "When a worker first began; null before.")
    finished_at: datetime | None = column(m.Job.finished_at, "When it ended; null before.")
    version: int = column(m.Job.version, "Rises with every change: of two answers the one with the higher is newer.")
    waiting_until: datetime | None = column(m.Job.waiting_until, "When it goes on, while it is WAITING; else null.")


@strawberry.input(description="Which jobs; conditions that are not given do not apply.")
class JobFilter:
    """Conditions on jobs."""

    kinds: list[JobKind] | None = strawberry.field(default=None, description="Of one of these kinds.")
    statuses: list[JobStatus] | None = strawberry.field(default=None, description="In one of these states.")


def read_jobs(
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    filter: Annotated[  # noqa: A002 - the argument's public name
        JobFilter | None, strawberry.argument(description="Which jobs; all when not given.")
    ] = None,
) -> PageArguments:
    """Read the arguments of a connection of jobs, newest first."""
    conditions = {"job_kinds": filter.kinds, "job_statuses": filter.statuses} if filter else None
    return page_arguments(statements.NEWEST, conditions, first=first, after=after, last=last, before=before)


JOBS = Paged("Job", None, statements.JOBS)
JOBS_OF_ATHLETE = Paged("Job", m.Athlete.id, statements.JOBS_OF_ATHLETE)
JOB_BY_ID = Lookup("Job", None, rows_by(m.Job, m.Job.id))
