"""Signing in with Strava, and out."""

import asyncio
import hmac
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from db.statements import account as accounts
from db.statements import strava_connection as connections
from jobs.strava_tokens import encrypted
from settings import Settings
from strava.client import TokenGrant
from strava.errors import StravaError
from strava.payloads import StravaAthlete
from web.errors import error_response
from web.graphql import begin_sign_in
from web.services import Services, services_of

_HOME = "/graphiql"
_SEX = {"M": "MALE", "F": "FEMALE"}
_NAMELESS = "Athlete"

router = APIRouter()


@router.get("/auth/strava", summary="Begin to sign in with Strava")
async def sign_in(request: Request) -> Response:
    """Send the browser to Strava's authorization page."""
    response = Response(status_code=303, headers={"cache-control": "no-store"})
    response.headers["location"] = begin_sign_in(services_of(request), response.headers, _HOME)
    return response


@router.get("/strava/callback", summary="Where Strava sends the browser back to")
async def callback(
    request: Request,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=500)] = "",
    scope: Annotated[str, Query(max_length=500)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Trade the code for tokens, keep them, and sign the browser in. `scope` is what the athlete granted."""
    services = services_of(request)
    begun = services.sessions.sign_in_of(request)
    if begun is None or not hmac.compare_digest(begun.state.encode(), state.encode()):
        return error_response(400, "SIGN_IN_EXPIRED", "This sign-in is not this browser's, or too old. Begin again.")
    if error or not code:
        return error_response(400, "SIGN_IN_DENIED", "Strava was not allowed to share your data. Begin again to allow.")
    try:
        grant = await asyncio.to_thread(services.strava.exchange_code, code)
    except StravaError as failure:
        return error_response(502, failure.code, f"Strava refused the sign-in: {failure}. Begin again.")
    account = await _write(services, grant, [each for each in scope.split(",") if each])
    response = RedirectResponse(begun.back_to, 303, {"cache-control": "no-store"})
    services.sessions.begin(response, account["id"], account["session_epoch"])
    services.sessions.finish_sign_in(response)
    return response


@router.post("/auth/sign-out", summary="Sign out, everywhere")
async def sign_out(request: Request) -> Response:
    """End all sessions of the account, and this browser's cookie."""
    services = services_of(request)
    caller = await services.sessions.caller(services.database, request, None)
    if caller.viewer.account_id is not None:
        async with services.database.write() as connection:
            await connection.execute(accounts.end_sessions(), {"account_id": caller.viewer.account_id})
        services.sessions.forget_callers()
    response = Response(status_code=204)
    services.sessions.end(response)
    return response


async def _write(services: Services, grant: TokenGrant, scopes: list[str]) -> Any:
    async with services.database.write() as connection:
        return await keep_grant(connection, services, grant, scopes)


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
    account = {"athlete_id": athlete_id, "makes_admin": _is_admin(services.settings, strava_id)}
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
