"""Splits of activities."""

from sqlalchemy import BigInteger, Executable, Text, bindparam, delete, insert

from db.models import ActivitySplit
from db.statements.page import Collection, Ordering

SPLITS_OF_ACTIVITY = Collection(
    ActivitySplit,
    parent=ActivitySplit.activity_id,
    filters={"unit": ActivitySplit.unit == bindparam("unit", type_=Text)},
)
IN_ORDER = Ordering(ActivitySplit.split_number, ActivitySplit.activity_id, descending=False)


def discard() -> Executable:
    """Delete the splits of `activity`."""
    return delete(ActivitySplit).where(
        ActivitySplit.activity_id == bindparam("activity", type_=BigInteger)
    )


def add() -> Executable:
    """Write splits; parameters are named like the columns."""
    return insert(ActivitySplit)
