"""The simulated part of Strava's API v3: athlete, activities, streams, webhook subscriptions."""

from hmac import compare_digest
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from strava_simulator.activity import READ, READ_ALL, SimulatedActivity
from strava_simulator.bodies import (
    DEFAULT_ZONES,
    detailed_activity,
    detailed_athlete,
    detailed_gear,
    stream_set,
    summary_activity,
    summary_athlete,
    zones_of_athlete,
)
from strava_simulator.parameters import parameters_of
from strava_simulator.refusal import (
    BAD_CLIENT,
    BAD_TOKEN,
    RequestRefused,
    invalid,
    json_response,
    missing_scope,
    not_found,
)
from strava_simulator.state import CurrentGrant, SimulatorState, State
from strava_simulator.tokens import AthleteGrant
from strava_simulator.webhooks import WebhookSubscription

_MOST_PER_PAGE = 200

router = APIRouter(prefix="/api/v3", tags=["Strava"])


@router.get("/athlete")
async def get_athlete(state: SimulatorState, grant: CurrentGrant) -> Response:
    athlete = state.world.athlete(grant.athlete_id)
    if athlete is None:
        raise RequestRefused(BAD_TOKEN)
    detailed = "profile:read_all" in grant.scopes
    return json_response(detailed_athlete(athlete) if detailed else summary_athlete(athlete))


@router.get("/athlete/zones")
async def get_zones(state: SimulatorState, grant: CurrentGrant) -> Response:
    if "profile:read_all" not in grant.scopes:
        raise RequestRefused(missing_scope("profile:read_all"))
    lowest = state.world.zones.get(grant.athlete_id, DEFAULT_ZONES)
    return json_response(zones_of_athlete(lowest))


@router.get("/athlete/activities")
async def list_activities(  # noqa: PLR0917 - query parameters
    state: SimulatorState,
    grant: CurrentGrant,
    before: int | None = None,
    after: int | None = None,
    page: Annotated[int, Query(ge=1)] = 1,
    per_page: Annotated[int, Query(ge=1)] = 30,
) -> Response:
    _require_read(grant)
    if per_page > _MOST_PER_PAGE:
        raise RequestRefused(invalid("Activity", "per page", "limit exceeded"))
    found = state.world.page(
        grant.athlete_id, grant.scopes, before=before, after=after, page=page, per_page=per_page
    )
    return json_response([summary_activity(activity) for activity in found])


@router.get("/activities/{activity_id}")
async def get_activity(
    state: SimulatorState,
    grant: CurrentGrant,
    activity_id: int,
    include_all_efforts: bool = False,  # noqa: FBT001, FBT002, ARG001 - ignored
) -> Response:
    activity = _readable(state, grant, activity_id)
    key = (grant.athlete_id, str(activity.summary.get("gear_id")))
    return json_response(detailed_activity(activity, state.world.gear.get(key, {})))


@router.get("/gear/{gear_id}")
async def get_gear(state: SimulatorState, grant: CurrentGrant, gear_id: str) -> Response:
    if not state.world.has_gear(grant.athlete_id, gear_id):
        raise RequestRefused(not_found("Gear"))
    told = state.world.gear.get((grant.athlete_id, gear_id), {})
    return json_response(detailed_gear(gear_id, told))


@router.get("/activities/{activity_id}/streams")
async def get_streams(
    state: SimulatorState,
    grant: CurrentGrant,
    activity_id: int,
    keys: str,
    key_by_type: bool = False,  # noqa: FBT001, FBT002 - a query parameter
) -> Response:
    streams = _readable(state, grant, activity_id).read_streams()
    if not streams:
        raise RequestRefused(not_found("Stream"))
    by_type = stream_set(streams, keys.split(","))
    return json_response(
        by_type if key_by_type else [{"type": key, **stream} for key, stream in by_type.items()]
    )


def _require_read(grant: AthleteGrant) -> None:
    if not grant.scopes & {READ, READ_ALL}:
        raise RequestRefused(missing_scope())


def _readable(state: State, grant: AthleteGrant, activity_id: int) -> SimulatedActivity:
    """The athlete's activity, if the token may see it; else it is not found."""
    _require_read(grant)
    activity = state.world.activity(activity_id)
    if (
        activity is None
        or activity.athlete_id != grant.athlete_id
        or not activity.is_visible_to(grant.scopes)
    ):
        raise RequestRefused(not_found("Activity"))
    return activity


@router.post("/push_subscriptions")
async def create_subscription(request: Request, state: SimulatorState) -> Response:
    given = await _application_parameters(request, state)
    if not given.get("callback_url") or not given.get("verify_token"):
        raise RequestRefused(
            invalid(
                "PushSubscription",
                "callback url" if given.get("verify_token") else "verify token",
                "missing",
            )
        )
    subscription = await state.webhooks.subscribe(given["callback_url"], given["verify_token"])
    return json_response({"id": subscription.id}, 201)


@router.get("/push_subscriptions")
async def view_subscription(request: Request, state: SimulatorState) -> Response:
    await _application_parameters(request, state)
    subscription = state.webhooks.subscription
    return json_response([_subscription_body(state, subscription)] if subscription else [])


@router.delete("/push_subscriptions/{subscription_id}")
async def delete_subscription(
    request: Request, state: SimulatorState, subscription_id: int
) -> Response:
    await _application_parameters(request, state)
    state.webhooks.unsubscribe(subscription_id)
    return Response(status_code=204)


def _subscription_body(state: State, subscription: WebhookSubscription) -> dict[str, Any]:
    return {
        "id": subscription.id,
        "resource_state": 2,
        "application_id": int(state.client_id) if state.client_id.isdigit() else 0,
        "callback_url": subscription.callback_url,
        "created_at": subscription.created_at,
        "updated_at": subscription.created_at,
    }


async def _application_parameters(request: Request, state: State) -> dict[str, str]:
    """Read the request's parameters and check its client id and secret.

    Raises RequestRefused.
    """
    given = await parameters_of(request)
    check_application(state, given.get("client_id", ""), given.get("client_secret", ""))
    return given


def check_application(state: State, client_id: str, client_secret: str) -> None:
    """Raise RequestRefused unless id and secret are the application's."""
    genuine = compare_digest(client_secret.encode(), state.client_secret.encode())
    if client_id != state.client_id or not genuine:
        raise RequestRefused(BAD_CLIENT)
