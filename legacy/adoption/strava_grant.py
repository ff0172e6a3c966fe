"""Old athletes' connections to Strava, by which sign-in finds them. Encrypts their tokens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection, text

from db.encryption import KeyRing, UndecipherableSecret
from legacy.adoption.row_mapping import OldGrant

_FERNET = "gAAAA"  # the first characters of every Fernet token of this century
_EXPIRED = datetime(1970, 1, 1, tzinfo=UTC)
_CLOSED = (
    "the Strava tokens open with no key of TOKEN_ENCRYPTION_KEYS, "
    "so the athlete has to sign in again"
)


@dataclass(frozen=True, slots=True)
class DecryptedTokens:
    """A pair of tokens in the clear. Empty tokens mean that the athlete must sign in again."""

    access_token: str
    refresh_token: str

    @property
    def works(self) -> bool:
        return bool(self.refresh_token)


class StravaGrants:
    """Writes and compares the connections of athletes to Strava."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def open(self, grant: OldGrant, remarks: list[str]) -> DecryptedTokens:
        """Decrypt an old row's tokens; without a matching key they are empty, with a remark."""
        try:
            return DecryptedTokens(
                self._opened(grant.access_token), self._opened(grant.refresh_token)
            )
        except UndecipherableSecret:
            remarks.append(_CLOSED)
            return DecryptedTokens("", "")

    def connect(
        self, connection: Connection, athlete_id: int, grant: OldGrant
    ) -> dict[str, Any] | None:
        """Insert a connection and return what to record of it.

        None if another athlete has the Strava account.
        """
        values = self._values(grant)
        row = connection.execute(
            text(
                "INSERT INTO public.strava_connections (athlete_id, strava_athlete_id, refused_at, "
                "scopes, access_token, refresh_token, token_expires_at, last_synced_at) "
                "VALUES (:athlete, :strava_id, CASE WHEN :works THEN NULL ELSE now() END, "
                ":scopes, :access_token, :refresh_token, :token_expires_at, :last_synced_at) "
                "ON CONFLICT DO NOTHING RETURNING id"
            ),
            {"athlete": athlete_id, "strava_id": grant.strava_id, **values},
        ).first()
        return _written(grant.strava_id, values) if row else None

    def renew(
        self,
        connection: Connection,
        athlete_id: int,
        grant: OldGrant | None,
        written: dict[str, Any] | None,
    ) -> dict[str, Any] | None:
        """Update a connection, unless pacegraph has changed it. Returns what to record of it."""
        current = self.current(connection, [athlete_id]).get(athlete_id)
        if current is None:
            return (
                self.connect(connection, athlete_id, grant)
                if grant and written is None
                else written
            )
        if written is None or not is_untouched(current, written):
            return written
        if (
            grant is None
            or connected(connection, [grant.strava_id]).get(grant.strava_id, athlete_id)
            != athlete_id
        ):
            connection.execute(
                text("DELETE FROM public.strava_connections WHERE athlete_id = :athlete"),
                {"athlete": athlete_id},
            )
            return None
        if self.differs(current, grant) is None:
            return written
        values = self._values(grant)
        connection.execute(
            text(
                "UPDATE public.strava_connections "
                "SET strava_athlete_id = :strava_id, scopes = :scopes, "
                "access_token = :access_token, refresh_token = :refresh_token, "
                "token_expires_at = :token_expires_at, "
                "last_synced_at = greatest(last_synced_at, :last_synced_at), "
                "refused_at = CASE WHEN :works THEN NULL ELSE coalesce(refused_at, now()) END "
                "WHERE athlete_id = :athlete"
            ),
            {"athlete": athlete_id, "strava_id": grant.strava_id, **values},
        )
        return _written(grant.strava_id, values)

    def current(self, connection: Connection, athlete_ids: Iterable[int]) -> dict[int, Any]:
        """Read the connections of athletes."""
        rows = connection.execute(
            text(
                "SELECT athlete_id, strava_athlete_id, scopes, access_token, refresh_token, "
                "token_expires_at, last_synced_at FROM public.strava_connections "
                "WHERE athlete_id = ANY(:ids)"
            ),
            {"ids": list(athlete_ids)},
        )
        return {row.athlete_id: row for row in rows}

    def differs(self, current: Any, grant: OldGrant) -> str | None:
        """Find a column of a connection that differs from the old row; None if all agree."""
        opened = self.open(grant, [])
        pair = [opened.access_token, opened.refresh_token] if opened.works else ["", ""]
        try:
            there = [
                self._keys.decrypt(each).get_secret_value()
                for each in (current.access_token, current.refresh_token)
            ]
        except UndecipherableSecret:
            return "access_token"
        found = {
            "strava_athlete_id": current.strava_athlete_id != grant.strava_id,
            "access_token, refresh_token": there != pair,
            "scopes": current.scopes != grant.scopes,
            "token_expires_at": current.token_expires_at != (grant.expires_at or _EXPIRED),
            "last_synced_at": grant.last_synced_at is not None
            and (current.last_synced_at is None or current.last_synced_at < grant.last_synced_at),
        }
        return next((name for name, differs in found.items() if differs), None)

    def _values(self, grant: OldGrant) -> dict[str, Any]:
        opened = self.open(grant, [])
        access_token = opened.access_token if opened.works else ""
        return {
            "works": opened.works,
            "scopes": grant.scopes,
            "access_token": self._keys.encrypt(SecretStr(access_token)),
            "refresh_token": self._keys.encrypt(SecretStr(opened.refresh_token)),
            # Without a known time the tokens are refreshed before the first use.
            "token_expires_at": grant.expires_at or _EXPIRED,
            "last_synced_at": grant.last_synced_at,
        }

    def _opened(self, token: str | None) -> str:
        if token and token.startswith(_FERNET):
            return self._keys.decrypt(token.encode()).get_secret_value()
        return token or ""


def connected(connection: Connection, strava_ids: Iterable[int]) -> dict[int, int]:
    """Find athletes by their Strava ids."""
    rows = connection.execute(
        text(
            "SELECT strava_athlete_id, athlete_id FROM public.strava_connections "
            "WHERE strava_athlete_id = ANY(:ids)"
        ),
        {"ids": list(strava_ids)},
    )
    return {row.strava_athlete_id: row.athlete_id for row in rows}


def is_untouched(current: Any, written: Mapping[str, Any]) -> bool:
    """Whether the tokens still are those of the adoption: sign-in and refresh write others."""
    return bool(_fingerprint(current.access_token, current.refresh_token) == written["fingerprint"])


def _written(strava_id: int, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "strava_id": strava_id,
        "fingerprint": _fingerprint(values["access_token"], values["refresh_token"]),
    }


def _fingerprint(access_token: bytes, refresh_token: bytes) -> str:
    """Hash the ciphertexts, which differ with every encryption."""
    return sha256(bytes(access_token) + bytes(refresh_token)).hexdigest()
