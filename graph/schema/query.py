"""The root of queries."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import strawberry

from athletics.distance import StandardDistance
from graph.context import Context, Info
from graph.cost.directives import sized
from graph.errors import InvalidId
from graph.mapping.relation import connection
from graph.mapping.row_type import field
from graph.schema.root_field import (
    ComputedObject,
    GlobalId,
    NodesById,
    ViewerObject,
    by_id,
    computed,
)
from graph.types.activity import ACTIVITIES, Activity, read_activities
from graph.types.age_grade import AgeGrade, AgeGradeInput
from graph.types.athlete import ATHLETES, Athlete, read_athletes
from graph.types.distance import standard_distances
from graph.types.job import JOBS, Job, read_jobs
from graph.types.node import Node
from graph.types.node_lookup import check_count, load_node
from graph.types.personal_best import LEADERBOARD, read_leaderboard
from graph.types.rate_limit import RateLimit
from graph.types.strava_quota import StravaQuota, resolve_strava_quota
from graph.types.viewer import Viewer
from runtime.clock import utc_now


async def _node(info: Info, id: GlobalId) -> Node | None:
    found: Node | None = await load_node(info.context, id, "id")
    return found


async def _nodes(
    info: Info,
    ids: Annotated[
        list[strawberry.ID], strawberry.argument(description="Global ids. At most 100.")
    ],
) -> list[Node | None] | None:
    check_count(ids)
    return list(
        await asyncio.gather(
            *(_node_at(info.context, place, each) for place, each in enumerate(ids))
        )
    )


async def _node_at(context: Context, place: int, global_id: str) -> Any:
    """Load one of several objects. An id that is none is an error at its place, not of the list."""
    try:
        return await load_node(context, global_id, f"ids[{place}]")
    except InvalidId as error:
        return error


def _rate_limit(context: Context) -> RateLimit:
    assert context.charge is not None
    return RateLimit.from_budget(context.charge.state)


def _viewer(info: Info) -> Viewer | None:
    return (
        Viewer.from_caller(info.context.caller)
        if info.context.viewer.account_id is not None
        else None
    )


def _age_grade(
    input: Annotated[AgeGradeInput, strawberry.argument(description="The performance to grade.")],
) -> AgeGrade | None:
    return input.grade()


@strawberry.type(description="All data a caller can read.")
class Query:
    """Root fields."""

    node = field(
        NodesById(),
        "Any object by its global id. Null if it does not exist or is not visible to the caller.",
        resolver=_node,
    )

    nodes = field(
        NodesById(many=True),
        "Up to 100 objects by global id, in the order of the ids. Null for each that "
        "does not exist or is not visible to the caller, and for what is no id, which "
        "`errors` names. "
        "Null as a whole if there are more.",
        list_size=sized(by=["ids"]),
        resolver=_nodes,
    )

    viewer = field(ViewerObject(), "The caller. Null if signed out.", resolver=_viewer)

    athlete = by_id(
        "Athlete",
        "An athlete. Null if absent or not visible to the caller; the API does not reveal which.",
        Athlete | None,
    )

    athletes = connection(
        ATHLETES, "All athletes visible to the caller, by default in order of joining."
    )(read_athletes)

    activity = by_id(
        "Activity", "An activity. Null if absent or not visible to the caller.", Activity | None
    )

    activities = connection(
        ACTIVITIES,
        "All activities visible to the caller, by default newest first: every recording of a run "
        "unless `filter.includeDuplicates` is false.",
    )(read_activities)

    leaderboard = connection(
        LEADERBOARD,
        "Current personal bests over one distance, as far as visible to the caller. Of equal ones "
        "the earlier achieved stands first.",
    )(read_leaderboard)

    age_grade = field(
        ComputedObject(lambda _, arguments: arguments["input"].grade()),
        "Calculates an age grade. Uses no stored data and does not require signing in. Null if the "
        "input is refused; `errors` says which field.",
        resolver=_age_grade,
    )

    standard_distances = field(
        ComputedObject(lambda _, __: standard_distances()),
        "Distances of best efforts and personal bests with their labels, shortest first.",
        list_size=sized(len(StandardDistance)),
        resolver=standard_distances,
    )

    rate_limit = computed(
        _rate_limit, "The caller's budget after this operation was charged.", RateLimit
    )

    now = computed(
        lambda _: utc_now(),
        "This server's clock. Ask for it with what is shown, and pass it as `since` of the "
        "subscription that keeps that up to date: the clocks of people's devices may be wrong.",
        datetime,
    )

    strava_quota: StravaQuota | None = strawberry.field(
        resolver=resolve_strava_quota,
        description="What is left of Strava's quota, and who waits for it. Null unless the caller "
        "is an administrator with the scope ADMIN, and on a server without an application at "
        "Strava.",
    )

    job = by_id("Job", "A job. Null if absent or not visible to the caller.", Job | None)

    jobs = connection(JOBS, "All jobs visible to the caller, newest first.")(read_jobs)
