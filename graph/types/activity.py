"""Activities."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from athletics.distance import StandardDistance
from db import models as m
from db.models import ActivitySource, Visibility
from db.statements import activity as statements
from db.statements.best_effort import LISTED
from graph.arguments import checked_number, checked_text, checked_texts
from graph.cost_directives import sized
from graph.pagination import After, Before, First, Last, PageArguments, page_arguments
from graph.relation import Lookup, Paged, lookup, rows_by
from graph.row_type import column, node_id, row_type
from graph.scalars import LocalDateTime
from graph.types.enums import ActivityOrderField, OrderDirection
from graph.types.node import Node

if TYPE_CHECKING:
    from graph.types.athlete import Athlete
    from graph.types.best_effort import BestEffort

_MAX_METERS = 10_000_000


@row_type(m.Activity, "One recorded activity.")
class Activity(Node):
    """An activity's row."""

    id: strawberry.ID = node_id(m.Activity, "Activity")
    athlete: Annotated["Athlete", strawberry.lazy("graph.types.athlete")] = lookup(
        Lookup("Athlete", m.Activity.athlete_id, rows_by(m.Athlete, m.Athlete.id)), "Whose activity it is."
    )
    name: str = column(m.Activity.name, "Its title.")
    sport_type: str = column(
        m.Activity.sport_type, "Strava's sport type, such as Run; new ones appear there without notice."
    )
    source: ActivitySource = column(m.Activity.source, "Where it came from.")
    strava_id: str | None = column(m.Activity.strava_id, "Its id on Strava; null where it is from a file.", convert=str)
    started_at: datetime = column(m.Activity.started_at, "When it began.")
    started_at_local: LocalDateTime = column(
        m.Activity.started_at_local, "When it began by the clock at the athlete's place."
    )
    timezone: str = column(m.Activity.timezone, "Name of the time zone at its place, as America/Recife.")
    distance_meters: float = column(m.Activity.distance_m, "Its length, in metres.")
    moving_time_seconds: int = column(m.Activity.moving_time_s, "Its time without pauses, in seconds.")
    elapsed_time_seconds: int = column(m.Activity.elapsed_time_s, "Its time with pauses, in seconds.")
    elevation_gain_meters: float | None = column(
        m.Activity.elevation_gain_m, "Metres climbed; null where not recorded."
    )
    average_speed_meters_per_second: float | None = column(
        m.Activity.average_speed_m_per_s, "Distance / moving time, in metres a second; null without moving time."
    )
    average_pace_seconds_per_kilometer: float | None = column(
        m.Activity.average_pace_s_per_km, "Moving time / distance, in seconds a kilometre; null without distance."
    )
    average_heart_rate: float | None = column(
        m.Activity.average_heart_rate_bpm, "In beats a minute; null where not recorded."
    )
    max_heart_rate: float | None = column(m.Activity.max_heart_rate_bpm, "In beats a minute; null where not recorded.")
    average_cadence: float | None = column(
        m.Activity.average_cadence_rpm, "In revolutions (two steps) a minute; null where not recorded."
    )
    visibility: Visibility = column(m.Activity.visibility, "Who may see it on Strava.")
    best_efforts: list[Annotated["BestEffort", strawberry.lazy("graph.types.best_effort")]] = lookup(
        Lookup(
            "BestEffort",
            m.Activity.id,
            rows_by(m.BestEffort, m.BestEffort.activity_id, order_by=[m.BestEffort.distance_m], always=[LISTED]),
            many=True,
        ),
        "Its best efforts, shortest distance first.",
        list_size=sized(len(StandardDistance)),
    )
    duplicate_of: Annotated["Activity", strawberry.lazy("graph.types.activity")] | None = lookup(
        Lookup(
            "Activity",
            m.Activity.duplicate_of_id,
            rows_by(m.Activity, m.Activity.id),
            key_to_others=statements.duplicate_for_others,
        ),
        "The activity that stands for this one, where a run was recorded twice; only that one counts. Others than the "
        "athlete see no hidden one: of those they may see, one stands for the run.",
    )


@strawberry.input(description="Which activities; conditions that are not given do not apply.")
class ActivityFilter:
    """Conditions on activities."""

    started_from: datetime | None = strawberry.field(default=None, description="Began at this instant or later.")
    started_until: datetime | None = strawberry.field(default=None, description="Began before this instant.")
    sport_types: list[str] | None = strawberry.field(
        default=None, description="Of one of these sport types (at most 50)."
    )
    min_distance_meters: float | None = strawberry.field(default=None, description="At least this long, in metres.")
    max_distance_meters: float | None = strawberry.field(default=None, description="At most this long, in metres.")
    name_contains: str | None = strawberry.field(
        default=None, description="With this in the title, in any case; at most 200 characters."
    )
    source: ActivitySource | None = strawberry.field(default=None, description="From this source.")
    include_duplicates: bool = strawberry.field(
        default=True, description="Also those for which another activity stands (`duplicateOf`)."
    )

    def conditions(self) -> dict[str, object]:
        """Make the parameters of the statements' filters. Raises OutOfRange, InvalidArgument."""
        return {
            "started_from": self.started_from,
            "started_until": self.started_until,
            "sport_types": checked_texts(self.sport_types, "filter.sportTypes", max_length=100, max_count=50),
            "min_distance_m": checked_number(self.min_distance_meters, "filter.minDistanceMeters", 0, _MAX_METERS),
            "max_distance_m": checked_number(self.max_distance_meters, "filter.maxDistanceMeters", 0, _MAX_METERS),
            "name_contains": checked_text(self.name_contains, "filter.nameContains", max_length=200),
            "source": self.source,
            "without_duplicates": None if self.include_duplicates else True,
        }


@strawberry.input(description="How activities are ordered.")
class ActivityOrder:
    """An order of activities."""

    field: ActivityOrderField = strawberry.field(description="By what.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.DESC, description="Which way.")


ActivityFilterArgument = Annotated[
    ActivityFilter | None, strawberry.argument(description="Which activities; all when not given.")
]
ActivityOrderArgument = Annotated[
    ActivityOrder | None, strawberry.argument(description="In which order; newest first when not given.")
]


def read_activities(
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    filter: ActivityFilterArgument = None,  # noqa: A002 - the argument's public name
    order_by: ActivityOrderArgument = None,
) -> PageArguments:
    """Read the arguments of a connection of activities."""
    by = order_by.field if order_by else ActivityOrderField.STARTED_AT
    descending = order_by is None or order_by.direction is OrderDirection.DESC
    conditions = filter.conditions() if filter else None
    return page_arguments(
        statements.ORDERINGS[by, descending], conditions, first=first, after=after, last=last, before=before
    )


ACTIVITIES = Paged("Activity", None, statements.ACTIVITIES)
ACTIVITIES_OF_ATHLETE = Paged("Activity", m.Athlete.id, statements.ACTIVITIES_OF_ATHLETE)
