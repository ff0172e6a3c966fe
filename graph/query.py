"""The root of queries."""

import asyncio
from typing import Annotated

import strawberry

from athletics import age_grade as rules
from athletics.age_grade import AgeGradeTable, Sex
from graph.context import Context, Info
from graph.cost_directives import sized
from graph.errors import InvalidArgument
from graph.node import check_ids, load_node
from graph.relation import connection
from graph.root import Caller, Computed, GlobalId, NodesById, by_id, computed
from graph.row_type import field
from graph.types.activity import ACTIVITIES, Activity, read_activities
from graph.types.age_grade import AgeGrade
from graph.types.athlete import ATHLETES, Athlete, read_athletes
from graph.types.job import JOBS, Job, read_jobs
from graph.types.node import Node
from graph.types.personal_best import LEADERBOARD, read_leaderboard
from graph.types.rate_limit import RateLimit
from graph.types.viewer import Viewer


@strawberry.input(description="A performance to grade.")
class AgeGradeInput:
    """What an age grade is calculated from."""

    distance_meters: float = strawberry.field(description="The distance, in metres; the table must cover it.")
    elapsed_time_seconds: float = strawberry.field(description="The time, in seconds; more than 0.")
    sex: Sex = strawberry.field(description="Whose standards to use.")
    age: int = strawberry.field(description="Completed years on the day; the table must cover it.")
    table: AgeGradeTable | None = strawberry.field(
        default=AgeGradeTable.ROAD_2025, description="The table to use; null is the same as the default."
    )

    def grade(self) -> AgeGrade:
        """Calculate. Raises InvalidArgument naming the field the table does not cover."""
        try:
            return AgeGrade.of(
                rules.age_grade(
                    self.distance_meters,
                    self.elapsed_time_seconds,
                    self.sex,
                    self.age,
                    self.table or AgeGradeTable.ROAD_2025,
                )
            )
        except (rules.OutOfTable, rules.InvalidPerformance) as error:
            raise InvalidArgument(str(error), f"input.{_PUBLIC_NAMES[error.field]}") from error


_PUBLIC_NAMES = {"distance_m": "distanceMeters", "elapsed_s": "elapsedTimeSeconds", "age": "age"}


async def _node(info: Info, id: GlobalId) -> Node | None:  # noqa: A002 - the argument's public name
    found: Node | None = await load_node(info, id, "id")
    return found


async def _nodes(
    info: Info,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="Global ids, at most 100.")],
) -> list[Node | None]:
    check_ids(ids)
    return list(await asyncio.gather(*(load_node(info, each, "ids") for each in ids)))


def _rate_limit(context: Context) -> RateLimit:
    assert context.charge is not None
    return RateLimit.of(context.charge.state)


def _viewer(info: Info) -> Viewer | None:
    return Viewer.of(info.context.caller) if info.context.viewer.account_id is not None else None


def _age_grade(
    input: Annotated[AgeGradeInput, strawberry.argument(description="The performance.")],  # noqa: A002
) -> AgeGrade:
    return input.grade()


@strawberry.type(description="What can be read.")
class Query:
    """Root fields."""

    node = field(
        NodesById(), "The object of a global id, of any type; null when absent or not visible.", resolver=_node
    )

    nodes = field(
        NodesById(many=True),
        "The objects of at most 100 global ids, in their order; null for the absent.",
        list_size=sized(by=["ids"]),
        resolver=_nodes,
    )

    viewer = field(Caller(), "The caller; null when signed out.", resolver=_viewer)

    athlete = by_id(
        "Athlete", "An athlete; null when absent or not visible: the two are not told apart.", Athlete | None
    )

    athletes = connection(ATHLETES, "All athletes the caller may see.")(read_athletes)

    activity = by_id("Activity", "An activity; null when absent or not visible.", Activity | None)

    activities = connection(ACTIVITIES, "All activities the caller may see, newest first.")(read_activities)

    leaderboard = connection(LEADERBOARD, "The current personal bests the caller may see, over one distance.")(
        read_leaderboard
    )

    age_grade = field(
        Computed(lambda _, arguments: arguments["input"].grade()),
        "Calculates an age grade; needs no data and no sign-in.",
        resolver=_age_grade,
    )

    rate_limit = computed(_rate_limit, "The caller's budget, after this operation was charged to it.", RateLimit)

    job = by_id("Job", "A job; null when absent or not visible.", Job | None)

    jobs = connection(JOBS, "All jobs the caller may see, newest first.")(read_jobs)
