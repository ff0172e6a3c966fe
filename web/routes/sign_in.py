"""Sign-in with Strava, and sign-out.

Strava's authorization page supports no PKCE (its documentation lists `client_id`, `redirect_uri`,
`response_type`, `approval_prompt`, `scope` and `state`). Other means prevent what PKCE does: a code
needs the client secret, which never leaves the server, and a `state` from this browser's signed
cookie, which works once.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import MutableHeaders
from starlette.responses import Response

from db.models import NAMELESS
from db.statements.athletes import account as accounts
from db.statements.athletes import athlete as athletes
from db.statements.athletes import athlete_change
from db.statements.athletes import sign_in as sign_ins
from db.statements.strava import former_connection as former_connections
from db.statements.strava import strava_connection as connections
from graph.errors import InvalidArgument
from jobs.strava_tokens import encrypted
from settings import Settings
from strava.errors import StravaError, StravaScopeMissing, StravaUnauthorized
from strava.payloads import StravaAthlete
from strava.scopes import GrantedScopes
from strava.tokens import TokenGrant
from web.auth.cookies import SIGN_IN_LIFETIME, SessionCookie, SignIn
from web.auth.return_to import checked_return_to
from web.auth.sign_in_errors import SignInDenied, SignInExpired, SignInFailed, SignInRefusal
from web.errors import CrossSite, error_response
from web.http.header_fields import cookies_of
from web.routes.notice import Link, refusal
from web.routes.root import home_of
from web.services import Services, services_of
from web.switches import switches_at

SIGN_IN, SIGN_OUT = "/auth/strava", "/auth/sign-out"
_RETURN_TO = "returnTo"
ReturnTo = Annotated[str | None, Query(alias=_RETURN_TO)]
_NOT_SIGNED_IN, _START_AGAIN = "You are not signed in", "Start again"
_SEX = {"M": "MALE", "F": "FEMALE"}
_YES, _NO = {"1", "true"}, {"0", "false"}
_UNSTORED = {"cache-control": "no-store"}
_CODE = re.compile(r"[!-~]{1,500}")
_SCOPE_MISSING = (
    "You are signed in, but Strava does not share your activities, so nothing can be synced. Start "
    "again at /auth/strava and leave the box about your activities ticked on Strava's page "
    "(activity:read, or activity:read_all for private ones too)."
)

router = APIRouter()
logger = logging.getLogger(__name__)


def begin_sign_in(
    services: Services,
    headers: MutableHeaders,
    back_to: str,
    cookies: Mapping[str, str] | None = None,
) -> str:
    """Make the URL of Strava's authorization page; a cookie in `headers` ties it to this browser.

    `cookies` are the request's: if the browser began many sign-ins, the oldest are removed.
    """
    sessions = services.sessions
    for header in sessions.cookies.surplus_sign_in_headers(cookies or {}):
        headers.append("set-cookie", header)
    state, header = sessions.cookies.begin_sign_in(back_to)
    headers.append("set-cookie", header)
    return services.strava.authorization_url(state)


def address_after(services: Services, return_to: str | None, field: str) -> str:
    """Get where a browser goes after signing in. Raises InvalidArgument naming `field`."""
    if return_to is None:
        return home_of(services.settings)
    return checked_return_to(services.origins, return_to, field)


@router.get(SIGN_IN, summary="Start signing in with Strava")
async def sign_in(request: Request, return_to: ReturnTo = None) -> Response:
    """Send the browser to Strava's authorization page, and afterwards to `returnTo`.

    That is a path of this server, or the address of a page whose origin is in CORS_ORIGINS.
    """
    response, services = Response(status_code=303, headers=_UNSTORED), services_of(request)
    try:
        back_to = address_after(services, return_to, _RETURN_TO)
    except InvalidArgument as error:
        return refusal(
            request,
            400,
            error.code,
            error.message,
            title=_NOT_SIGNED_IN,
            field=error.field,
            links=[(SIGN_IN, _START_AGAIN)],
            headers=_UNSTORED,
        )
    response.headers["location"] = begin_sign_in(
        services, response.headers, back_to, cookies_of(request.scope["headers"])
    )
    return response


@router.get("/strava/callback", summary="Receive the browser back from Strava")
async def callback(
    request: Request, state: str = "", code: str = "", scope: str = "", error: str = ""
) -> Response:
    """Exchange the code for tokens, store them, and sign the browser in. `scope` was granted.

    All parameters pass through the browser, which may have changed them. Nothing is stored, and
    Strava is not asked, before the state is found to be of this browser and young, and a slot is
    free. Then the sign-in is over, however it ends: its state works once.
    """
    services = services_of(request)
    cookies, address = services.sessions.cookies, services.addresses.of(request.scope)
    begun = cookies.sign_in_of(cookies_of(request.scope["headers"]), state)
    try:
        if begun is None:
            raise SignInExpired
        grant = await _grant(services, address, begun, "" if error else code)
        response = await _sign_in(
            request, services, grant, GrantedScopes.from_callback(scope), begun
        )
    except SignInRefusal as refused:
        services.sign_ins.outcomes[refused.outcome] += 1
        if refused.is_failure:
            await asyncio.sleep(services.sign_ins.failures.delay_s(address))
        response = refusal(
            request,
            refused.status,
            refused.code,
            refused.message,
            title=_NOT_SIGNED_IN,
            links=_ways_on(begun),
            headers={**_UNSTORED, **refused.headers},
        )
        if not refused.is_over:
            return response
    response.headers.append("set-cookie", cookies.no_sign_in_header(state))
    return response


@router.options(SIGN_OUT, include_in_schema=False)
async def sign_out_preflight(request: Request) -> Response:
    """Tell a browser whether another origin's page may sign out; `web/app.py` adds the origin."""
    origins = services_of(request).origins
    headers = origins.preflight(dict(request.scope["headers"])) or [(b"allow", b"POST, OPTIONS")]
    response = Response(status_code=204, headers=_UNSTORED)
    response.raw_headers += headers
    return response


@router.post(SIGN_OUT, summary="Sign out this browser, or every session of the account")
async def sign_out(request: Request, everywhere: str = "0") -> Response:
    """End this browser's session, or (`everywhere=1`) all of the account. API tokens stay valid."""
    services = services_of(request)
    if services.origins.is_foreign(dict(request.scope["headers"])):
        foreign = CrossSite()
        return _refusal(foreign.status, foreign.code, foreign.message)
    if everywhere not in _YES | _NO:
        return _refusal(
            400,
            "BAD_USER_INPUT",
            "`everywhere` must be 1 (end all sessions) or 0 (end this browser's session).",
        )
    cookie = services.sessions.cookie_of(request)
    if cookie is not None and await services.identity.has_session(request):
        await _end_session(services, cookie, of_account=everywhere in _YES)
    response = Response(status_code=204, headers=_UNSTORED)
    response.headers["set-cookie"] = services.sessions.cookies.no_session_header()
    return response


async def _end_session(services: Services, cookie: SessionCookie, *, of_account: bool) -> None:
    """End a session, or all of its account."""
    end = services.sessions.end_all if of_account else services.sessions.end
    if await services.database.writing(partial(end, cookie=cookie)):
        services.identity.forget_callers(
            cookie.account_id, None if of_account else cookie.session_id
        )


async def _grant(services: Services, address: str, begun: SignIn, code: str) -> TokenGrant:
    """Exchange a code, empty if access was denied, in one of the slots. Raises SignInRefusal."""
    is_limited = switches_at(services.flags, address).rate_limiting
    async with services.sign_ins.attempt(address, is_limited=is_limited):
        if not await _use(services, begun.state_sha256):
            raise SignInExpired(is_failure=True)
        if not code:
            raise SignInDenied
        if not _CODE.fullmatch(code):
            raise SignInFailed(StravaUnauthorized("authorization code"))
        try:
            return await services.sign_ins.run(services.strava.exchange_code, code)
        except StravaError as failure:
            raise SignInFailed(failure) from None


async def _use(services: Services, state_sha256: bytes) -> bool:
    """Record that a sign-in came back; False if it did so before."""

    async def use(db: AsyncConnection) -> bool:
        lifetime_s = 2 * SIGN_IN_LIFETIME.total_seconds()
        await db.execute(sign_ins.delete_used(), {"lifetime_s": lifetime_s})
        used = await db.execute(sign_ins.use(), {"state_sha256": state_sha256})
        return used.first() is not None

    return await services.database.writing(use)


async def _sign_in(
    request: Request, services: Services, grant: TokenGrant, scopes: GrantedScopes, begun: SignIn
) -> Response:
    """Store a grant and begin a session. Scopes that are missing lose neither, but are told."""
    replaced = services.sessions.cookie_of(request)

    async def keep(db: AsyncConnection) -> tuple[int, str]:
        account = await keep_grant(db, services, grant, list(scopes.known))
        if replaced is not None:
            await services.sessions.end(db, replaced)
        return account["id"], await services.sessions.begin(db, account)

    account_id, header = await services.database.writing(keep)
    services.identity.forget_callers(account_id)
    if replaced is not None:
        services.identity.forget_callers(replaced.account_id, replaced.session_id)
    if scopes.unknown:
        fields = {"unknown_words": scopes.unknown, "known_words": list(scopes.known)}
        logger.warning("a callback's scope has unknown words, which are dropped", extra=fields)
    services.sign_ins.outcomes["signed_in" if scopes.allow_syncs else "scope_missing"] += 1
    # not a RedirectResponse, which would write the address otherwise
    response = Response(status_code=303, headers={**_UNSTORED, "location": begun.back_to})
    if not scopes.allow_syncs:
        response = refusal(
            request,
            403,
            StravaScopeMissing.code,
            _SCOPE_MISSING,
            title="You are signed in, but nothing can be synced",
            links=_ways_on(begun),
            headers=_UNSTORED,
        )
    response.headers.append("set-cookie", header)
    return response


def _ways_on(begun: SignIn | None) -> list[Link]:
    """Link to where people go on after a refusal: again to Strava, or back to where they came from."""
    if begun is None:
        return [(SIGN_IN, _START_AGAIN)]
    again = f"{SIGN_IN}?{urlencode({_RETURN_TO: begun.back_to})}"
    return [(again, _START_AGAIN), (begun.back_to, "Back to where you came from")]


def _refusal(status: int, code: str, message: str) -> Response:
    return error_response(status, code, message, _UNSTORED)


async def keep_grant(
    connection: AsyncConnection, services: Services, grant: TokenGrant, scopes: list[str]
) -> Any:
    """Store the athlete, connection and account of a sign-in.

    A returning athlete's own data stays unchanged. Returns the account's `id` and `session_epoch`.
    """
    strava_id = grant.athlete.strava_id
    athlete_id = await _athlete_of(connection, grant.athlete)
    # first, like everything that writes an athlete's data: it locks the athlete
    changes = athlete_change.changes(athlete_id, None, of_athlete=True)
    await connection.execute(athlete_change.record(), changes)
    granted = {"athlete": athlete_id, "strava_athlete": strava_id, "granted_scopes": scopes}
    await connection.execute(
        connections.connect(), {**granted, **encrypted(services.keys, grant.tokens)}
    )
    account = {
        "athlete_id": athlete_id,
        "is_administrator": _is_admin(services.settings, strava_id),
    }
    return (await connection.execute(accounts.upsert(), account)).mappings().one()


async def _athlete_of(connection: AsyncConnection, athlete: StravaAthlete) -> int:
    """Find the athlete who is or was connected, or create one; returns the id."""
    known, values = {"strava_athlete_id": athlete.strava_id}, _athlete_values(athlete)
    connected = (await connection.execute(connections.connected_athlete(), known)).scalar()
    if connected is not None:
        return int(connected)
    former = (await connection.execute(former_connections.athlete_of(), known)).scalar()
    if former is not None:
        again = {"athlete": former} | {f"new_{name}": told for name, told in values.items()}
        await connection.execute(athletes.name_again(), again)
        return int(former)
    return int((await connection.execute(athletes.create(), values)).scalar_one())


def _athlete_values(athlete: StravaAthlete) -> dict[str, str | None]:
    return {
        "first_name": athlete.first_name or NAMELESS,
        "last_name": athlete.last_name or "",
        "sex": _SEX.get(athlete.sex or ""),
        "city": athlete.city,
        "country": athlete.country,
    }


def _is_admin(settings: Settings, strava_id: int) -> bool:
    return strava_id in settings.admin_athlete_ids
