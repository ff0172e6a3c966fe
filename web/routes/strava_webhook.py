"""Strava's webhook: the address that Strava verifies once, and to which it reports changes.

Events are unsigned. They are stored and applied by jobs, which ask Strava for each object again;
no request to Strava is made here, because Strava wants its answer within two seconds.
"""

import logging
from hmac import compare_digest

import orjson
from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from runtime.time_limit import TimeLimit
from settings import Settings
from strava.errors import StravaBadData
from strava.webhook_event import WebhookEvent, parse_event
from web.errors import BadRequest, HttpRefusal, error_response
from web.http.body import read_body
from web.http.request_log import request_id_of
from web.protocols.parameters import read_json
from web.services import Services, services_of
from web.strava_intake import EventsNotStored
from web.webhook_address import STRAVA_WEBHOOK, verify_token

_LONGEST_CHALLENGE = 1000
_AWAY = "Events cannot be stored now. Send it again."

router = APIRouter()
logger = logging.getLogger(__name__)


@router.get(STRAVA_WEBHOOK, summary="Let Strava verify the webhook's address")
@router.get(f"{STRAVA_WEBHOOK}/{{secret}}", include_in_schema=False)
async def verify(request: Request, secret: str = "") -> Response:
    """Answer with the challenge, if Strava names the verify token."""
    settings = services_of(request).settings
    if not _is_address(settings, secret):
        return error_response(404, "NOT_FOUND", "Not Found")
    query = request.query_params
    challenge, token = query.get("hub.challenge", ""), query.get("hub.verify_token", "")
    if not compare_digest(token.encode(), verify_token(settings).encode()):
        return error_response(403, "FORBIDDEN", "`hub.verify_token` is wrong.")
    if query.get("hub.mode") != "subscribe" or not 0 < len(challenge) <= _LONGEST_CHALLENGE:
        return error_response(
            400, "BAD_REQUEST", "Set `hub.mode` to subscribe, and `hub.challenge`."
        )
    return Response(orjson.dumps({"hub.challenge": challenge}), media_type="application/json")


@router.post(STRAVA_WEBHOOK, summary="Receive an event of Strava")
@router.post(f"{STRAVA_WEBHOOK}/{{secret}}", include_in_schema=False)
async def receive(request: Request, secret: str = "") -> Response:
    """Store an event. Any other answer than 200 makes Strava send it again."""
    services = services_of(request)
    if not _is_address(services.settings, secret):
        return error_response(404, "NOT_FOUND", "Not Found")
    try:
        event = await _read(request, services)
    except HttpRefusal as refusal:
        services.strava_intake.outcomes["malformed"] += 1
        return Response(refusal.body, refusal.status, refusal.headers, "application/json")
    except ClientDisconnect:
        return error_response(400, "BAD_REQUEST", "The body did not arrive.")
    if event is None:
        services.strava_intake.outcomes["ignored"] += 1
        return Response(b"{}", media_type="application/json")
    try:
        await services.strava_intake.take(event, request_id_of(request.scope))
    except EventsNotStored as error:
        logger.warning("an event of Strava was not stored", extra={"reason": str(error)})
        return error_response(503, "DATABASE_UNAVAILABLE", _AWAY, {"retry-after": "1"})
    return Response(b"{}", media_type="application/json")


async def _read(request: Request, services: Services) -> WebhookEvent | None:
    """Read the event; None for one that changes nothing here. Raises HttpRefusal."""
    settings = services.settings
    body = await read_body(
        request.receive,
        dict(request.scope["headers"]),
        settings.body_max_bytes,
        TimeLimit(settings.body_timeout_s),
    )
    try:
        return parse_event(read_json(body))
    except (orjson.JSONDecodeError, StravaBadData) as error:
        raise BadRequest(f"This is not an event of Strava: {error}.") from None


def _is_address(settings: Settings, given: str) -> bool:
    """Whether a request came to the address that the settings name."""
    secret = settings.strava_webhook_secret
    expected = "" if secret is None else secret.get_secret_value()
    return compare_digest(given.encode(), expected.encode())
