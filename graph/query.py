"""The root of queries."""

import asyncio
from typing import Annotated

import strawberry

from athletics import age_grade as rules
from athletics.age_grade import AgeGradeTable, Sex
from graph.context import Info
from graph.errors import InvalidArgument, OutOfRange
from graph.ids import decode_id
from graph.node import load_node, load_node_of
from graph.relation import connection
from graph.types.activity import ACTIVITIES, Activity, read_activities
from graph.types.age_grade import AgeGrade
from graph.types.athlete import ATHLETES, Athlete, read_athletes
from graph.types.job import JOBS, Job, read_jobs
from graph.types.node import Node
from graph.types.personal_best import LEADERBOARD, read_leaderboard
from graph.types.rate_limit import RateLimit
from graph.types.viewer import Viewer

_MAX_NODES = 100

GlobalId = Annotated[strawberry.ID, strawberry.argument(description="Its global id.")]


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


@strawberry.type(description="What can be read.")
class Query:
    """Root fields."""

    @strawberry.field(description="The object of a global id, of any type; null when absent or not visible.")
    async def node(self, info: Info, id: GlobalId) -> Node | None:  # noqa: A002
        found: Node | None = await load_node(info, id, "id")
        return found

    @strawberry.field(description="The objects of at most 100 global ids, in their order; null for the absent.")
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Global ids, at most 100.")],
    ) -> list[Node | None]:
        if len(ids) > _MAX_NODES:
            raise OutOfRange("ids", 0, _MAX_NODES, "entries long")
        for each in ids:
            decode_id(each, "ids")
        return list(await asyncio.gather(*(load_node(info, each, "ids") for each in ids)))

    @strawberry.field(description="The caller; null when signed out.")
    def viewer(self, info: Info) -> Viewer | None:
        caller = info.context.caller
        if caller.viewer.account_id is None:
            return None
        return Viewer(
            account_id=caller.viewer.account_id, athlete_id=caller.viewer.athlete_id, scopes=sorted(caller.scopes)
        )

    @strawberry.field(description="An athlete; null when absent or not visible: the two are not told apart.")
    async def athlete(self, info: Info, id: GlobalId) -> Athlete | None:  # noqa: A002
        found: Athlete | None = await load_node_of(info, "Athlete", id, "id")
        return found

    athletes = connection(ATHLETES, "All athletes the caller may see.")(read_athletes)

    @strawberry.field(description="An activity; null when absent or not visible.")
    async def activity(self, info: Info, id: GlobalId) -> Activity | None:  # noqa: A002
        found: Activity | None = await load_node_of(info, "Activity", id, "id")
        return found

    activities = connection(ACTIVITIES, "All activities the caller may see, newest first.")(read_activities)

    leaderboard = connection(LEADERBOARD, "The current personal bests the caller may see, over one distance.")(
        read_leaderboard
    )

    @strawberry.field(description="Calculates an age grade; needs no data and no sign-in.")
    def age_grade(
        self,
        input: Annotated[AgeGradeInput, strawberry.argument(description="The performance.")],  # noqa: A002
    ) -> AgeGrade:
        return input.grade()

    @strawberry.field(description="The caller's budget, after this operation was charged to it.")
    def rate_limit(self, info: Info) -> RateLimit:
        assert info.context.budget_state is not None
        return RateLimit.of(info.context.budget_state)

    @strawberry.field(description="A job; null when absent or not visible.")
    async def job(self, info: Info, id: GlobalId) -> Job | None:  # noqa: A002
        found: Job | None = await load_node_of(info, "Job", id, "id")
        return found

    jobs = connection(JOBS, "All jobs the caller may see, newest first.")(read_jobs)
