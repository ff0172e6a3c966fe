"""Athletes."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from athletics.age_grade_table import Sex
from athletics.distance import StandardDistance
from db import models as m
from db.models import MeasurementSystem
from db.statements.athletes import athlete as statements
from graph.cost.directives import sized
from graph.input_checks import checked_text
from graph.mapping.relation import (
    MOST_UNPAGED,
    Lookup,
    Paged,
    connection,
    lookup,
    lookup_with,
    rows_by,
)
from graph.mapping.row_type import column, node_id, row_type
from graph.pagination import After, Before, First, Last, PageArguments, page_arguments
from graph.types.activity import ACTIVITIES_OF_ATHLETE, read_activities
from graph.types.best_effort import (
    CURVE_OF_ATHLETE,
    EFFORTS_OF_ATHLETE,
    BestEffort,
    read_best_efforts,
)
from graph.types.critical_speed import SPEED_OF_ATHLETE, CriticalSpeed
from graph.types.deleted_activity import DELETED_OF_ATHLETE, read_deleted
from graph.types.effort_period import read_period
from graph.types.enums import AthleteOrderField, OrderDirection
from graph.types.gear import GEAR_OF_ATHLETE
from graph.types.heart_rate import (
    TIME_OF_ATHLETE,
    ZONES_OF_ATHLETE,
    HeartRateZone,
    HeartRateZoneTime,
    read_time_in_zones,
    read_zones,
)
from graph.types.job import JOBS_OF_ATHLETE, read_jobs
from graph.types.node import Node
from graph.types.personal_best import (
    CURRENT_OF_ATHLETE,
    HISTORY_OF_ATHLETE,
    PersonalBest,
    read_history,
    read_personal_bests,
)
from graph.types.race_prediction import (
    PREDICTIONS_OF_ATHLETE,
    RacePrediction,
    read_predictions,
)
from graph.types.sync_problem import SyncProblem
from graph.types.training_load import (
    DEFAULT_DAYS,
    LOAD_OF_ATHLETE,
    TrainingLoadDay,
    read_load,
)
from graph.types.training_summary import SUMMARIES_OF_ATHLETE, TrainingSummary, read_summaries

if TYPE_CHECKING:
    from graph.types.gear import Gear
    from graph.types.strava_account import StravaAccount


@row_type(m.Athlete, "A runner.")
class Athlete(Node):
    """An athlete's row."""

    id: strawberry.ID = node_id(m.Athlete, "Athlete")
    first_name: str = column(m.Athlete.first_name, "First name.")
    last_name: str = column(m.Athlete.last_name, "Last name.")
    display_name: str = column(m.Athlete.display_name, "First and last name.")
    sex: Sex | None = column(
        m.Athlete.sex, "Sex of the standards used for age grades. Null if not given."
    )
    birth_date: date | None = column(
        m.Athlete.birth_date,
        "Date of birth. Null if not given. Visible only to the athlete and administrators.",
        owner_only=True,
    )
    city: str | None = column(m.Athlete.city, "City. Null if not given.")
    country: str | None = column(m.Athlete.country, "Country. Null if not given.")
    measurement_system: MeasurementSystem = column(
        m.Athlete.measurement_system, "Units the athlete prefers."
    )
    shares: bool | None = column(
        m.Athlete.shares,
        "Whether the athlete agreed to be visible to other athletes. Applies only if "
        "this server allows sharing. Null for other athletes.",
        owner_only=True,
    )
    shares_age_grades: bool | None = column(
        m.Athlete.shares_age_grades,
        "Whether the athlete also agreed to show age grades to other athletes. An age "
        "grade reveals the age on the day; several reveal the birth date. Null for "
        "other athletes.",
        owner_only=True,
    )
    hidden_radius_meters: int | None = column(
        m.Athlete.hidden_radius_m,
        "Radius around the start and end of each route, in meters, within which other athletes see "
        "no part of it. 0 hides nothing. Null for other athletes.",
        owner_only=True,
    )
    resting_heart_rate: int | None = column(
        m.Athlete.resting_heart_rate_bpm,
        "Heart rate at rest in beats per minute, for the training load. Null if not given, and for "
        "other athletes.",
        owner_only=True,
    )
    max_heart_rate: int | None = column(
        m.Athlete.max_heart_rate_bpm,
        "Maximum heart rate in beats per minute, for the training load. Null if not given, and for "
        "other athletes.",
        owner_only=True,
    )
    created_at: datetime = column(m.Athlete.created_at, "Time the athlete joined this server.")
    strava_connection: (
        Annotated["StravaAccount", strawberry.lazy("graph.types.strava_account")] | None
    ) = lookup(
        Lookup(
            "StravaAccount",
            m.Athlete.id,
            rows_by(m.StravaConnection, m.StravaConnection.athlete_id),
        ),
        "Connection to Strava. Null if there is none, and for other athletes.",
    )
    sync_problems: list[SyncProblem] = lookup(
        Lookup(
            "SyncProblem",
            m.Athlete.id,
            rows_by(
                m.SyncProblem,
                m.SyncProblem.athlete_id,
                order_by=[m.SyncProblem.since, m.SyncProblem.id],
                most=MOST_UNPAGED,
            ),
            many=True,
        ),
        "Activities that syncs could not have until now, the longest first. At most 100. Empty for "
        "other athletes.",
        list_size=sized(10),
    )
    activities = connection(
        ACTIVITIES_OF_ATHLETE,
        "The athlete's activities, by default newest first: every recording of a run unless "
        "`filter.includeDuplicates` is false.",
    )(read_activities)
    deleted_activities = connection(
        DELETED_OF_ATHLETE,
        "Activities that the athlete deleted here and `restoreActivity` can bring back, the last "
        "deleted first. Empty for other athletes.",
    )(read_deleted)
    personal_bests = lookup_with(
        CURRENT_OF_ATHLETE,
        "Current personal bests, shortest distance first. For other athletes: the "
        "bests of the efforts visible to them.",
        list[PersonalBest],
        list_size=sized(len(StandardDistance), by=["distances"]),
    )(read_personal_bests)
    personal_best_history = connection(
        HISTORY_OF_ATHLETE, "Every personal best over one distance, newest first."
    )(read_history)
    best_efforts = connection(
        EFFORTS_OF_ATHLETE,
        "Best efforts over one distance, fastest first. Of equal times the earlier achieved stands "
        "first.",
    )(read_best_efforts)
    pace_curve = lookup_with(
        CURVE_OF_ATHLETE,
        "The fastest effort over each distance in a period, shortest distance first. Of equal "
        "times the earlier achieved.",
        list[BestEffort],
        list_size=sized(len(StandardDistance)),
    )(read_period)
    critical_speed = lookup_with(
        SPEED_OF_ATHLETE,
        "Critical speed by the fastest efforts of a period over 400, 800, 1000, 1500, 3000 and "
        "5000 meters. Null without three of them, one of 3000 meters or more and one of 1500 or "
        "less, and where no line of a runner goes through them.",
        CriticalSpeed | None,
    )(read_period)
    race_predictions = lookup_with(
        PREDICTIONS_OF_ATHLETE,
        "Times that the fastest efforts of a period promise, shortest distance first. A distance "
        "that no effort is near enough to is left out.",
        list[RacePrediction],
        list_size=sized(len(StandardDistance), by=["distances"]),
    )(read_predictions)
    training_summary = lookup_with(
        SUMMARIES_OF_ATHLETE,
        "Totals of the runs per period, newest first. Periods without runs are omitted.",
        list[TrainingSummary],
        list_size=sized(52),
    )(read_summaries)
    training_load = lookup_with(
        LOAD_OF_ATHLETE,
        "Training load of each day, oldest first, by the heart rates of the runs and the athlete's "
        "`restingHeartRate`, `maxHeartRate` and `sex`. Empty without one of these, and for other "
        "athletes. Null if an argument is refused; `errors` says which.",
        list[TrainingLoadDay] | None,
        list_size=sized(DEFAULT_DAYS, by=["days"]),
    )(read_load)
    gear: list[Annotated["Gear", strawberry.lazy("graph.types.gear")]] = lookup(
        GEAR_OF_ATHLETE,
        "The athlete's shoes, those in use first, then by name. At most 100. For other athletes: "
        "those of the activities visible to them.",
        list_size=sized(10),
    )
    heart_rate_zones = lookup_with(
        ZONES_OF_ATHLETE,
        "Heart rate zones that hold on a day, lowest first. Empty if none were set, and for other "
        "athletes.",
        list[HeartRateZone],
        list_size=sized(5),
    )(read_zones)
    time_in_heart_rate_zones = lookup_with(
        TIME_OF_ATHLETE,
        "Time in each heart rate zone over the runs of a period, by the zones of each run's day. "
        "Empty for other athletes.",
        list[HeartRateZoneTime],
        list_size=sized(5),
    )(read_time_in_zones)
    jobs = connection(
        JOBS_OF_ATHLETE, "The athlete's jobs, newest first. Empty for other athletes."
    )(read_jobs)


@strawberry.input(description="Filter for athletes. An athlete must meet every given condition.")
class AthleteFilter:
    """Conditions on athletes."""

    name_contains: str | None = strawberry.field(
        default=None,
        description="The first and last name contain this text, ignoring case. At most 200 "
        "characters.",
    )
    sex: Sex | None = strawberry.field(default=None, description="The athlete is of this sex.")
    country: str | None = strawberry.field(
        default=None, description="The athlete's country is this one, ignoring case."
    )

    def conditions(self) -> dict[str, object]:
        """Make the parameters of the statements' filters. Raises OutOfRange, InvalidArgument."""
        return {
            "athlete_name": checked_text(self.name_contains, "filter.nameContains", max_length=200),
            "athlete_sex": self.sex,
            "athlete_country": checked_text(self.country, "filter.country", max_length=100),
        }


@strawberry.input(description="Sort order of athletes.")
class AthleteOrder:
    """An order of athletes."""

    field: AthleteOrderField = strawberry.field(description="Field to order by.")
    direction: OrderDirection = strawberry.field(
        default=OrderDirection.ASC, description="Sort direction."
    )


def read_athletes(
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    filter: Annotated[
        AthleteFilter | None,
        strawberry.argument(description="Filter. Default: all athletes visible to the caller."),
    ] = None,
    order_by: Annotated[
        AthleteOrder | None,
        strawberry.argument(description="Sort order. Default: in order of joining."),
    ] = None,
) -> PageArguments:
    """Read the arguments of a connection of athletes."""
    by = order_by.field if order_by else AthleteOrderField.JOINED
    descending = order_by is not None and order_by.direction is OrderDirection.DESC
    conditions = filter.conditions() if filter else None
    return page_arguments(
        statements.ORDERINGS[by, descending],
        conditions,
        first=first,
        after=after,
        last=last,
        before=before,
    )


ATHLETES = Paged("Athlete", None, statements.ATHLETES)
ATHLETE_BY_ID = Lookup("Athlete", None, rows_by(m.Athlete, m.Athlete.id))
