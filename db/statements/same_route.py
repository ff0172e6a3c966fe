"""Runs that went the same way as another, as `athletics/same_route.py` says.

A function of migration 0040 compares the routes. They are the athlete's alone: others see no row,
because a route tells them nothing of its hidden parts.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, func, literal_column, select, true

from db.models import Activity
from db.statements.activity import IS_RUN
from db.statements.page import AnySelect, Columns, by_key
from db.statements.visibility import Audience, Expression, own_rows

MOST_COMPARED = 200
"""Of the athlete's runs of about that length the latest are compared."""
MOST_LISTED = 100


def runs_on_route(columns: Columns, _: Any, audience: Audience, of: Expression | None) -> AnySelect:
    """Select the athlete's other runs on the route of each activity, newest first."""
    most = literal_column(str(MOST_COMPARED), Integer)

    def matching(activity: Any) -> ColumnElement[bool]:
        runs = func.runs_on_route_of(activity, most, type_=BigInteger).column_valued("run")
        return Activity.id.in_(select(runs))

    return by_key(
        Activity,
        Activity.id,
        columns,
        audience,
        order_by=[Activity.started_at.desc(), Activity.id.desc()],
        conditions=[IS_RUN, true() if audience is Audience.ADMIN else own_rows(Activity)],
        matching=matching,
        most=MOST_LISTED,
        of=of,
    )
