"""Personal bests."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from athletics.age_grade import Sex
from athletics.distance import StandardDistance
from db import models as m
from db.statements import personal_best as statements
from db.statements.best_effort import age_grade_to_others
from graph.arguments import checked_number, checked_text
from graph.pagination import After, First, PageArguments, page_arguments
from graph.relation import Arguments, Lookup, Paged, lookup, rows_by
from graph.row_type import column, embedded, node_id, row_type
from graph.types.age_grade import AgeGrade
from graph.types.enums import LeaderboardBasis
from graph.types.node import Node

if TYPE_CHECKING:
    from graph.types.activity import Activity
    from graph.types.athlete import Athlete
    from graph.types.best_effort import BestEffort

_MAX_AGE = 150
_AGE_IS_SHOWN = "By age or age grade others are found only where they agreed to show it (`sharesAgeGrades`)."


@row_type(
    m.PersonalBest,
    "An effort that was faster than all before it over its distance. For others than the athlete: than all before it "
    "that they may see, so that nothing tells of a run that is hidden from them.",
)
class PersonalBest(Node):
    """A personal best's row, and its effort's for the age grade."""

    id: strawberry.ID = node_id(m.PersonalBest, "PersonalBest")
    athlete: Annotated["Athlete", strawberry.lazy("graph.types.athlete")] = lookup(
        Lookup("Athlete", m.PersonalBest.athlete_id, rows_by(m.Athlete, m.Athlete.id)), "Whose best it is."
    )
    distance: StandardDistance = column(m.PersonalBest.distance, "Over which distance.")
    distance_meters: float = column(m.PersonalBest.distance_m, "The distance, exactly, in metres.")
    elapsed_time_seconds: float = column(m.PersonalBest.elapsed_s, "Its time in seconds, pauses included.")
    achieved_at: datetime = column(m.PersonalBest.achieved_at, "When the distance was completed.")
    activity: Annotated["Activity", strawberry.lazy("graph.types.activity")] = lookup(
        Lookup("Activity", m.PersonalBest.activity_id, rows_by(m.Activity, m.Activity.id)), "The run it is a part of."
    )
    best_effort: Annotated["BestEffort", strawberry.lazy("graph.types.best_effort")] = lookup(
        Lookup("BestEffort", m.PersonalBest.id, rows_by(m.BestEffort, m.BestEffort.id)), "The effort that it is."
    )
    age_grade: AgeGrade | None = embedded(
        AgeGrade,
        "Its age grade; null where the athlete's birth date or sex is not known, or the table does not cover the age. "
        "Others than the athlete see it only where the athlete agreed (`sharesAgeGrades`), for it tells the age.",
        present=m.BestEffort.age_grade_percent,
        present_to_others=lambda: age_grade_to_others(m.PersonalBest),
    )
    previous: Annotated["PersonalBest", strawberry.lazy("graph.types.personal_best")] | None = lookup(
        Lookup(
            "PersonalBest",
            m.PersonalBest.previous_id,
            rows_by(m.PersonalBest, m.PersonalBest.id),
            key_to_others=m.PersonalBest.previous_for_others_id,
        ),
        "The best that this one improved on; null for the first.",
    )
    improvement_seconds: float | None = column(
        m.PersonalBest.improvement_s,
        "By how many seconds it improved on the previous; null for the first.",
        to_others=m.PersonalBest.improvement_for_others_s,
    )


@strawberry.input(description="Whose bests a leaderboard shows; conditions that are not given do not apply.")
class LeaderboardFilter:
    """Conditions on a leaderboard."""

    sex: Sex | None = strawberry.field(default=None, description="Of athletes of this sex.")
    country: str | None = strawberry.field(default=None, description="Of athletes of this country, in any case.")
    min_age: int | None = strawberry.field(
        default=None, description=f"Of athletes at least this old on the day. {_AGE_IS_SHOWN}"
    )
    max_age: int | None = strawberry.field(
        default=None, description=f"Of athletes at most this old on the day. {_AGE_IS_SHOWN}"
    )
    achieved_from: date | None = strawberry.field(default=None, description="Achieved on this day (UTC) or later.")
    achieved_until: date | None = strawberry.field(default=None, description="Achieved on this day (UTC) or before.")

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
    distance: Annotated[StandardDistance, strawberry.argument(description="Over which distance.")],
    first: First = None,
    after: After = None,
) -> PageArguments:
    """Read the arguments of the history of bests."""
    return page_arguments(statements.NEWEST, {"distance": distance}, first=first, after=after)


def read_leaderboard(
    distance: Annotated[StandardDistance, strawberry.argument(description="Over which distance.")],
    by: Annotated[LeaderboardBasis, strawberry.argument(description=f"What it is ordered by. {_AGE_IS_SHOWN}")] = (
        LeaderboardBasis.ELAPSED_TIME
    ),
    filter: Annotated[  # noqa: A002 - the argument's public name
        LeaderboardFilter | None, strawberry.argument(description="Whose bests; all visible ones when not given.")
    ] = None,
    first: First = None,
    after: After = None,
) -> PageArguments:
    """Read the arguments of a leaderboard."""
    graded = by is LeaderboardBasis.AGE_GRADE
    conditions = {**(filter.conditions() if filter else {}), "distance": distance, "graded": graded or None}
    ordering = statements.BEST_AGE_GRADE if graded else statements.FASTEST
    return page_arguments(ordering, conditions, first=first, after=after)


def read_personal_bests(
    distances: Annotated[
        list[StandardDistance] | None, strawberry.argument(description="Over which distances; all when not given.")
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
