"""What drives the simulation, under `/simulator`: no part of Strava. Open to anyone who reaches the simulator."""

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from strava.simulator.activity import SimulatedActivity, Streams, Summary
from strava.simulator.faults import Fault, FaultKind
from strava.simulator.limits import RateLimits
from strava.simulator.oauth import SCOPES, end_access
from strava.simulator.refusal import json_response
from strava.simulator.runs_file import streams_problem
from strava.simulator.state import SimulatorState, State

router = APIRouter(prefix="/simulator", tags=["Simulator"])


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return value


def _streams(value: Streams | None) -> Streams | None:
    if problem := streams_problem(value):
        raise ValueError(problem)
    return value


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewActivity(_Body):
    """An activity to add: Strava's field names; what is left out is an easy run that began now."""

    activity: Summary = Field(default_factory=dict)
    streams: Annotated[Streams | None, AfterValidator(_streams)] = None
    notify: bool = Field(True, description="Whether the webhook tells of it.")


class NewFault(_Body):
    """A fault: strikes requests whose path matches `path`, `times` often (null: until cleared), after `skip`."""

    kind: FaultKind
    path: Annotated[str, AfterValidator(_pattern)] = Field(
        ".*", description="Regular expression, searched in the path."
    )
    times: int | None = Field(1, ge=1)
    skip: int = Field(0, ge=0, description="Matching requests that are let through first.")
    delay_s: float = Field(0, ge=0, description="Seconds to wait before answering; all that `slow` does.")


class NewRateLimits(_Body):
    """Requests allowed in 15 minutes and a day; null is no limit. `used` sets the counts of all windows."""

    overall_quarter_hour: int | None = None
    overall_day: int | None = None
    read_quarter_hour: int | None = None
    read_day: int | None = None
    used: int | None = Field(None, ge=0)


class NewCode(_Body):
    """What the athlete grants."""

    scopes: list[str] = Field(default_factory=lambda: ["read", "activity:read_all", "profile:read_all"])


class Event(_Body):
    """A webhook event to deliver as it stands; for repeated, late and unknown ones."""

    object_type: Literal["activity", "athlete"] = "activity"
    object_id: int
    aspect_type: Literal["create", "update", "delete"]
    owner_id: int
    updates: dict[str, str] = Field(default_factory=dict)


@router.get("/athletes")
async def list_athletes(state: SimulatorState, offset: int = 0, limit: int = 100) -> Response:
    """The athletes' names and ids, in order of id."""
    ids = state.world.athlete_ids[max(0, offset) :][: max(0, limit)]
    return json_response([state.world.athlete(athlete_id) for athlete_id in ids])


@router.get("/athletes/{athlete_id}/activities")
async def list_all_activities(state: SimulatorState, athlete_id: int) -> Response:
    """All activities of the athlete as they are kept, newest first, private ones too."""
    _check_athlete(state, athlete_id)
    return json_response([activity.summary for activity in state.world.activities(athlete_id)])


@router.post("/athletes/{athlete_id}/activities")
async def add_activity(state: SimulatorState, athlete_id: int, new: NewActivity) -> Response:
    """Add an activity; answers 201 with it. Fields Strava would never send are taken, to test how they are met."""
    _check_athlete(state, athlete_id)
    _check_id(state, new.activity)
    activity = state.world.add(athlete_id, new.activity, new.streams)
    if new.notify:
        state.webhooks.activity_event(activity, "create")
    return json_response(activity.summary, 201)


@router.patch("/activities/{activity_id}")
async def change_activity(state: SimulatorState, activity_id: int, fields: Summary, notify: bool = True) -> Response:  # noqa: FBT001, FBT002
    """Change fields of an activity; the webhook tells of title, type and privacy, as Strava's does."""
    before = _activity(state, activity_id)
    activity = state.world.change(before, fields)
    updates = _updates(before.summary, activity.summary)
    if notify and updates:
        state.webhooks.activity_event(activity, "update", updates)
    return json_response(activity.summary)


@router.delete("/activities/{activity_id}")
async def delete_activity(state: SimulatorState, activity_id: int, notify: bool = True) -> Response:  # noqa: FBT001, FBT002
    """Delete an activity."""
    activity = _activity(state, activity_id)
    state.world.delete(activity)
    if notify:
        state.webhooks.activity_event(activity, "delete")
    return Response(status_code=204)


def _updates(before: Summary, after: Summary) -> dict[str, str]:
    """The `updates` of an event, all texts."""
    updates = {}
    if after.get("name") != before.get("name"):
        updates["title"] = str(after.get("name"))
    if after.get("sport_type") != before.get("sport_type"):
        updates["type"] = str(after.get("sport_type"))
    if (is_private := _is_private(after)) != _is_private(before):
        updates["private"] = str(is_private).lower()
    return updates


def _is_private(summary: Summary) -> bool:
    return bool(summary.get("private")) or summary.get("visibility") == "only_me"


@router.post("/athletes/{athlete_id}/codes")
async def authorize(state: SimulatorState, athlete_id: int, new: NewCode) -> Response:
    """A code for the athlete without the page: {"code", "scope"}."""
    _check_athlete(state, athlete_id)
    if unknown := set(new.scopes) - SCOPES:
        raise HTTPException(422, f"unknown scopes: {', '.join(sorted(unknown))}")
    return json_response({"code": state.tokens.new_code(athlete_id, new.scopes), "scope": ",".join(new.scopes)}, 201)


@router.post("/athletes/{athlete_id}/tokens/expire")
async def expire_tokens(state: SimulatorState, athlete_id: int) -> Response:
    """End the athlete's access tokens now; refreshing works."""
    _check_athlete(state, athlete_id)
    state.tokens.expire(athlete_id)
    return Response(status_code=204)


@router.post("/athletes/{athlete_id}/deauthorize")
async def withdraw(state: SimulatorState, athlete_id: int) -> Response:
    """Withdraw the application's access as the athlete may on Strava's site: tokens end, the webhook tells."""
    _check_athlete(state, athlete_id)
    end_access(state, athlete_id)
    return Response(status_code=204)


@router.post("/faults")
async def add_fault(state: SimulatorState, new: NewFault) -> Response:
    """Set a fault in addition to those set before."""
    state.faults.faults.append(Fault(new.kind, re.compile(new.path), new.times, new.skip, new.delay_s))
    return json_response(_faults(state), 201)


@router.get("/faults")
async def list_faults(state: SimulatorState) -> Response:
    """The faults set, with what is left of them."""
    return json_response(_faults(state))


@router.delete("/faults")
async def clear_faults(state: SimulatorState) -> Response:
    """Clear all faults."""
    state.faults.faults.clear()
    return Response(status_code=204)


def _faults(state: State) -> list[dict[str, Any]]:
    return [
        {
            "kind": fault.kind,
            "path": fault.path.pattern,
            "times": fault.times,
            "skip": fault.skip,
            "delay_s": fault.delay_s,
        }
        for fault in state.faults.faults
    ]


@router.put("/rate-limits")
async def set_rate_limits(state: SimulatorState, new: NewRateLimits) -> Response:
    """Replace the rate limits; answers the headers that follow from them."""
    state.limiter.set(RateLimits(**new.model_dump(exclude={"used"})), new.used)
    return json_response(state.limiter.headers())


@router.get("/requests")
async def list_requests(state: SimulatorState) -> Response:
    """Requests to Strava's paths: total, counts by "METHOD path", the last ones in order, most at once."""
    return json_response(
        {
            "total": state.log.by_path.total(),
            "by_path": state.log.by_path,
            "most_at_once": state.log.most_at_once,
            "last": list(state.log.last),
        }
    )


@router.delete("/requests")
async def forget_requests(state: SimulatorState) -> Response:
    """Count from zero."""
    state.log.clear()
    return Response(status_code=204)


@router.post("/events")
async def send_event(state: SimulatorState, event: Event) -> Response:
    """Deliver a webhook event as it stands, whether or not it is true."""
    state.webhooks.send(event.model_dump())
    return Response(status_code=202)


@router.get("/deliveries")
async def list_deliveries(state: SimulatorState) -> Response:
    """The last webhook events, each with the statuses of its attempts; null for no answer."""
    return json_response(list(state.webhooks.deliveries))


def _check_athlete(state: State, athlete_id: int) -> None:
    if athlete_id not in state.world.athlete_ids:
        raise HTTPException(404, f"no athlete {athlete_id}")


def _check_id(state: State, summary: Summary) -> None:
    """An id of the caller's own has to be free, for everything else is found by it."""
    if "id" not in summary:
        return
    if type(summary["id"]) is not int or summary["id"] <= 0:
        raise HTTPException(422, "activity.id is not a whole number above 0")
    if state.world.activity(summary["id"]):
        raise HTTPException(409, f"there is an activity {summary['id']}")


def _activity(state: State, activity_id: int) -> SimulatedActivity:
    activity = state.world.activity(activity_id)
    if activity is None:
        raise HTTPException(404, f"no activity {activity_id}")
    return activity
