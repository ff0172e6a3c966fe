"""Signing in with Strava, and out.

Strava's authorization page takes no PKCE challenge (its documentation knows `client_id`, `redirect_uri`,
`response_type`, `approval_prompt`, `scope` and `state`). What PKCE guards against is kept out by other means: a code is
traded with the client secret, which never leaves the server, and only for a `state` that this browser's signed cookie
vouches for, once.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse, Response

from db.statements import account as accounts
from db.statements import strava_connection as connections
from jobs.strava_tokens import encrypted
from settings import Settings
from strava.client import TokenGrant
from strava.errors import StravaError
from strava.payloads import StravaAthlete
from web.cookies import SIGN_IN_LIFETIME
from web.errors import CrossSite, error_response
from web.services import Services, services_of

_HOME = "/graphiql"
_STRAVA_SCOPES = ("read", "activity:read_all", "profile:read_all")
_SEX = {"M": "MALE", "F": "FEMALE"}
_NAMELESS = "Athlete"
_YES, _NO = {"1", "true"}, {"0", "false"}
_UNSTORED = {"cache-control": "no-store"}

router = APIRouter()


def begin_sign_in(
    services: Services, headers: MutableHeaders, back_to: str, cookies: Mapping[str, str] | None = None
) -> str:
    """Make the address of Strava's authorization page, tied to this browser by a cookie in the answer's `headers`.

    `cookies` are the request's: of many sign-ins that the browser began, the oldest are forgotten.
    """
    sessions = services.sessions
    for header in sessions.cookies.surplus_sign_in_headers(cookies or {}):
        headers.append("set-cookie", header)
    state, header = sessions.cookies.begin_sign_in(back_to)
    headers.append("set-cookie", header)
    return services.strava.authorization_url(f"{services.settings.url}/strava/callback", state, _STRAVA_SCOPES)


@router.get("/auth/strava", summary="Begin to sign in with Strava")
async def sign_in(request: Request) -> Response:
    """Send the browser to Strava's authorization page."""
    response = Response(status_code=303, headers=_UNSTORED)
    response.headers["location"] = begin_sign_in(services_of(request), response.headers, _HOME, request.cookies)
    return response


@router.get("/strava/callback", summary="Where Strava sends the browser back to")
async def callback(request: Request, state: str = "", code: str = "", scope: str = "", error: str = "") -> Response:
    """Trade the code for tokens, keep them, and sign the browser in. `scope` is what the athlete granted.

    Whatever comes of it, the sign-in is over: its state works once.
    """
    services = services_of(request)
    begun = services.sessions.cookies.sign_in_of(request.cookies, state)
    if begun is None or not await _use(services, begun.state_sha256):
        return _refusal(400, "SIGN_IN_EXPIRED", "This sign-in is not this browser's, too old or used. Begin again.")
    if error or not code:
        response = _refusal(400, "SIGN_IN_DENIED", "Strava was not allowed to share your data. Begin again to allow.")
    else:
        response = await _finish(request, code, [each for each in scope.split(",") if each], begun.back_to)
    response.headers.append("set-cookie", services.sessions.cookies.no_sign_in_header(state))
    return response


@router.post("/auth/sign-out", summary="Sign out this browser, or all")
async def sign_out(request: Request, everywhere: str = "0") -> Response:
    """End this browser's session, or (`everywhere=1`) all of the account. API tokens go on."""
    services = services_of(request)
    if services.origins.is_foreign(dict(request.scope["headers"])):
        foreign = CrossSite()
        return _refusal(foreign.status, foreign.code, foreign.message)
    if everywhere not in _YES | _NO:
        return _refusal(400, "BAD_USER_INPUT", "`everywhere` is 1 (all sessions end) or 0 (this browser's does).")
    sessions = services.sessions
    async with services.database.write() as db:
        await (sessions.end_all if everywhere in _YES else sessions.end)(db, request)
    sessions.forget_callers()
    response = Response(status_code=204, headers=_UNSTORED)
    response.headers["set-cookie"] = sessions.cookies.no_session_header()
    return response


async def _use(services: Services, state_sha256: bytes) -> bool:
    """Note that a sign-in came back; whether it is the first time."""
    async with services.database.write() as db:
        await db.execute(accounts.forget_used_sign_ins(), {"lifetime_s": 2 * SIGN_IN_LIFETIME.total_seconds()})
        return (await db.execute(accounts.use_sign_in(), {"state_sha256": state_sha256})).first() is not None


async def _finish(request: Request, code: str, scopes: list[str], back_to: str) -> Response:
    services = services_of(request)
    if services.sign_ins.locked():
        return _refusal(503, "TOO_BUSY", "Many are signing in just now. Begin again in a moment.")
    try:
        async with services.sign_ins:
            grant = await asyncio.to_thread(services.strava.exchange_code, code)
    except StravaError as failure:
        return _refusal(502, failure.code, f"Strava refused the sign-in: {failure}. Begin again.")
    async with services.database.write() as db:
        account = await keep_grant(db, services, grant, scopes)
        await services.sessions.end(db, request)  # what the browser had before
        header = await services.sessions.begin(db, account)
    services.sessions.forget_callers()
    response = RedirectResponse(back_to, 303, _UNSTORED)
    response.headers.append("set-cookie", header)
    return response


def _refusal(status: int, code: str, message: str) -> Response:
    return error_response(status, code, message, _UNSTORED)


async def keep_grant(connection: AsyncConnection, services: Services, grant: TokenGrant, scopes: list[str]) -> Any:
    """Write athlete, connection and account of a sign-in; a returning athlete's own data stays as it is.

    Returns the account's `id` and `session_epoch`.
    """
    strava_id = grant.athlete.strava_id
    athlete_id = (await connection.execute(connections.connected_athlete(), {"strava_athlete_id": strava_id})).scalar()
    if athlete_id is None:
        athlete_id = (await connection.execute(accounts.create_athlete(), _athlete_values(grant.athlete))).scalar_one()
    granted = {"athlete": athlete_id, "strava_athlete": strava_id, "granted_scopes": scopes}
    await connection.execute(connections.connect(), {**granted, **encrypted(services.keys, grant.tokens)})
    account = {"athlete_id": athlete_id, "is_administrator": _is_admin(services.settings, strava_id)}
    return (await connection.execute(accounts.sign_in(), account)).mappings().one()


def _athlete_values(athlete: StravaAthlete) -> dict[str, str | None]:
    return {
        "first_name": athlete.first_name or _NAMELESS,
        "last_name": athlete.last_name or "",
        "sex": _SEX.get(athlete.sex or ""),
        "city": athlete.city,
        "country": athlete.country,
    }


def _is_admin(settings: Settings, strava_id: int) -> bool:
    return strava_id in settings.admin_athlete_ids
