"""Activities that syncs could not have."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models as m
from db.models import JobErrorCode
from db.statements import error_link
from graph.mapping.relation import lookup, own_lookup
from graph.mapping.row_type import column, row_type
from graph.types.payload import CODE_PAGE

if TYPE_CHECKING:
    from graph.types.activity import Activity


@row_type(
    m.SyncProblem,
    "An activity that is not as on Strava, because something went wrong whenever it was synced. It "
    "is tried again with growing pauses until it succeeds; `retrySyncProblems` tries now.",
)
class SyncProblem:
    """A problem's row."""

    activity: Annotated["Activity", strawberry.lazy("graph.types.activity")] | None = lookup(
        own_lookup("Activity", m.SyncProblem.activity_id, m.Activity.id),
        "The activity as it is stored. Null if it is not.",
    )
    strava_id: str | None = column(
        m.SyncProblem.strava_id,
        "The activity's id on Strava. Null for activities that Strava lists without a readable id.",
        convert=str,
    )
    code: JobErrorCode = column(
        m.SyncProblem.code, "Stable code of the last failure, for programs."
    )
    message: str = column(m.SyncProblem.message, "What happened last, for people.")
    documentation: str | None = column(error_link.address(m.SyncProblem.code), CODE_PAGE)
    since: datetime = column(m.SyncProblem.since, "Time it first failed.")
    tries: int = column(m.SyncProblem.tries, "Number of jobs that tried it in vain since then.")
    tried_at: datetime = column(m.SyncProblem.tried_at, "Time of the last try.")
    next_try_at: datetime | None = column(
        m.SyncProblem.next_try_at,
        "Time of the next try, by a job of its own; a sync may come before. Null if only a sync of "
        "everything can try it.",
    )
