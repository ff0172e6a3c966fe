"""Athletes."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from athletics.age_grade import Sex
from athletics.distance import StandardDistance
from db import models as m
from db.models import MeasurementSystem
from db.statements import athlete as statements
from graph.arguments import checked_text
from graph.cost_directives import sized
from graph.pagination import After, Before, First, Last, PageArguments, page_arguments
from graph.relation import Lookup, Paged, connection, lookup, lookup_with, rows_by
from graph.row_type import column, node_id, row_type
from graph.types.activity import ACTIVITIES_OF_ATHLETE, read_activities
from graph.types.best_effort import EFFORTS_OF_ATHLETE, read_best_efforts
from graph.types.enums import AthleteOrderField, OrderDirection
from graph.types.job import JOBS_OF_ATHLETE, read_jobs
from graph.types.node import Node
from graph.types.personal_best import (
    CURRENT_OF_ATHLETE,
    HISTORY_OF_ATHLETE,
    PersonalBest,
    read_history,
    read_personal_bests,
)
from graph.types.training_summary import SUMMARIES_OF_ATHLETE, TrainingSummary, read_summaries

if TYPE_CHECKING:
    from graph.types.strava_connection import StravaConnection


@row_type(m.Athlete, "A runner.")
class Athlete(Node):
    """An athlete's row."""

    id: strawberry.ID = node_id(m.Athlete, "Athlete")
    first_name: str = column(m.Athlete.first_name, "First name.")
    last_name: str = column(m.Athlete.last_name, "Last name.")
    display_name: str = column(m.Athlete.display_name, "First and last name.")
    sex: Sex | None = column(m.Athlete.sex, "Whose standards age grades use; null where not given.")
    birth_date: date | None = column(
        m.Athlete.birth_date, "Null where not given; others than the athlete do not see it.", owner_only=True
    )
    city: str | None = column(m.Athlete.city, "Null where not given.")
    country: str | None = column(m.Athlete.country, "Null where not given.")
    measurement_system: MeasurementSystem = column(m.Athlete.measurement_system, "Units the athlete wants to see.")
    shares: bool | None = column(
        m.Athlete.shares,
        "Whether the athlete agreed to be seen by others; it counts only where this server allows sharing. "
        "Others than the athlete see null.",
        owner_only=True,
    )
    shares_age_grades: bool | None = column(
        m.Athlete.shares_age_grades,
        "Whether the athlete also agreed that others see age grades, from which the age on the day can be worked out "
        "and, from many, the birth date. Others than the athlete see null.",
        owner_only=True,
    )
    created_at: datetime = column(m.Athlete.created_at, "When the athlete came to this server.")
    strava_connection: Annotated["StravaConnection", strawberry.lazy("graph.types.strava_connection")] | None = lookup(
        Lookup("StravaConnection", m.Athlete.id, rows_by(m.StravaConnection, m.StravaConnection.athlete_id)),
        "The connection to Strava; null where there is none. Others than the athlete see null.",
    )
    activities = connection(ACTIVITIES_OF_ATHLETE, "The athlete's activities, newest first.")(read_activities)
    personal_bests = lookup_with(
        CURRENT_OF_ATHLETE,
        "The current personal bests, shortest distance first; to others than the athlete the bests they may see.",
        list[PersonalBest],
        list_size=sized(len(StandardDistance), by=["distances"]),
    )(read_personal_bests)
    personal_best_history = connection(HISTORY_OF_ATHLETE, "Each improvement over one distance, newest first.")(
        read_history
    )
    best_efforts = connection(EFFORTS_OF_ATHLETE, "The best efforts over one distance, fastest first.")(
        read_best_efforts
    )
    training_summary = lookup_with(
        SUMMARIES_OF_ATHLETE, "The runs summed up by period, newest first; periods without runs are left out.",
        list[TrainingSummary], list_size=sized(52),
    )(read_summaries)  # fmt: skip
    jobs = connection(JOBS_OF_ATHLETE, "The athlete's jobs, newest first. Others than the athlete see none.")(read_jobs)


@strawberry.input(description="Which athletes; conditions that are not given do not apply.")
class AthleteFilter:
    """Conditions on athletes."""

    name_contains: str | None = strawberry.field(
        default=None, description="With this in first and last name, in any case; at most 200 characters."
    )
    sex: Sex | None = strawberry.field(default=None, description="Of this sex.")
    country: str | None = strawberry.field(default=None, description="Of this country, in any case.")

    def conditions(self) -> dict[str, object]:
        """Make the parameters of the statements' filters. Raises OutOfRange, InvalidArgument."""
        return {
            "athlete_name": checked_text(self.name_contains, "filter.nameContains", max_length=200),
            "athlete_sex": self.sex,
            "athlete_country": checked_text(self.country, "filter.country", max_length=100),
        }


@strawberry.input(description="How athletes are ordered.")
class AthleteOrder:
    """An order of athletes."""

    field: AthleteOrderField = strawberry.field(description="By what.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which way.")


def read_athletes(
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    filter: Annotated[  # noqa: A002 - the argument's public name
        AthleteFilter | None, strawberry.argument(description="Which athletes; all visible ones when not given.")
    ] = None,
    order_by: Annotated[
        AthleteOrder | None, strawberry.argument(description="In which order; of joining when not given.")
    ] = None,
) -> PageArguments:
    """Read the arguments of a connection of athletes."""
    by = order_by.field if order_by else AthleteOrderField.JOINED
    descending = order_by is not None and order_by.direction is OrderDirection.DESC
    conditions = filter.conditions() if filter else None
    return page_arguments(
        statements.ORDERINGS[by, descending], conditions, first=first, after=after, last=last, before=before
    )


ATHLETES = Paged("Athlete", None, statements.ATHLETES)
ATHLETE_BY_ID = Lookup("Athlete", None, rows_by(m.Athlete, m.Athlete.id))
