"""Jobs."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from athletics.distance import StandardDistance
from db import models as m
from db.models import JobErrorCode, JobKind, JobStatus
from db.statements import error_link
from db.statements.athletes import athlete_change
from db.statements.jobs import job as statements
from graph.cost.directives import sized
from graph.mapping.relation import (
    MOST_UNPAGED,
    Lookup,
    Paged,
    column_apart,
    connection,
    lookup,
    rows_by,
)
from graph.mapping.row_type import column, embedded, node_id, row_type
from graph.pagination import After, Before, First, Last, PageArguments, page_arguments
from graph.types.export import EXPORT_OF_JOB, Export
from graph.types.import_entry import ENTRIES_OF_JOB, read_import_report
from graph.types.node import Node
from graph.types.payload import CODE_PAGE

if TYPE_CHECKING:
    from graph.types.athlete import Athlete


@strawberry.type(description="Progress of a job.")
class JobProgress:
    """Columns of a job's row."""

    done: int = column(m.Job.progress_done, "Number of items done.")
    total: int | None = column(m.Job.progress_total, "Total number of items. Null while unknown.")
    percent: float | None = column(
        m.Job.progress_percent,
        "`done` as a percentage of `total`, 100 once the job succeeded. Null while `total` is "
        "unknown or 0.",
    )
    estimated_seconds_left: float | None = column(
        m.Job.progress_seconds_left,
        "Estimated seconds left at the current speed. Null if unknown.",
    )
    message: str | None = column(
        m.Job.progress_message, "Current step, as text for people. Null if there is none."
    )


@strawberry.type(description="Why a job failed or was cancelled.")
class JobError:
    """Columns of a job's row."""

    code: JobErrorCode = column(m.Job.error_code, "Stable code for programs.")
    message: str = column(m.Job.error_message, "Message for people: what happened and what to do.")
    retryable: bool = column(
        m.Job.error_retryable,
        "Whether `retryJob` may succeed: as it is, or after what `message` asks for.",
    )
    documentation: str | None = column(error_link.address(m.Job.error_code), CODE_PAGE)


@strawberry.type(description="What a job has changed so far.")
class JobResult:
    """Columns of a job's row."""

    activities_created: int = column(m.Job.activities_created, "Number of activities created.")
    activities_updated: int = column(m.Job.activities_updated, "Number of activities updated.")
    activities_deleted: int = column(m.Job.activities_deleted, "Number of activities deleted.")
    personal_bests_changed: int = column(
        m.Job.personal_bests_changed, "Number of distances with a changed current personal best."
    )
    changed_activity_ids: list[strawberry.ID] = column_apart(
        athlete_change.activities_of_job,
        m.Job.id,
        "Global ids of activities that it created or changed and that are there, at most 100. "
        "Empty a week later.",
        otherwise=(),
    )
    deleted_activity_ids: list[strawberry.ID] = column_apart(
        athlete_change.deleted_of_job,
        m.Job.id,
        "Global ids that activities had which it deleted, at most 100. Empty a week later.",
        otherwise=(),
    )
    changed_distances: list[StandardDistance] = column_apart(
        athlete_change.distances_of_job,
        m.Job.id,
        "Distances with another current personal best because of it, shortest first. Empty a week "
        "later.",
        otherwise=(),
    )


_ATHLETE = Lookup("Athlete", m.Job.athlete_id, rows_by(m.Athlete, m.Athlete.id))


@row_type(m.JobProblem, "An activity that a job left out, or did only in part, and why.")
class JobProblem:
    """A problem's row."""

    strava_id: str | None = column(
        m.JobProblem.strava_id,
        "The activity's id on Strava. Null if Strava sent none that can be read.",
        convert=str,
    )
    code: JobErrorCode = column(m.JobProblem.code, "Stable code, for programs.")
    message: str = column(m.JobProblem.message, "What happened, for people.")
    documentation: str | None = column(error_link.address(m.JobProblem.code), CODE_PAGE)


@row_type(m.Job, "A background job.")
class Job(Node):
    """A job's row."""

    id: strawberry.ID = node_id(m.Job, "Job")
    kind: JobKind = column(m.Job.kind, "What the job does.")
    status: JobStatus = column(m.Job.status, "Current state.")
    athlete: Annotated["Athlete", strawberry.lazy("graph.types.athlete")] | None = lookup(
        _ATHLETE, "The athlete it works on. Null if it works on all athletes."
    )
    progress: JobProgress = embedded(JobProgress, "Progress so far.")
    attempts: int = column(m.Job.attempts, "Number of times a worker started or resumed it.")
    error: JobError | None = embedded(
        JobError, "Why it failed or was cancelled. Null otherwise.", present=m.Job.error_code
    )
    result: JobResult | None = embedded(
        JobResult, "What it has changed so far. Null before it starts.", present=m.Job.started_at
    )
    problems: list[JobProblem] = lookup(
        Lookup(
            "JobProblem",
            m.Job.id,
            rows_by(
                m.JobProblem, m.JobProblem.job_id, order_by=[m.JobProblem.id], most=MOST_UNPAGED
            ),
            many=True,
        ),
        "Activities that it left out, and why. At most 100. `Athlete.syncProblems` says "
        "when they are tried again.",
        list_size=sized(10),
    )
    import_report = connection(
        ENTRIES_OF_JOB,
        "For a job of the kind IMPORT: what became of each activity and file so far, in the order "
        "of the uploads. Empty for other kinds.",
    )(read_import_report)
    export: Export | None = lookup(
        EXPORT_OF_JOB,
        "For a job of the kind EXPORT that succeeded: the archive. Null before, once it has "
        "expired or a newer one was made, and for other kinds.",
    )
    created_at: datetime = column(m.Job.created_at, "Time it was requested.")
    started_at: datetime | None = column(
        m.Job.started_at, "Time a worker first started it. Null until then."
    )
    finished_at: datetime | None = column(m.Job.finished_at, "Time it ended. Null until then.")
    version: int = column(
        m.Job.version,
        "Increases with every change. Of two answers, the one with the higher version is newer.",
    )
    waiting_until: datetime | None = column(
        m.Job.waiting_until, "Time it resumes. Null unless it is WAITING."
    )
    waiting_since: datetime | None = column(
        m.Job.waits_since,
        "Time it began to wait. If it resumed, but could do nothing, it still waits since "
        "then. Null unless it is WAITING.",
    )


def athlete_id_of(job: Job) -> int | None:
    """Get the id of the athlete that a job works on; None if it works on all athletes."""
    athlete_id: int | None = getattr(job, _ATHLETE.key_label)
    return athlete_id


@strawberry.input(description="Filter for jobs. A job must meet every given condition.")
class JobFilter:
    """Conditions on jobs."""

    kinds: list[JobKind] | None = strawberry.field(
        default=None, description="The kind is one of these."
    )
    statuses: list[JobStatus] | None = strawberry.field(
        default=None, description="The status is one of these."
    )

    def conditions(self) -> dict[str, Any]:
        """Make the parameters of the statements' filters."""
        kinds, statuses = self.kinds, self.statuses
        return {
            **_single("job_kind", kinds),
            **_single("job_status", statuses),
            "job_kinds": None if _single("job_kind", kinds) else kinds,
            "job_statuses": None if _single("job_status", statuses) else statuses,
        }


def _single(name: str, values: Sequence[JobKind | JobStatus] | None) -> dict[str, Any]:
    """Make the parameter of a filter that is a single value, which has one of its own."""
    return {f"{name}_{values[0].value}": True} if values and len(values) == 1 else {}


def read_jobs(
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    filter: Annotated[
        JobFilter | None, strawberry.argument(description="Filter. Default: all jobs.")
    ] = None,
) -> PageArguments:
    """Read the arguments of a connection of jobs, newest first."""
    conditions = filter.conditions() if filter else None
    return page_arguments(
        statements.NEWEST, conditions, first=first, after=after, last=last, before=before
    )


WAITING_FOR_QUOTA = Paged("Job", None, statements.WAITING_FOR_QUOTA)
JOBS = Paged("Job", None, statements.JOBS)
JOBS_OF_ATHLETE = Paged("Job", m.Athlete.id, statements.JOBS_OF_ATHLETE)
JOB_BY_ID = Lookup("Job", None, rows_by(m.Job, m.Job.id))
