"""Activities."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from athletics.distance import StandardDistance
from db import models as m
from db.models import ActivitySource, RecordingChoice, Visibility
from db.statements.activities import activity as statements
from db.statements.activities.same_route import MOST_COMPARED, MOST_LISTED, runs_on_route
from db.statements.pace import per_mile
from db.statements.performance.best_effort import LISTED
from graph.cost.directives import sized, weighing
from graph.cost.prices import SAMPLES_PER_POINT
from graph.global_id import decode_id_of
from graph.input_checks import checked_number, checked_text, checked_texts
from graph.mapping.relation import (
    Lookup,
    Paged,
    connection,
    lookup,
    lookup_with,
    own_lookup,
    rows_by,
)
from graph.mapping.row_type import column, node_id, row_type
from graph.mapping.streams import streams_field
from graph.pagination import (
    DEFAULT_POINTS,
    After,
    Before,
    First,
    Last,
    PageArguments,
    page_arguments,
)
from graph.scalars import LocalDateTime
from graph.types.activity_streams import STREAMS_OF_ACTIVITY, ActivityStreams, read_streams
from graph.types.enums import ActivityOrderField, OrderDirection
from graph.types.gear import GEAR_OF_ACTIVITY
from graph.types.heart_rate import TIME_OF_ACTIVITY, HeartRateZoneTime
from graph.types.lap import LAPS_OF_ACTIVITY, read_laps
from graph.types.node import Node
from graph.types.original import ORIGINAL_OF_ACTIVITY, Original
from graph.types.pacing import PACING_OF_ACTIVITY, Pacing
from graph.types.route import ROUTE_OF_ACTIVITY, Route, read_route
from graph.types.split import SPLITS_OF_ACTIVITY, read_splits

if TYPE_CHECKING:
    from graph.types.athlete import Athlete
    from graph.types.best_effort import BestEffort
    from graph.types.gear import Gear

_MAX_METERS = 10_000_000
_STREAMS_WEIGHT = 20
"""Cost of streams in advance: reading a range takes some time, also for few points."""


@row_type(m.Activity, "A recorded activity, such as a run.")
class Activity(Node):
    """An activity's row."""

    id: strawberry.ID = node_id(m.Activity, "Activity")
    athlete: Annotated["Athlete", strawberry.lazy("graph.types.athlete")] = lookup(
        Lookup("Athlete", m.Activity.athlete_id, rows_by(m.Athlete, m.Athlete.id)),
        "The athlete it belongs to.",
    )
    name: str = column(m.Activity.name, "Title.")
    sport_type: str = column(
        m.Activity.sport_type,
        "Strava's sport type, such as Run. Strava may add new ones without notice.",
    )
    source: ActivitySource = column(m.Activity.source, "Where the activity came from.")
    strava_id: str | None = column(
        m.Activity.strava_id, "Id on Strava. Null if the activity came from a file.", convert=str
    )
    started_at: datetime = column(m.Activity.started_at, "Start time.")
    started_at_local: LocalDateTime = column(
        m.Activity.started_at_local, "Start time on the athlete's local clock."
    )
    started_at_is_hidden: bool = column(
        m.Activity.started_at_is_hidden,
        "Whether the athlete hides the start on Strava: of both start times only the local day is "
        "true. Strava then sends 00:00:01 by the local clock.",
    )
    timezone: str = column(
        m.Activity.timezone,
        "Local time zone: an IANA name that JavaScript's Intl knows too, such as America/Recife. "
        "Where none is known, the offset from UTC as Etc/GMT-2 (two hours ahead), else UTC.",
    )
    timezone_text: str | None = column(
        m.Activity.timezone_text,
        "Time zone as its source wrote it. Null if it did not tell.",
    )
    distance_meters: float = column(m.Activity.distance_m, "Distance in meters.")
    moving_time_seconds: int = column(
        m.Activity.moving_time_s, "Moving time in seconds, without pauses."
    )
    elapsed_time_seconds: int = column(
        m.Activity.elapsed_time_s, "Elapsed time in seconds, including pauses."
    )
    elevation_gain_meters: float | None = column(
        m.Activity.elevation_gain_m, "Elevation gain in meters. Null if not recorded."
    )
    average_speed_meters_per_second: float | None = column(
        m.Activity.average_speed_m_per_s,
        "Distance divided by moving time, in meters per second. Null if there is no moving time.",
    )
    average_pace_seconds_per_kilometer: float | None = column(
        m.Activity.average_pace_s_per_km,
        "Moving time divided by distance, in seconds per kilometer. Null if there is no distance "
        "or no moving time.",
    )
    average_pace_seconds_per_mile: float | None = column(
        per_mile(m.Activity.average_pace_s_per_km),
        "Moving time divided by distance, in seconds per mile. Null if there is no distance or no "
        "moving time.",
    )
    average_heart_rate: float | None = column(
        m.Activity.average_heart_rate_bpm,
        "Average heart rate in beats per minute. Null if not recorded.",
    )
    max_heart_rate: float | None = column(
        m.Activity.max_heart_rate_bpm,
        "Maximum heart rate in beats per minute. Null if not recorded.",
    )
    average_cadence: float | None = column(
        m.Activity.average_cadence_rpm,
        "Average cadence in revolutions per minute. One revolution is two steps. Null "
        "if not recorded.",
    )
    visibility: Visibility = column(
        m.Activity.visibility,
        "Visibility on Strava, or as chosen at the import of its file; ONLY_ME while `hidden`.",
    )
    hidden: bool | None = column(
        m.Activity.source_visibility.is_not(None),
        "Whether the athlete hides it from other athletes here. Null for them.",
        owner_only=True,
    )
    excluded: bool | None = column(
        m.Activity.excluded,
        "Whether the athlete excluded all its efforts from rankings and personal bests. Null for "
        "other athletes.",
        owner_only=True,
    )
    notes: str | None = column(
        m.Activity.notes,
        "The athlete's own notes. Null if there are none, and for other athletes.",
        owner_only=True,
        is_long=True,
    )
    description: str | None = column(
        m.Activity.description,
        "What the athlete wrote about it. Null if nothing, or not known.",
        is_long=True,
    )
    device_name: str | None = column(
        m.Activity.device_name, "Device or app that recorded it. Null if not known."
    )
    is_race: bool = column(
        m.Activity.is_race, "Whether the athlete marked it as a race. Files do not tell: false."
    )
    is_treadmill: bool = column(statements.IS_TREADMILL, "Whether it is a run on a treadmill.")
    calories: float | None = column(
        m.Activity.calories_kcal,
        "Energy spent, in kilocalories. Null if not known. Visible only to the athlete and "
        "administrators: it follows from weight and age.",
        owner_only=True,
    )
    gear: Annotated["Gear", strawberry.lazy("graph.types.gear")] | None = lookup(
        GEAR_OF_ACTIVITY, "Shoes it was run in. Null if not told."
    )
    route = lookup_with(
        ROUTE_OF_ACTIVITY, "Where it went. Null if no positions were recorded.", Route | None
    )(read_route)
    heart_rate_zones: list[HeartRateZoneTime] = lookup(
        TIME_OF_ACTIVITY,
        "Time in each of the athlete's heart rate zones of that day. Empty without zones or heart "
        "rates, and for other athletes.",
        list_size=sized(5),
    )
    laps = connection(
        LAPS_OF_ACTIVITY,
        "Laps as the device or Strava made them, in order. Empty for other athletes where a part "
        "of the way is hidden from them: laps count from the start.",
    )(read_laps)
    splits = connection(
        SPLITS_OF_ACTIVITY,
        "Parts of a kilometer or mile, in order. Empty without samples, and for other athletes "
        "where a part of the way is hidden from them: splits count from the start.",
    )(read_splits)
    pacing: Pacing | None = lookup(
        PACING_OF_ACTIVITY,
        "Moving times of both halves of the distance, by the kilometers. Null without samples, "
        "under 2 km, and for other athletes where a part of the way is hidden from them.",
    )
    runs_on_same_route: list[Annotated["Activity", strawberry.lazy("graph.types.activity")]] = (
        lookup(
            Lookup(
                "Activity",
                m.Activity.id,
                runs_on_route,
                many=True,
                athlete=m.Activity.athlete_id,
            ),
            "The athlete's other runs on the same route in either direction, newest first: of the "
            f"{MOST_COMPARED} latest that are at most 5 % longer or shorter, at most "
            f"{MOST_LISTED}. "
            "Empty without positions, and for other athletes.",
            list_size=sized(20),
        )
    )
    best_efforts: list[Annotated["BestEffort", strawberry.lazy("graph.types.best_effort")]] = (
        lookup(
            own_lookup(
                "BestEffort",
                m.Activity.id,
                m.BestEffort.activity_id,
                many=True,
                order_by=[m.BestEffort.distance_m],
                always=[LISTED],
            ),
            "Best efforts within the activity, shortest distance first.",
            list_size=sized(len(StandardDistance)),
        )
    )
    duplicate_of: Annotated["Activity", strawberry.lazy("graph.types.activity")] | None = lookup(
        own_lookup(
            "Activity",
            m.Activity.duplicate_of_id,
            m.Activity.id,
            key_to_others=statements.duplicate_for_others,
        ),
        "If the run was recorded more than once: the recording that counts. Null if "
        "this one counts. For other athletes, one of the recordings visible to them "
        "counts.",
        deprecated="Use `recordings`: the first of them counts. Goes after 2027-06-30.",
    )
    recordings: list[Annotated["Activity", strawberry.lazy("graph.types.activity")]] = lookup(
        Lookup(
            "Activity",
            m.Activity.run_id,
            statements.recordings_of_runs,
            many=True,
            athlete=m.Activity.athlete_id,
        ),
        "All recordings of this run, this one included, as by a watch and a phone, or from Strava "
        "and from a file. The first one counts for bests and sums, the others follow by start. At "
        "most 20, only those visible to the caller.",
        list_size=sized(2),
    )
    original: Original | None = lookup(
        ORIGINAL_OF_ACTIVITY,
        "The file it was imported from. Null if it is not kept, for activities of Strava, and for "
        "other athletes.",
    )
    recording_choice: RecordingChoice | None = column(
        m.Activity.recording_choice,
        "What the athlete said of this recording. Null for other athletes.",
        owner_only=True,
    )
    streams = streams_field(
        STREAMS_OF_ACTIVITY,
        "Samples that the device recorded, for charts. Null if none are stored. Other athletes get "
        "those of the way that they see: time and distance begin at 0 there and stand still over "
        "what is left out; null if they see none. It costs "
        f"1 for each {SAMPLES_PER_POINT} of `maxPoints`, and {_STREAMS_WEIGHT} in "
        "advance, which are "
        "refunded.",
        ActivityStreams | None,
        list_size=sized(DEFAULT_POINTS, by=["maxPoints"], per_point=SAMPLES_PER_POINT),
        cost=weighing(_STREAMS_WEIGHT),
    )(read_streams)


@strawberry.input(description="Filter for activities. An activity must meet every given condition.")
class ActivityFilter:
    """Conditions on activities."""

    started_from: datetime | None = strawberry.field(
        default=None, description="Started at or after this instant."
    )
    started_until: datetime | None = strawberry.field(
        default=None, description="Started before this instant."
    )
    sport_types: list[str] | None = strawberry.field(
        default=None, description="The sport type is one of these. At most 50."
    )
    min_distance_meters: float | None = strawberry.field(
        default=None, description="Minimum distance in meters."
    )
    max_distance_meters: float | None = strawberry.field(
        default=None, description="Maximum distance in meters."
    )
    name_contains: str | None = strawberry.field(
        default=None,
        description="The title contains this text, ignoring case. At most 200 characters.",
    )
    source: ActivitySource | None = strawberry.field(
        default=None, description="The activity came from this source."
    )
    gear: strawberry.ID | None = strawberry.field(
        default=None, description="The activity was run in the shoes with this global id."
    )
    include_duplicates: bool = strawberry.field(
        default=True,
        description="true, the default: every recording, so a run that was recorded twice is listed "
        "twice, although bests and sums count it once. false: each run once, by the recording that "
        "counts.",
    )

    def conditions(self) -> dict[str, object]:
        """Make the parameters of the statements' filters.

        Raises OutOfRange, InvalidArgument, InvalidId.
        """
        return {
            "started_from": self.started_from,
            "started_until": self.started_until,
            "sport_types": checked_texts(
                self.sport_types, "filter.sportTypes", max_length=100, max_count=50
            ),
            "min_distance_m": checked_number(
                self.min_distance_meters, "filter.minDistanceMeters", 0, _MAX_METERS
            ),
            "max_distance_m": checked_number(
                self.max_distance_meters, "filter.maxDistanceMeters", 0, _MAX_METERS
            ),
            "name_contains": checked_text(
                self.name_contains, "filter.nameContains", max_length=200
            ),
            **({} if self.source is None else {f"from_{self.source.value}": True}),
            "gear": None if self.gear is None else decode_id_of("Gear", self.gear, "filter.gear"),
            "without_duplicates": None if self.include_duplicates else True,
        }


@strawberry.input(description="Sort order of activities.")
class ActivityOrder:
    """An order of activities."""

    field: ActivityOrderField = strawberry.field(description="Field to order by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.DESC, description="Sort direction."
    )


ActivityFilterArgument = Annotated[
    ActivityFilter | None, strawberry.argument(description="Filter. Default: all activities.")
]
ActivityOrderArgument = Annotated[
    ActivityOrder | None,
    strawberry.argument(description="Sort order. Default: newest first."),
]


def read_activities(
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    filter: ActivityFilterArgument = None,
    order_by: ActivityOrderArgument = None,
) -> PageArguments:
    """Read the arguments of a connection of activities."""
    by = order_by.field if order_by else ActivityOrderField.STARTED_AT
    descending = order_by is None or order_by.direction is OrderDirection.DESC
    conditions = filter.conditions() if filter else None
    return page_arguments(
        statements.ORDERINGS[by, descending],
        conditions,
        first=first,
        after=after,
        last=last,
        before=before,
    )


ACTIVITIES = Paged("Activity", None, statements.ACTIVITIES)
ACTIVITIES_OF_ATHLETE = Paged("Activity", m.Athlete.id, statements.ACTIVITIES_OF_ATHLETE)
