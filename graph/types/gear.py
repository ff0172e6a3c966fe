"""Gear: the shoes that athletes run in."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from db import models as m
from db.statements.activities import gear as statements
from graph.mapping.relation import Lookup, lookup, own_lookup, rows_by
from graph.mapping.row_type import column, node_id, row_type
from graph.types.node import Node

if TYPE_CHECKING:
    from graph.types.athlete import Athlete


@row_type(m.Gear, "A pair of shoes.")
class Gear(Node):
    """The row of a pair of shoes."""

    id: strawberry.ID = node_id(m.Gear, "Gear")
    athlete: Annotated["Athlete", strawberry.lazy("graph.types.athlete")] = lookup(
        Lookup("Athlete", m.Gear.athlete_id, rows_by(m.Athlete, m.Athlete.id)),
        "The athlete it belongs to.",
    )
    name: str | None = column(m.Gear.name, "Name. Null until Strava told it.")
    retired: bool = column(m.Gear.retired, "Whether the athlete no longer uses it.")
    distance_meters: float = column(
        statements.distance_m,
        "Distance of the activities with it, in meters. A run recorded twice counts once. For "
        "other athletes, of the activities visible to them.",
        to_others=lambda: statements.distance_m(to_others=True),
    )
    stated_distance_meters: float | None = column(
        m.Gear.stated_distance_m,
        "Distance that Strava counts, in meters, with activities that are not here. Null if not "
        "told, and for other athletes.",
        owner_only=True,
    )


GEAR_OF_ACTIVITY = own_lookup("Gear", m.Activity.gear_id, m.Gear.id)
GEAR_OF_ATHLETE = Lookup(
    "Gear",
    m.Athlete.id,
    rows_by(
        m.Gear,
        m.Gear.athlete_id,
        order_by=[m.Gear.retired, m.Gear.name, m.Gear.id],
        most=statements.MOST_OF_ATHLETE,
    ),
    many=True,
)
