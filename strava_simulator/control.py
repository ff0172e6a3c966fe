"""Control of the simulation, under `/simulator`, which is not part of Strava.

It is open to every program that can reach the simulator, but not to web pages of other origins.
"""

import re
from ipaddress import ip_address
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from strava_simulator.activity import SimulatedActivity, Streams, Summary
from strava_simulator.faults import FaultKind, InjectedFault
from strava_simulator.limits import RateLimits
from strava_simulator.oauth import SCOPES, end_access
from strava_simulator.refusal import json_response
from strava_simulator.runs_file import streams_problem
from strava_simulator.state import SimulatorState, State


def _refuse_web_pages(request: Request) -> None:
    """Refuse a request that a browser sends for a page of another origin.

    Browsers name the page's origin with every POST. A page that points its own host name to this
    machine is told by that name in `Host`.
    """
    headers = request.headers
    host = headers.get("host", "")
    origin = headers.get("origin")
    is_foreign = (
        (origin is not None and origin != f"{request.url.scheme}://{host}")
        or headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
        or not _is_local(urlsplit(f"//{host}").hostname or "")
    )
    if is_foreign:
        raise HTTPException(403, "web pages of other origins may not control the simulation")


def _is_local(name: str) -> bool:
    """Whether a host name is an address or `localhost`, which no one else can point elsewhere."""
    try:
        ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    return True


router = APIRouter(
    prefix="/simulator", tags=["Simulator"], dependencies=[Depends(_refuse_web_pages)]
)


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
    """An activity to add, in Strava's field names; the default is an easy run that starts now."""

    activity: Summary = Field(default_factory=dict)
    streams: Annotated[Streams | None, AfterValidator(_streams)] = None
    notify: bool = Field(True, description="Whether the webhook tells of it.")


class NewFault(_Body):
    """A fault: answers requests that match `path`, after the first `skip`, `times` often.

    `times` null means until cleared.
    """

    kind: FaultKind
    path: Annotated[str, AfterValidator(_pattern)] = Field(
        ".*", description="Regular expression, searched in the path."
    )
    times: int | None = Field(1, ge=1)
    skip: int = Field(0, ge=0, description="Matching requests that are let through first.")
    delay_s: float = Field(
        0,
        ge=0,
        description="Seconds to wait before the request is carried out (all that `slow` does), "
        "after it (`late`), or between two bytes (`drip`).",
    )
    size_bytes: int = Field(
        400_000_000, ge=0, description="Bytes of a `huge` or unpacked `huge_gzip` answer."
    )


class NewRateLimits(_Body):
    """Requests allowed in 15 minutes and in a day; null is no limit.

    `used` sets the counts of all windows.
    """

    overall_quarter_hour: int | None = None
    overall_day: int | None = None
    read_quarter_hour: int | None = None
    read_day: int | None = None
    used: int | None = Field(None, ge=0)


class NewCode(_Body):
    """What the athlete grants."""

    scopes: list[str] = Field(
        default_factory=lambda: ["read", "activity:read_all", "profile:read_all"]
    )


class Event(_Body):
    """A webhook event to deliver unchanged, such as a repeated, late or unknown one."""

    object_type: Literal["activity", "athlete"] = "activity"
    object_id: int
    aspect_type: Literal["create", "update", "delete"]
    owner_id: int
    updates: dict[str, str] = Field(default_factory=dict)


@router.get("/athletes")
async def list_athletes(state: SimulatorState, offset: int = 0, limit: int = 100) -> Response:
    """List the names and ids of the athletes, in order of id."""
    ids = state.world.athlete_ids[max(0, offset) :][: max(0, limit)]
    return json_response([state.world.athlete(athlete_id) for athlete_id in ids])


@router.get("/athletes/{athlete_id}/activities")
async def list_all_activities(state: SimulatorState, athlete_id: int) -> Response:
    """List all activities of the athlete as stored, newest first, including private ones."""
    _check_athlete(state, athlete_id)
    return json_response([activity.summary for activity in state.world.activities(athlete_id)])


@router.post("/athletes/{athlete_id}/activities")
async def add_activity(state: SimulatorState, athlete_id: int, new: NewActivity) -> Response:
    """Add an activity; returns it with status 201.

    Invalid fields that Strava would never send are accepted, to test how clients handle them.
    """
    _check_athlete(state, athlete_id)
    _check_id(state, new.activity)
    activity = state.world.add(athlete_id, new.activity, new.streams)
    if new.notify:
        state.webhooks.activity_event(activity, "create")
    return json_response(activity.summary, 201)


@router.patch("/activities/{activity_id}")
async def change_activity(
    state: SimulatorState,
    activity_id: int,
    fields: Summary,
    notify: bool = True,  # noqa: FBT001, FBT002
) -> Response:
    """Change fields of an activity; a webhook reports changes of title, type and privacy."""
    before = _activity(state, activity_id)
    activity = state.world.change(before, fields)
    updates = _updates(before.summary, activity.summary)
    if notify and updates:
        state.webhooks.activity_event(activity, "update", updates)
    return json_response(activity.summary)


@router.delete("/activities/{activity_id}")
async def delete_activity(
    state: SimulatorState,
    activity_id: int,
    notify: bool = True,  # noqa: FBT001, FBT002
) -> Response:
    """Delete an activity."""
    activity = _activity(state, activity_id)
    state.world.delete(activity)
    if notify:
        state.webhooks.activity_event(activity, "delete")
    return Response(status_code=204)


def _updates(before: Summary, after: Summary) -> dict[str, str]:
    """The `updates` of an event, all as texts."""
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
    """Create a code for the athlete without the page: {"code", "scope"}. 422: unknown scopes."""
    _check_athlete(state, athlete_id)
    if unknown := set(new.scopes) - SCOPES:
        raise HTTPException(422, f"unknown scopes: {', '.join(sorted(unknown))}")
    return json_response(
        {"code": state.tokens.new_code(athlete_id, new.scopes), "scope": ",".join(new.scopes)}, 201
    )


@router.post("/athletes/{athlete_id}/tokens/expire")
async def expire_tokens(state: SimulatorState, athlete_id: int) -> Response:
    """Expire the athlete's access tokens now; they can still be refreshed."""
    _check_athlete(state, athlete_id)
    state.tokens.expire(athlete_id)
    return Response(status_code=204)


@router.post("/athletes/{athlete_id}/deauthorize")
async def withdraw(state: SimulatorState, athlete_id: int) -> Response:
    """Withdraw the application's access, as the athlete may on Strava's site.

    Its tokens end, and a webhook reports it.
    """
    _check_athlete(state, athlete_id)
    end_access(state, athlete_id)
    return Response(status_code=204)


@router.post("/faults")
async def add_fault(state: SimulatorState, new: NewFault) -> Response:
    """Add a fault to those already set."""
    state.faults.faults.append(
        InjectedFault(
            new.kind, re.compile(new.path), new.times, new.skip, new.delay_s, new.size_bytes
        )
    )
    return json_response(_faults(state), 201)


@router.put("/athletes/{athlete_id}/zones")
async def set_zones(state: SimulatorState, athlete_id: int, lowest: list[int]) -> Response:
    """Set where an athlete's heart rate zones begin, in beats a minute."""
    state.world.zones[athlete_id] = lowest
    return json_response(lowest)


@router.put("/athletes/{athlete_id}/gear/{gear_id}")
async def set_gear(
    state: SimulatorState, athlete_id: int, gear_id: str, fields: dict[str, Any]
) -> Response:
    """Set fields of an athlete's gear in Strava's names, such as name, distance and retired."""
    state.world.gear[athlete_id, gear_id] = fields
    return json_response({"id": gear_id, **fields})


@router.get("/faults")
async def list_faults(state: SimulatorState) -> Response:
    """List the faults, with their remaining counts."""
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
            "size_bytes": fault.size_bytes,
        }
        for fault in state.faults.faults
    ]


@router.put("/rate-limits")
async def set_rate_limits(state: SimulatorState, new: NewRateLimits) -> Response:
    """Replace the rate limits; returns the resulting headers."""
    state.limiter.set(RateLimits(**new.model_dump(exclude={"used"})), new.used)
    return json_response(state.limiter.headers())


@router.get("/requests")
async def list_requests(state: SimulatorState) -> Response:
    """List requests to Strava's paths.

    Returns the total, counts by "METHOD path", the last requests in order, and the most at the same
    time.
    """
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
    """Reset the counts of requests."""
    state.log.clear()
    return Response(status_code=204)


@router.post("/events")
async def send_event(state: SimulatorState, event: Event) -> Response:
    """Deliver a webhook event unchanged, whether it is true or not."""
    state.webhooks.send(event.model_dump())
    return Response(status_code=202)


@router.get("/deliveries")
async def list_deliveries(state: SimulatorState) -> Response:
    """List the last webhook events, each with the status of each attempt; null for no answer."""
    return json_response(list(state.webhooks.deliveries))


def _check_athlete(state: State, athlete_id: int) -> None:
    if athlete_id not in state.world.athlete_ids:
        raise HTTPException(404, f"no athlete {athlete_id}")


def _check_id(state: State, summary: Summary) -> None:
    """Check that an id chosen by the caller is valid and free."""
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
