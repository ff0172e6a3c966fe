"""The routes: their parameters, the operations they run and their responses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from athletics.age_grade import age_on, default_table
from legacy.rest import models, response_bodies, successors
from legacy.rest.distances import sport_type
from legacy.rest.errors import InvalidParameters, ParameterFault
from legacy.rest.parameters import (
    ActivitiesPageParameters,
    ActivityPageParameters,
    Feedback,
    PageParameters,
    Parameters,
    PerformanceParameters,
    SyncWanted,
    first_instant,
    last_instant,
)

ID_PARAMETERS = {"athlete_id": "Athlete", "activity_id": "Activity", "task_id": "Job"}
"""Parameters that are ids, with their GraphQL types."""

Ids = Mapping[str, str]
Variables = Callable[[Ids, Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ListPaging:
    """How a list is paged.

    `end` is the operation that reads the cursor at the end of a part, and `connection` the path to
    the connection in its data.
    """

    end: str
    connection: tuple[str, ...]


@dataclass(frozen=True)
class RestRoute:
    """A route. `path` is the older service's; `aliases` are further paths for it.

    `operation` is the GraphQL operation to run, and the route's successor. `variables` builds its
    variables from GraphQL ids by parameter and the other parameters. `shape` builds the body, or
    returns None if `what`, the object, is absent. `mutation` is the field of a mutation.
    `of_athlete` is the route to run instead if `athlete_id` is given.
    """

    method: str
    path: str
    summary: str
    operation: str
    shape: Callable[[response_bodies.Data, response_bodies.Old], Any]
    answers: Any
    takes: type[Parameters] = Parameters
    variables: Variables = field(
        default=lambda ids, _: {"id": next(iter(ids.values()))} if ids else {}
    )
    what: str = "Object"
    aliases: tuple[str, ...] = ()
    listed: ListPaging | None = None
    mutation: str | None = None
    needs_caller: bool = False
    of_athlete: "RestRoute | None" = None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def id_parameters(self) -> dict[str, str]:
        """The ids in the path, with their GraphQL types."""
        return {name: kind for name, kind in ID_PARAMETERS.items() if f"{{{name}}}" in self.path}

    @property
    def argument_names(self) -> dict[str, str]:
        """Parameter names by GraphQL argument, for error messages."""
        return {**_ARGUMENTS, "id": next(iter(self.id_parameters), "athlete_id")}


_ARGUMENTS = {
    "first": "limit",
    "after": "offset",
    "filter.sportTypes": "sport",
    "filter.startedFrom": "since",
    "filter.startedUntil": "until",
    "filter.minDistanceMeters": "min_distance_m",
    "filter.maxDistanceMeters": "max_distance_m",
    "input.athleteId": "athlete_id",
    "input.mode": "mode",
    "input.since": "since",
    "input.until": "until",
    "input.message": "message",
    "input.contact": "contact",
    "input.distanceMeters": "distance",
    "input.elapsedTimeSeconds": "time",
    "input.sex": "sex",
    "input.age": "age",
    "input.table": "table",
}


def _activities(_: Ids, wanted: ActivityPageParameters) -> dict[str, Any]:
    given = {
        "startedFrom": first_instant(wanted.since),
        "startedUntil": last_instant(wanted.until),
        "sportTypes": [sport_type(each) for each in wanted.sport] if wanted.sport else None,
        "minDistanceMeters": wanted.min_distance_m,
        "maxDistanceMeters": wanted.max_distance_m,
    }
    return {"filter": {name: value for name, value in given.items() if value is not None}}


def _activities_of_athlete(ids: Ids, wanted: ActivityPageParameters) -> dict[str, Any]:
    return {"id": ids["athlete_id"], **_activities(ids, wanted)}


def _performance(_: Ids, wanted: PerformanceParameters) -> dict[str, Any]:
    table = wanted.table or default_table(wanted.distance)
    values = {
        "distanceMeters": wanted.distance,
        "elapsedTimeSeconds": wanted.time,
        "sex": wanted.sex,
    }
    return {"input": {**values, "age": _age(wanted), "table": table}}


def _age(wanted: PerformanceParameters) -> int:
    if (wanted.age is None) == (wanted.birth_date is None):
        raise InvalidParameters(
            [ParameterFault("query", "age", "give it or `birth_date`, but not both")]
        )
    if wanted.age is not None:
        return wanted.age
    assert wanted.birth_date is not None
    age = age_on(wanted.birth_date, wanted.date or datetime.now(UTC).date())
    if age is None:
        raise InvalidParameters(
            [ParameterFault("query", "birth_date", "it is later than the day of the performance")]
        )
    return age


def _sync(ids: Ids, wanted: SyncWanted) -> dict[str, Any]:
    days = {"since": wanted.since, "until": wanted.until}
    given = {name: day.isoformat() for name, day in days.items() if day is not None}
    return {"input": {"athleteId": ids["athlete_id"], "mode": wanted.mode.upper(), **given}}


def _recalculation(ids: Ids, _: Parameters) -> dict[str, Any]:
    return {"input": {"athleteId": ids["athlete_id"]}}


def _feedback(_: Ids, wanted: Feedback) -> dict[str, Any]:
    return {"input": {"message": wanted.message, "contact": wanted.contact}}


_ACTIVITIES_OF_ATHLETE = RestRoute(
    "GET",
    "/v1/athletes/{athlete_id}/activities",
    "An athlete's activities, newest first",
    successors.ACTIVITIES_OF_ATHLETE,
    response_bodies.activities_of_athlete,
    list[models.Activity],
    takes=ActivityPageParameters,
    variables=_activities_of_athlete,
    what="Athlete",
    listed=ListPaging(successors.ACTIVITIES_OF_ATHLETE_END, ("athlete", "activities")),
)

ROUTES = (
    RestRoute(
        "GET",
        "/v1/athletes",
        "The athletes that the caller may see",
        successors.ATHLETES,
        response_bodies.athletes,
        list[models.Athlete],
        takes=PageParameters,
        variables=lambda *_: {},
        listed=ListPaging(successors.ATHLETES_END, ("athletes",)),
    ),
    RestRoute(
        "GET",
        "/v1/athletes/me",
        "The athlete that the caller is",
        successors.ME,
        response_bodies.me,
        models.Athlete,
        what="Athlete",
        needs_caller=True,
    ),
    RestRoute(
        "GET",
        "/v1/athletes/{athlete_id}",
        "An athlete",
        successors.ATHLETE,
        response_bodies.athlete,
        models.Athlete,
        what="Athlete",
    ),
    _ACTIVITIES_OF_ATHLETE,
    RestRoute(
        "GET",
        "/v1/athletes/{athlete_id}/personal-bests",
        "An athlete's personal bests, shortest distance first",
        successors.PERSONAL_BESTS,
        response_bodies.personal_bests,
        list[models.PersonalBest],
        what="Athlete",
        aliases=("/v1/athletes/{athlete_id}/personal_bests", "/v1/athletes/{athlete_id}/pbs"),
    ),
    RestRoute(
        "GET",
        "/v1/athletes/{athlete_id}/age-grades",
        "The age grades of an athlete's personal bests",
        successors.PERSONAL_BESTS,
        response_bodies.age_grades_of_athlete,
        list[models.AthleteAgeGrade],
        what="Athlete",
        aliases=("/v1/athletes/{athlete_id}/age_grades",),
    ),
    RestRoute(
        "GET",
        "/v1/activities",
        "The activities that the caller may see, newest first",
        successors.ACTIVITIES,
        response_bodies.activities,
        list[models.Activity],
        takes=ActivitiesPageParameters,
        variables=_activities,
        listed=ListPaging(successors.ACTIVITIES_END, ("activities",)),
        of_athlete=_ACTIVITIES_OF_ATHLETE,
    ),
    RestRoute(
        "GET",
        "/v1/activities/{activity_id}",
        "An activity with its best efforts",
        successors.ACTIVITY,
        response_bodies.activity,
        models.ActivityDetail,
        what="Activity",
    ),
    RestRoute(
        "GET",
        "/v1/activities/{activity_id}/age-grade",
        "An activity's age grade",
        successors.AGE_GRADE_OF_ACTIVITY,
        response_bodies.age_grade_of_activity,
        models.ActivityAgeGrade,
        what="Activity",
        aliases=("/v1/activities/{activity_id}/age_grade",),
    ),
    RestRoute(
        "GET",
        "/v1/age-grade",
        "Calculates an age grade; needs no sign-in",
        successors.AGE_GRADE,
        response_bodies.age_grade,
        models.AgeGrade,
        takes=PerformanceParameters,
        variables=_performance,
        aliases=("/v1/age_grade",),
    ),
    RestRoute(
        "POST",
        "/v1/athletes/{athlete_id}/recalculate-pbs",
        "Derive personal bests anew, in a task",
        successors.RECALCULATE_PERSONAL_BESTS,
        response_bodies.personal_bests_task,
        models.Task,
        variables=_recalculation,
        what="Athlete",
        aliases=("/v1/athletes/{athlete_id}/recalculate-personal-bests",),
        mutation="recalculatePersonalBests",
    ),
    RestRoute(
        "POST",
        "/v1/athletes/{athlete_id}/recalculate-age-grades",
        "Grade all best efforts anew, in a task",
        successors.RECALCULATE_AGE_GRADES,
        response_bodies.age_grades_task,
        models.Task,
        variables=_recalculation,
        what="Athlete",
        mutation="recalculateAgeGrades",
    ),
    RestRoute(
        "POST",
        "/strava/sync",
        "Fetch an athlete's activities from Strava, in a task",
        successors.SYNC,
        response_bodies.sync,
        models.Task,
        takes=SyncWanted,
        variables=_sync,
        mutation="syncStrava",
        needs_caller=True,
    ),
    RestRoute(
        "GET",
        "/strava/sync/{task_id}",
        "Where a task is, whatever it does",
        successors.JOB,
        response_bodies.task,
        models.TaskState,
        what="Task",
        aliases=("/strava/sync/status/{task_id}", "/v1/tasks/{task_id}"),
    ),
    RestRoute(
        "POST",
        "/feedback",
        "Say something to the operator of this server",
        successors.FEEDBACK,
        response_bodies.feedback,
        models.FeedbackKept,
        takes=Feedback,
        variables=_feedback,
        mutation="submitFeedback",
        aliases=("/v1/feedback",),
    ),
)
