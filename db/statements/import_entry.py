"""What became of each file of an import."""

from sqlalchemy import ARRAY, BigInteger, Executable, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from db.models import Activity, ImportEntry
from db.statements.page import Collection, Ordering

ENTRIES_OF_JOB = Collection(
    ImportEntry,
    parent=ImportEntry.job_id,
    filters={
        "import_outcomes": ImportEntry.outcome
        == any_(bindparam("import_outcomes", type_=ARRAY(Text)))
    },
)
IN_ORDER = Ordering(ImportEntry.position, ImportEntry.id, descending=False)


def write() -> Executable:
    """Write lines of the report of `job` of `athlete`; a line that is there stays.

    Parameters also: `at`, `of_path`, `what`, `why`, `activity`, which may have been deleted. Lock
    the athlete before.
    """
    still_there = select(Activity.id).where(Activity.id == bindparam("activity", type_=BigInteger))
    return (
        insert(ImportEntry)
        .values(
            job_id=bindparam("job", type_=BigInteger),
            athlete_id=bindparam("athlete", type_=BigInteger),
            position=bindparam("at", type_=BigInteger),
            path=bindparam("of_path", type_=Text),
            outcome=bindparam("what", type_=Text),
            message=bindparam("why", type_=Text),
            activity_id=still_there.scalar_subquery(),
        )
        .on_conflict_do_nothing(index_elements=[ImportEntry.job_id, ImportEntry.position])
    )
