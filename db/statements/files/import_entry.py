"""What became of each file of an import."""

from functools import cache

from sqlalchemy import ARRAY, Executable, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from db.models import Activity, ImportEntry
from db.statements.new_rows import given_rows
from db.statements.ordering import Ordering
from db.statements.page import Collection

ENTRIES_OF_JOB = Collection(
    ImportEntry,
    parent=ImportEntry.job_id,
    filters={
        "import_outcomes": ImportEntry.outcome
        == any_(bindparam("import_outcomes", type_=ARRAY(Text)))
    },
)
WRITTEN = ("job_id", "athlete_id", "position", "path", "outcome", "message", "activity_id")
IN_ORDER = Ordering(ImportEntry.position, ImportEntry.id, descending=False)


@cache
def write() -> Executable:
    """Write the lines of reports in the parameter `rows`; one that is there stays.

    They have WRITTEN. The activity of a line may have been deleted. Lock the athlete before.
    """
    given = given_rows(ImportEntry, WRITTEN)
    still_there = select(Activity.id).where(Activity.id == given.c.activity_id).scalar_subquery()
    values = [still_there if name == "activity_id" else given.c[name] for name in WRITTEN]
    return (
        insert(ImportEntry)
        .from_select(WRITTEN, select(*values))
        .on_conflict_do_nothing(index_elements=[ImportEntry.job_id, ImportEntry.position])
    )
