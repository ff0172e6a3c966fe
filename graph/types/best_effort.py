"""Best efforts."""

from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import strawberry

from athletics.activity_effort import EffortProvenance
from athletics.distance import StandardDistance
from db import models as m
from db.statements import best_effort as statements
from graph.pagination import After, First, PageArguments, page_arguments
from graph.relation import Lookup, Paged, lookup, rows_by
from graph.row_type import column, embedded, node_id, row_type
from graph.types.age_grade import AgeGrade
from graph.types.node import Node

if TYPE_CHECKING:
    from graph.types.activity import Activity


@row_type(m.BestEffort, "The fastest stretch over a standard distance inside one run.")
class BestEffort(Node):
    """An effort's row."""

    id: strawberry.ID = node_id(m.BestEffort, "BestEffort")
    activity: Annotated["Activity", strawberry.lazy("graph.types.activity")] = lookup(
        Lookup("Activity", m.BestEffort.activity_id, rows_by(m.Activity, m.Activity.id)), "The run it is a part of."
    )
    distance: StandardDistance = column(m.BestEffort.distance, "Over which distance.")
    distance_meters: float = column(m.BestEffort.distance_m, "The distance, exactly, in metres.")
    elapsed_time_seconds: float = column(m.BestEffort.elapsed_s, "Its time in seconds, pauses included.")
    start_offset_seconds: float = column(m.BestEffort.start_offset_s, "Where it begins, in seconds from the start.")
    achieved_at: datetime = column(m.BestEffort.achieved_at, "When the distance was completed.")
    age_grade: AgeGrade | None = embedded(
        AgeGrade,
        "Its age grade; null where the athlete's birth date or sex is not known, or the table does not cover the age. "
        "Others than the athlete see it only where the athlete agreed (`sharesAgeGrades`), for it tells the age.",
        present=m.BestEffort.age_grade_percent,
        present_to_others=lambda: statements.age_grade_to_others(m.BestEffort),
    )
    rank: int = column(
        statements.rank,
        "Its place among the athlete's efforts over the distance, from 1; equal times share a place. For others than "
        "the athlete: among those they may see.",
        to_others=partial(statements.rank, to_others=True),
    )
    is_personal_best: bool = column(
        statements.is_personal_best,
        "Whether it is the athlete's current best; for others than the athlete, the best of those they may see.",
        to_others=partial(statements.is_personal_best, to_others=True),
    )
    excluded: bool = column(
        m.BestEffort.excluded,
        "Whether the athlete excluded it: then it does not count, and `rank` is the place it would have.",
    )
    provenance: EffortProvenance = column(m.BestEffort.provenance, "What it was read from.")


def read_best_efforts(
    distance: Annotated[StandardDistance, strawberry.argument(description="Over which distance.")],
    first: First = None,
    after: After = None,
    from_: Annotated[
        date | None, strawberry.argument(name="from", description="From this day on, at the athlete's place.")
    ] = None,
    until: Annotated[
        date | None, strawberry.argument(description="Until this day, which is included, at the athlete's place.")
    ] = None,
    include_excluded: Annotated[
        bool, strawberry.argument(description="Also those that do not count: excluded, or of a duplicate.")
    ] = False,
) -> PageArguments:
    """Read the arguments of a connection of best efforts."""
    filters = {
        "distance": distance, "day_from": from_, "day_until": until, "counting": None if include_excluded else True,
    }  # fmt: skip
    return page_arguments(statements.FASTEST, filters, first=first, after=after)


EFFORTS_OF_ATHLETE = Paged("BestEffort", m.Athlete.id, statements.EFFORTS_OF_ATHLETE)
