"""Best efforts."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import strawberry

from athletics.distance import StandardDistance
from athletics.effort_provenance import EffortProvenance
from db import models as m
from db.statements.pace import per_mile
from db.statements.performance import best_effort as statements
from db.statements.performance.completion import completion_to_others, local_completion
from db.statements.performance.distance import label
from db.statements.performance.fastest_effort import pace_curve
from graph.mapping.relation import Lookup, Paged, lookup, own_lookup
from graph.mapping.row_type import column, embedded, node_id, row_type
from graph.pagination import After, Before, First, Last, PageArguments, page_arguments
from graph.scalars import LocalDateTime
from graph.types.age_grade import AgeGrade
from graph.types.days import FromDay, UntilDay
from graph.types.node import Node

if TYPE_CHECKING:
    from graph.types.activity import Activity


@row_type(m.BestEffort, "The fastest stretch of a standard distance within one run.")
class BestEffort(Node):
    """An effort's row."""

    id: strawberry.ID = node_id(m.BestEffort, "BestEffort")
    activity: Annotated["Activity", strawberry.lazy("graph.types.activity")] = lookup(
        own_lookup("Activity", m.BestEffort.activity_id, m.Activity.id),
        "The run that contains it.",
    )
    distance: StandardDistance = column(m.BestEffort.distance, "Standard distance.")
    distance_label: str = column(
        label(m.BestEffort.distance), "The distance for people, in English: 5 km, Half marathon."
    )
    distance_meters: float = column(m.BestEffort.distance_m, "Exact distance in meters.")
    elapsed_time_seconds: float = column(
        m.BestEffort.elapsed_s, "Elapsed time in seconds, including pauses."
    )
    pace_seconds_per_kilometer: float = column(
        m.BestEffort.pace_s_per_km, "Elapsed time divided by distance, in seconds per kilometer."
    )
    pace_seconds_per_mile: float = column(
        per_mile(m.BestEffort.pace_s_per_km),
        "Elapsed time divided by distance, in seconds per mile.",
    )
    start_offset_seconds: float = column(
        m.BestEffort.start_offset_s,
        "Seconds from the start of the run to the start of the effort. For other athletes 0, "
        "unless the athlete hides no surroundings of starts: it would tell how far away the start "
        "is.",
        to_others=statements.start_offset_to_others,
    )
    start_distance_meters: float | None = column(
        m.BestEffort.start_distance_m,
        "Meters from the start of the run to the start of the effort, as the run's "
        "distance counts. "
        "Null without samples, and for other athletes unless the athlete hides no surroundings of "
        "starts.",
        to_others=statements.start_distance_to_others,
    )
    average_heart_rate: float | None = column(
        m.BestEffort.average_heart_rate_bpm,
        "Average heart rate during the effort, in beats per minute. Null if not recorded for half "
        "of it, and for other athletes unless the athlete hides no surroundings of starts.",
        to_others=statements.heart_rate_to_others,
    )
    achieved_at: datetime = column(
        m.BestEffort.completed_at,
        "Time the distance was completed. For other athletes as if the effort had begun with the "
        "run, unless the athlete hides no surroundings of starts.",
        to_others=partial(completion_to_others, m.BestEffort),
    )
    achieved_at_local: LocalDateTime = column(
        partial(local_completion, m.BestEffort),
        "`achievedAt` on the athlete's local clock, as it was at the start of the run.",
        to_others=partial(local_completion, m.BestEffort, to_others=True),
    )
    age_grade: AgeGrade | None = embedded(
        AgeGrade,
        "Age grade. Null if the athlete's birth date or sex is unknown, or the table "
        "does not cover the age. Other athletes see it only if the athlete agreed "
        "(`sharesAgeGrades`), because it reveals the age.",
        present=m.BestEffort.age_grade_percent,
        present_to_others=lambda: statements.age_grade_to_others(m.BestEffort),
    )
    rank: int = column(
        statements.rank,
        "Rank among the athlete's efforts over this distance, from 1. Equal times "
        "share a rank. For other athletes, only efforts visible to them are ranked.",
        to_others=partial(statements.rank, to_others=True),
    )
    is_personal_best: bool = column(
        statements.is_personal_best,
        "Whether this is the athlete's current personal best. For other athletes: the "
        "best effort visible to them.",
        to_others=partial(statements.is_personal_best, to_others=True),
    )
    excluded: bool = column(
        m.BestEffort.excluded,
        "Whether the athlete excluded this effort. It then does not count, and `rank` "
        "is the rank it would have.",
    )
    counts: bool = column(
        m.BestEffort.counts,
        "Whether it is ranked and can be a personal best: neither it nor its activity "
        "is excluded, and "
        "no other recording of the run counts. Otherwise `rank` is the rank it would have. For "
        "other athletes: whether it counts among the efforts visible to them.",
        to_others=m.BestEffort.counts_for_others,
    )
    provenance: EffortProvenance = column(
        m.BestEffort.provenance, "What the effort was measured from."
    )


def read_best_efforts(
    distance: Annotated[StandardDistance, strawberry.argument(description="Standard distance.")],
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    from_: FromDay = None,
    until: UntilDay = None,
    include_excluded: Annotated[
        bool,
        strawberry.argument(
            description="Include efforts that do not count (`counts`): excluded ones, and those of "
            "duplicate activities. Default: false."
        ),
    ] = False,
) -> PageArguments:
    """Read the arguments of a connection of best efforts."""
    filters = {
        "distance": distance,
        "day_from": from_,
        "day_until": until,
        "counting": None if include_excluded else True,
    }
    return page_arguments(
        statements.FASTEST, filters, first=first, after=after, last=last, before=before
    )


CURVE_OF_ATHLETE = Lookup("BestEffort", m.Athlete.id, pace_curve, many=True)
EFFORTS_OF_ATHLETE = Paged("BestEffort", m.Athlete.id, statements.EFFORTS_OF_ATHLETE)
