"""Runs that went the same way as another, as `athletics/same_route.py` says.

A function of migration 0040 compares the routes. They are the athlete's alone: others see no row,
because a route tells them nothing of its hidden parts, and for them none is compared.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, func, literal_column, select
from sqlalchemy.orm import aliased

from db.models import Activity
from db.statements.activities.activity import IS_RUN
from db.statements.page import AnySelect, Columns, by_key
from db.statements.visibility import VIEWER, Audience, Expression

MOST_COMPARED = 200
"""Of the athlete's runs of about that length the latest are compared."""
MOST_LISTED = 100


def runs_on_route(columns: Columns, _: Any, audience: Audience, of: Expression | None) -> AnySelect:
    """Select the athlete's other runs on the route of each activity, newest first."""
    most = literal_column(str(MOST_COMPARED), Integer)

    def matching(activity: Any) -> ColumnElement[bool]:
        of_viewer = activity if audience is Audience.ADMIN else _if_own(activity)
        runs = func.runs_on_route_of(of_viewer, most, type_=BigInteger).column_valued("run")
        return Activity.id.in_(select(runs))

    return by_key(
        Activity,
        Activity.id,
        columns,
        audience,
        order_by=[Activity.started_at.desc(), Activity.id.desc()],
        conditions=[IS_RUN],
        matching=matching,
        most=MOST_LISTED,
        of_one_athlete=True,
        of=of,
    )


def _if_own(activity: Any) -> ColumnElement[int | None]:
    """The activity if it is the viewer's, else NULL, for which the function compares nothing."""
    parent = aliased(Activity)
    return (
        select(parent.id)
        .where(parent.id == activity, parent.athlete_id == VIEWER)
        .correlate_except(parent)
        .scalar_subquery()
    )
