"""Personal bests."""

from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import strawberry

from athletics.age_grade_table import Sex
from athletics.distance import StandardDistance
from db import models as m
from db.statements.pace import per_mile
from db.statements.performance import personal_best as statements
from db.statements.performance.best_effort import age_grade_to_others
from db.statements.performance.completion import completion_to_others, local_completion
from db.statements.performance.distance import label
from graph.input_checks import checked_number, checked_text
from graph.mapping.relation import Arguments, Lookup, Paged, lookup, own_lookup, rows_by
from graph.mapping.row_type import column, embedded, node_id, row_type
from graph.pagination import After, Before, First, Last, PageArguments, page_arguments
from graph.scalars import LocalDateTime
from graph.types.age_grade import AgeGrade
from graph.types.enums import LeaderboardBasis
from graph.types.node import Node

if TYPE_CHECKING:
    from graph.types.activity import Activity
    from graph.types.athlete import Athlete
    from graph.types.best_effort import BestEffort

_MAX_AGE = 150
_AGE_IS_SHOWN = (
    "Other athletes are included only if they agreed to show age grades (`sharesAgeGrades`)."
)


@row_type(
    m.PersonalBest,
    "An effort that was faster than all earlier ones over its distance. For other "
    "athletes, only efforts visible to them are compared, so hidden runs are not "
    "revealed.",
)
class PersonalBest(Node):
    """A personal best's row. The age grade comes from its effort's row."""

    id: strawberry.ID = node_id(m.PersonalBest, "PersonalBest")
    athlete: Annotated["Athlete", strawberry.lazy("graph.types.athlete")] = lookup(
        Lookup("Athlete", m.PersonalBest.athlete_id, rows_by(m.Athlete, m.Athlete.id)),
        "The athlete it belongs to.",
    )
    distance: StandardDistance = column(m.PersonalBest.distance, "Standard distance.")
    distance_label: str = column(
        label(m.PersonalBest.distance), "The distance for people, in English: 5 km, Half marathon."
    )
    distance_meters: float = column(m.PersonalBest.distance_m, "Exact distance in meters.")
    elapsed_time_seconds: float = column(
        m.PersonalBest.elapsed_s, "Elapsed time in seconds, including pauses."
    )
    pace_seconds_per_kilometer: float = column(
        m.PersonalBest.pace_s_per_km, "Elapsed time divided by distance, in seconds per kilometer."
    )
    pace_seconds_per_mile: float = column(
        per_mile(m.PersonalBest.pace_s_per_km),
        "Elapsed time divided by distance, in seconds per mile.",
    )
    achieved_at: datetime = column(
        m.PersonalBest.completed_at,
        "Time the distance was completed. For other athletes as if the effort had begun with the "
        "run, unless the athlete hides no surroundings of starts.",
        to_others=partial(completion_to_others, m.PersonalBest),
    )
    achieved_at_local: LocalDateTime = column(
        partial(local_completion, m.PersonalBest),
        "`achievedAt` on the athlete's local clock, as it was at the start of the run.",
        to_others=partial(local_completion, m.PersonalBest, to_others=True),
    )
    activity: Annotated["Activity", strawberry.lazy("graph.types.activity")] = lookup(
        own_lookup("Activity", m.PersonalBest.activity_id, m.Activity.id),
        "The run that contains it.",
    )
    best_effort: Annotated["BestEffort", strawberry.lazy("graph.types.best_effort")] = lookup(
        own_lookup("BestEffort", m.PersonalBest.id, m.BestEffort.id),
        "The effort that set it.",
    )
    age_grade: AgeGrade | None = embedded(
        AgeGrade,
        "Age grade. Null if the athlete's birth date or sex is unknown, or the table "
        "does not cover the age. Other athletes see it only if the athlete agreed "
        "(`sharesAgeGrades`), because it reveals the age.",
        present=m.PersonalBest.age_grade_percent,
        present_to_others=lambda: age_grade_to_others(m.PersonalBest),
    )
    previous: Annotated["PersonalBest", strawberry.lazy("graph.types.personal_best")] | None = (
        lookup(
            own_lookup(
                "PersonalBest",
                m.PersonalBest.previous_id,
                m.PersonalBest.id,
                key_to_others=m.PersonalBest.previous_for_others_id,
            ),
            "The personal best before this one. Null for the first.",
        )
    )
    improvement_seconds: float | None = column(
        m.PersonalBest.improvement_s,
        "Seconds faster than `previous`. Null for the first.",
        to_others=m.PersonalBest.improvement_for_others_s,
    )


@strawberry.input(
    description="Filter for a leaderboard. A personal best must meet every given condition."
)
class LeaderboardFilter:
    """Conditions on a leaderboard."""

    sex: Sex | None = strawberry.field(default=None, description="The athlete is of this sex.")
    country: str | None = strawberry.field(
        default=None, description="The athlete's country is this one, ignoring case."
    )
    min_age: int | None = strawberry.field(
        default=None, description=f"Minimum age on the day. {_AGE_IS_SHOWN}"
    )
    max_age: int | None = strawberry.field(
        default=None, description=f"Maximum age on the day. {_AGE_IS_SHOWN}"
    )
    achieved_from: date | None = strawberry.field(
        default=None, description="First day (UTC) to include."
    )
    achieved_until: date | None = strawberry.field(
        default=None, description="Last day (UTC) to include."
    )

    def conditions(self) -> dict[str, object]:
        """Make the parameters of the statement's filters. Raises OutOfRange, InvalidArgument."""
        return {
            "athlete_sex": self.sex,
            "athlete_country": checked_text(self.country, "filter.country", max_length=100),
            "min_age": checked_number(self.min_age, "filter.minAge", 0, _MAX_AGE),
            "max_age": checked_number(self.max_age, "filter.maxAge", 0, _MAX_AGE),
            "achieved_from": self.achieved_from,
            "achieved_until": self.achieved_until,
        }


def read_history(
    distance: Annotated[StandardDistance, strawberry.argument(description="Standard distance.")],
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> PageArguments:
    """Read the arguments of the history of bests."""
    return page_arguments(
        statements.NEWEST,
        {"distance": distance},
        first=first,
        after=after,
        last=last,
        before=before,
    )


def read_leaderboard(
    distance: Annotated[StandardDistance, strawberry.argument(description="Standard distance.")],
    by: Annotated[
        LeaderboardBasis,
        strawberry.argument(
            description=f"What to order by. Default: ELAPSED_TIME. With AGE_GRADE: {_AGE_IS_SHOWN}"
        ),
    ] = (LeaderboardBasis.ELAPSED_TIME),
    filter: Annotated[
        LeaderboardFilter | None,
        strawberry.argument(
            description="Filter. Default: all personal bests visible to the caller."
        ),
    ] = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> PageArguments:
    """Read the arguments of a leaderboard."""
    graded = by is LeaderboardBasis.AGE_GRADE
    conditions = {
        **(filter.conditions() if filter else {}),
        "distance": distance,
        "graded": graded or None,
    }
    ordering = statements.BEST_AGE_GRADE if graded else statements.FASTEST
    return page_arguments(ordering, conditions, first=first, after=after, last=last, before=before)


def read_personal_bests(
    distances: Annotated[
        list[StandardDistance] | None,
        strawberry.argument(description="Distances to include. Default: all."),
    ] = None,
) -> Arguments:
    """Read the arguments of the current bests."""
    if distances is None:
        return Arguments()
    return Arguments(frozenset({"distances"}), (("distances", tuple(dict.fromkeys(distances))),))


CURRENT_OF_ATHLETE = Lookup(
    "PersonalBest",
    m.Athlete.id,
    rows_by(
        m.PersonalBest,
        m.PersonalBest.athlete_id,
        order_by=[m.PersonalBest.distance_m],
        always=[statements.CURRENT],
        filters={"distances": statements.of_distances()},
    ),
    many=True,
)
HISTORY_OF_ATHLETE = Paged("PersonalBest", m.Athlete.id, statements.HISTORY_OF_ATHLETE)
LEADERBOARD = Paged("PersonalBest", None, statements.LEADERBOARD)
