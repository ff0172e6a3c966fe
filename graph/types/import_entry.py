"""Reports of imports."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models as m
from db.models import ImportOutcome
from db.statements.files import import_entry as statements
from graph.errors import OutOfRange
from graph.mapping.relation import Paged, lookup, own_lookup
from graph.mapping.row_type import column, row_type
from graph.pagination import After, Before, First, Last, PageArguments, page_arguments

if TYPE_CHECKING:
    from graph.types.activity import Activity


@row_type(m.ImportEntry, "What an import made of one activity of a file, or of a file without one.")
class ImportEntry:
    """A line of a report."""

    path: str = column(
        m.ImportEntry.path, "The file: its name, or its path below the uploaded archive."
    )
    outcome: ImportOutcome = column(m.ImportEntry.outcome, "What became of it.")
    message: str = column(
        m.ImportEntry.message,
        "What was read, what was odd or lost, or what is wrong and what to do. For people.",
    )
    activity: Annotated["Activity", strawberry.lazy("graph.types.activity")] | None = lookup(
        own_lookup("Activity", m.ImportEntry.activity_id, m.Activity.id),
        "The activity. Null for SKIPPED and FAILED, and once it was deleted.",
    )


Outcomes = Annotated[
    list[ImportOutcome] | None,
    strawberry.argument(description="Only entries with one of these outcomes. Default: all."),
]


def read_import_report(
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    outcomes: Outcomes = None,
) -> PageArguments:
    """Read the arguments of a report. Raises InvalidArgument, InvalidCursor, OutOfRange."""
    if outcomes is not None and len(outcomes) > len(ImportOutcome):
        raise OutOfRange("outcomes", 0, len(ImportOutcome), "entries long")
    return page_arguments(
        statements.IN_ORDER,
        {"import_outcomes": outcomes},
        first=first,
        after=after,
        last=last,
        before=before,
    )


ENTRIES_OF_JOB = Paged("ImportEntry", m.Job.id, statements.ENTRIES_OF_JOB)
