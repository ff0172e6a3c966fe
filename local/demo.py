"""The accounts of a fresh `pacegraph run`: the simulated athlete, with Strava, and an admin."""

import asyncio
import hmac
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Scope
from db.statements.athletes import account as accounts
from db.statements.athletes import api_token as api_tokens
from db.statements.athletes import athlete as athletes
from db.statements.athletes import demo
from db.statements.strava import strava_connection as connections
from graph.commands.api_token import TOKEN_PREFIX
from graph.global_id import encode_id
from logs import tell
from settings import Settings
from strava.client import StravaClient
from strava.errors import StravaError
from strava.push_subscriptions import subscribe, view_subscription
from strava.tokens import TokenGrant
from web.routes.sign_in import keep_grant
from web.services import Services
from web.webhook_address import callback_url, verify_token

STRAVA_ATHLETE_ID = 1001
BIRTH_DATE = date(1980, 5, 17)
"""Strava does not reveal birth dates, and age grades need one."""
_TOKEN_LIFETIME = timedelta(days=30)
_STRAVA_SCOPES = ["read", "activity:read_all", "profile:read_all"]
_ATHLETE_SCOPES = [Scope.READ, Scope.SYNC]
_ADMIN_SCOPES = [Scope.ADMIN, Scope.READ, Scope.SYNC]


@dataclass(frozen=True, slots=True)
class DemoAccounts:
    """API tokens of the simulated athlete and of an admin, and the athlete's GraphQL id."""

    athlete_token: str
    admin_token: str
    athlete_id: str


def set_up(settings: Settings) -> DemoAccounts:
    """Connect the simulated athlete to the simulated Strava of STRAVA_API_URL; create the tokens.

    Repeating it connects again and lets the tokens work for 30 more days. They depend only on
    SECRET_KEY; those of another one end.
    """
    return asyncio.run(_set_up(settings))


async def _set_up(settings: Settings) -> DemoAccounts:
    services = Services.from_settings(settings)
    try:
        code = await asyncio.to_thread(_authorization_code, settings)
        grant = await asyncio.to_thread(services.strava.exchange_code, code)
        return await services.database.writing(
            partial(_write, settings=settings, services=services, grant=grant)
        )
    finally:
        await services.close()


async def _write(
    connection: AsyncConnection, settings: Settings, services: Services, grant: TokenGrant
) -> DemoAccounts:
    account = await keep_grant(connection, services, grant, _STRAVA_SCOPES)
    strava_id = {"strava_athlete_id": grant.athlete.strava_id}
    athlete_id = (await connection.execute(connections.connected_athlete(), strava_id)).scalar_one()
    await _enter_birth_date(connection, athlete_id)
    athlete_token = await _token(
        connection, settings, account["id"], demo.ATHLETE_TOKEN, _ATHLETE_SCOPES
    )
    admin_token = await _token(
        connection, settings, await _admin(connection), demo.ADMIN_TOKEN, _ADMIN_SCOPES
    )
    return DemoAccounts(athlete_token, admin_token, encode_id("Athlete", athlete_id))


def report_changes(settings: Settings, api_url: str) -> None:
    """Let the simulated Strava report changes to the API at `api_url`; a failure is only told."""
    with StravaClient.from_settings(settings) as client:
        try:
            if view_subscription(client) is None:
                subscribe(client, callback_url(settings, api_url), verify_token(settings))
        except StravaError as error:
            tell(f"the simulated Strava does not report changes: {error}")


def _authorization_code(settings: Settings) -> str:
    """Let the simulator authorize the application, as the athlete would on its page."""
    base = settings.strava_api_url.removesuffix("/api/v3")
    answer = httpx.post(
        f"{base}/simulator/athletes/{STRAVA_ATHLETE_ID}/codes",
        json={"scopes": _STRAVA_SCOPES},
        timeout=settings.strava_timeout_s,
        trust_env=False,
    )
    code: str = answer.raise_for_status().json()["code"]
    return code


async def _enter_birth_date(connection: AsyncConnection, athlete_id: int) -> None:
    known = (await connection.execute(athletes.personal_data(), {"athlete_id": athlete_id})).one()
    if known.birth_date is None:
        await connection.execute(
            athletes.change({"birth_date": BIRTH_DATE}), {"changed_athlete_id": athlete_id}
        )


async def _admin(connection: AsyncConnection) -> int:
    admin_id: int | None = (
        (await connection.execute(accounts.admins_without_athlete())).scalars().first()
    )
    return admin_id or (await connection.execute(accounts.create_admin())).scalar_one()


async def _token(
    connection: AsyncConnection, settings: Settings, account_id: int, name: str, scopes: list[Scope]
) -> str:
    """Create the demo token of this name unless it exists.

    It is derived from SECRET_KEY, so it need not be stored.
    """
    assert settings.secret_key is not None
    key = settings.secret_key.get_secret_value().encode()
    secret = TOKEN_PREFIX + hmac.digest(key, name.encode(), "sha256").hex()
    until = datetime.now(UTC) + _TOKEN_LIFETIME
    values: dict[str, Any] = {
        "account_id": account_id,
        "name": name,
        "hint": secret[:9],
        "secret_sha256": sha256(secret.encode()).digest(),
        "scopes": scopes,
        "expires_at": until,
    }
    await connection.execute(api_tokens.create(unless_there=True), values)
    hashed = {"hash": values["secret_sha256"]}
    await connection.execute(demo.renew_token(), hashed | {"until": until})
    of_name = hashed | {"account_id": account_id, "name": name}
    for token_id in (await connection.execute(demo.outdated_tokens(), of_name)).scalars().all():
        await connection.execute(api_tokens.revoke(of_any_account=True), {"token_id": token_id})
    return secret
