"""Activities that their athletes deleted here."""

from datetime import datetime

import strawberry

from db import models as m
from db.statements.activities import deleted_activity as statements
from graph.mapping.relation import Paged
from graph.mapping.row_type import column, node_id, row_type
from graph.pagination import After, Before, First, Last, PageArguments, page_arguments


@row_type(
    m.DeletedActivity,
    "What is left of an activity that its athlete deleted here, so that no sync and no import "
    "brings it back.",
)
class DeletedActivity:
    """A deleted activity's row."""

    activity_id: strawberry.ID = node_id(
        m.DeletedActivity,
        "Activity",
        "Global id that the activity had, which `restoreActivity` takes. It names nothing else.",
    )
    strava_id: str | None = column(
        m.DeletedActivity.strava_id,
        "The activity's id on Strava. Null if it came from a file.",
        convert=str,
    )
    deleted_at: datetime = column(m.DeletedActivity.deleted_at, "Time it was deleted.")


DELETED_OF_ATHLETE = Paged("DeletedActivity", m.Athlete.id, statements.DELETED_OF_ATHLETE)


def read_deleted(
    first: First = None, after: After = None, last: Last = None, before: Before = None
) -> PageArguments:
    """Read the arguments of a connection of deleted activities, newest deletion first."""
    return page_arguments(statements.NEWEST, first=first, after=after, last=last, before=before)
