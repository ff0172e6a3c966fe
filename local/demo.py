"""The accounts that `pacegraph run` begins with: the simulated athlete, connected to its Strava, and an admin."""

import asyncio
import hmac
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import Scope
from db.statements import account as accounts
from db.statements import athlete as athletes
from db.statements import strava_connection as connections
from graph.commands.account import TOKEN_PREFIX
from graph.ids import encode_id
from settings import Settings
from web.services import Services
from web.sign_in import keep_grant

__all__ = ["DemoAccounts", "set_up"]

STRAVA_ATHLETE_ID = 1001
BIRTH_DATE = date(1980, 5, 17)
"""Strava does not tell birth dates, and age grades need one."""
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
    """Connect the simulated athlete to the simulated Strava of STRAVA_API_URL, and make the tokens.

    Repeating it connects anew and changes nothing else: the tokens are the same for one SECRET_KEY.
    """
    return asyncio.run(_set_up(settings))


async def _set_up(settings: Settings) -> DemoAccounts:
    services = Services.of(settings)
    try:
        code = await asyncio.to_thread(_authorization_code, settings)
        grant = await asyncio.to_thread(services.strava.exchange_code, code)
        async with services.database.write() as connection:
            account = await keep_grant(connection, services, grant, _STRAVA_SCOPES)
            strava_id = {"strava_athlete_id": grant.athlete.strava_id}
            athlete_id = (await connection.execute(connections.connected_athlete(), strava_id)).scalar_one()
            await _enter_birth_date(connection, athlete_id)
            athlete_token = await _token(connection, settings, account["id"], "athlete", _ATHLETE_SCOPES)
            admin_token = await _token(connection, settings, await _admin(connection), "admin", _ADMIN_SCOPES)
        return DemoAccounts(athlete_token, admin_token, encode_id("Athlete", athlete_id))
    finally:
        await services.close()


def _authorization_code(settings: Settings) -> str:
    """Have the simulator authorize the application, as the athlete would on its page."""
    url = f"{settings.strava_api_url.removesuffix('/api/v3')}/simulator/athletes/{STRAVA_ATHLETE_ID}/codes"
    answer = httpx.post(url, json={"scopes": _STRAVA_SCOPES}, timeout=settings.strava_timeout_s, trust_env=False)
    code: str = answer.raise_for_status().json()["code"]
    return code


async def _enter_birth_date(connection: AsyncConnection, athlete_id: int) -> None:
    known = (await connection.execute(athletes.personal_data(), {"athlete_id": athlete_id})).one()
    if known.birth_date is None:
        await connection.execute(athletes.change({"birth_date": BIRTH_DATE}), {"changed_athlete_id": athlete_id})


async def _admin(connection: AsyncConnection) -> int:
    admin_id: int | None = (await connection.execute(accounts.admins_without_athlete())).scalars().first()
    return admin_id or (await connection.execute(accounts.create_admin())).scalar_one()


async def _token(
    connection: AsyncConnection, settings: Settings, account_id: int, name: str, scopes: list[Scope]
) -> str:
    """Make the demo's token of this name, unless it is there. It follows from SECRET_KEY, so it need not be kept."""
    assert settings.secret_key is not None
    key = settings.secret_key.get_secret_value().encode()
    secret = TOKEN_PREFIX + hmac.digest(key, f"demo {name}".encode(), "sha256").hex()
    values: dict[str, Any] = {
        "account_id": account_id,
        "name": f"demo {name}",
        "hint": secret[:9],
        "secret_sha256": sha256(secret.encode()).digest(),
        "scopes": scopes,
        "expires_at": None,
    }
    await connection.execute(accounts.create_token(unless_there=True), values)
    return secret
