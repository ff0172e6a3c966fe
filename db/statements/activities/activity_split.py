"""Splits of activities."""

from sqlalchemy import Text, bindparam

from db.models import ActivitySplit
from db.statements.ordering import Ordering
from db.statements.page import Collection

SPLITS_OF_ACTIVITY = Collection(
    ActivitySplit,
    parent=ActivitySplit.activity_id,
    filters={"unit": ActivitySplit.unit == bindparam("unit", type_=Text)},
)
IN_ORDER = Ordering(ActivitySplit.split_number, ActivitySplit.activity_id, descending=False)
