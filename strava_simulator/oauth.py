"""OAuth of the simulated Strava: the athlete's consent, tokens, and revocation."""

import base64
import binascii
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from strava_simulator.api import check_application
from strava_simulator.bodies import summary_athlete
from strava_simulator.consent_page import Consent, consent_page, limit_page
from strava_simulator.parameters import form_items, parameters_of
from strava_simulator.refusal import BAD_CLIENT, RequestRefused, invalid, json_response
from strava_simulator.state import SimulatorState, State

SCOPES = frozenset(
    {
        "read",
        "read_all",
        "profile:read_all",
        "profile:write",
        "activity:read",
        "activity:read_all",
        "activity:write",
    }
)

router = APIRouter(tags=["OAuth"])


@router.get("/oauth/authorize")
async def ask(  # noqa: PLR0917 - query parameters
    state: SimulatorState,
    request: Request,
    client_id: str = "",
    redirect_uri: str = "",
    response_type: str = "",
    approval_prompt: str = "auto",
    scope: str = "read",
) -> Response:
    """Ask the athlete for consent.

    With "auto", a single athlete with an earlier grant of the scopes is redirected immediately.
    """
    consent = Consent(
        client_id, redirect_uri, request.query_params.get("state", ""), tuple(scope.split(","))
    )
    _check(state, consent)
    if response_type != "code":
        raise RequestRefused(invalid("Application", "response_type"))
    [athlete_id, *others] = state.world.athlete_ids
    grant = state.tokens.grant_of(athlete_id)
    if approval_prompt != "force" and not others and grant and grant.scopes >= set(consent.scopes):
        return _approve(state, consent, athlete_id, consent.scopes)
    return HTMLResponse(consent_page(consent, state.world))


@router.post("/oauth/authorize")
async def decide(request: Request, state: SimulatorState) -> Response:
    """Handle the submitted form, and redirect the browser to the application."""
    items = await form_items(request)
    given = dict(items)
    requested = tuple(given.get("scope", "").split(","))
    consent = Consent(
        given.get("client_id", ""), given.get("redirect_uri", ""), given.get("state", ""), requested
    )
    _check(state, consent)
    if given.get("decision") != "authorize":
        return _back(consent, error="access_denied")
    athlete = given.get("athlete_id", "")
    if not athlete.isdecimal() or int(athlete) not in state.world.athlete_ids:
        return HTMLResponse(
            consent_page(consent, state.world, problem="There is no athlete of that id."), 400
        )
    ticked = {value for name, value in items if name == "granted"}
    return _approve(state, consent, int(athlete), [scope for scope in requested if scope in ticked])


def _check(state: State, consent: Consent) -> None:
    if consent.client_id != state.client_id:
        raise RequestRefused(BAD_CLIENT)
    parts = urlsplit(consent.redirect_uri)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise RequestRefused(invalid("Application", "redirect_uri"))
    if not set(consent.scopes) <= SCOPES:
        raise RequestRefused(invalid("Authorize", "scope"))


def _approve(state: State, consent: Consent, athlete_id: int, scopes: Iterable[str]) -> Response:
    if state.is_full_for(athlete_id):
        return HTMLResponse(limit_page(), 403)
    granted = list(scopes)
    return _back(consent, code=state.tokens.new_code(athlete_id, granted), scope=",".join(granted))


def _back(consent: Consent, **parameters: str) -> Response:
    """Redirect to the application, and keep the query of its address."""
    parts = urlsplit(consent.redirect_uri)
    query = urlencode([*parse_qsl(parts.query), ("state", consent.state), *parameters.items()])
    return RedirectResponse(urlunsplit(parts._replace(query=query)), 303)


@router.post("/oauth/token")
@router.post("/api/v3/oauth/token")
async def give_tokens(request: Request, state: SimulatorState) -> Response:
    """Exchange a code or a refresh token, each valid once, for a new token pair."""
    given = await parameters_of(request)
    check_application(state, given.get("client_id", ""), given.get("client_secret", ""))
    match given.get("grant_type"):
        case "authorization_code":
            return json_response(_first_tokens(state, given.get("code", "")))
        case "refresh_token":
            return json_response(state.tokens.refresh(given.get("refresh_token", "")))
        case _:
            raise RequestRefused(invalid("Application", "grant_type"))


def _first_tokens(state: State, code: str) -> dict[str, Any]:
    grant, tokens = state.tokens.exchange(code, state.is_full_for)
    athlete = state.world.athlete(grant.athlete_id)
    return tokens | {"athlete": summary_athlete(athlete) if athlete else None}


@router.post("/oauth/revoke")
@router.post("/api/v3/oauth/revoke")
async def revoke(request: Request, state: SimulatorState) -> Response:
    """End an application's access by either of its tokens.

    As in RFC 7009, an unknown token is not an error.
    """
    given = await parameters_of(request)
    client_id, client_secret = _basic_credentials(request)
    check_application(state, client_id, client_secret)
    end_access(state, state.tokens.owner_of(given.get("token", "")))
    return Response(status_code=200)


@router.post("/oauth/deauthorize")
@router.post("/api/v3/oauth/deauthorize")
async def deauthorize(request: Request, state: SimulatorState) -> Response:
    """End an application's access by its access token, in the header or as `access_token`."""
    given = await parameters_of(request)
    token = request.headers.get("authorization", "").removeprefix("Bearer ") or given.get(
        "access_token", ""
    )
    end_access(state, state.tokens.check(token).athlete_id)
    return json_response({"access_token": token})


def end_access(state: State, athlete_id: int | None) -> None:
    """Invalidate the athlete's tokens and tell the application by webhook.

    Strava does both however the access ends.
    """
    if athlete_id is None or state.tokens.grant_of(athlete_id) is None:
        return
    state.tokens.revoke(athlete_id)
    state.webhooks.deauthorized(athlete_id)


def _basic_credentials(request: Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise RequestRefused(BAD_CLIENT) from None
    return (name, password) if scheme.lower() == "basic" else ("", "")
