"""Looks whether TOKEN_ENCRYPTION_KEYS decrypt the stored Strava tokens, and forgets others."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Connection

from db.encryption import KeyRing, UndecipherableSecret
from db.errors import DatabaseError
from db.session import SyncDatabase
from db.statements.strava import strava_connection
from db.transaction_runner import TransactionRunner
from logs import tell
from operator_commands.confirmation import confirm
from settings import Settings

_BATCH = 500


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """Which of the keys, counted from 1, decrypts the newest and the oldest stored tokens.

    None: no key does. Without stored tokens both are None and `is_empty`.
    """

    newest: int | None = None
    oldest: int | None = None
    is_empty: bool = True

    @property
    def are_readable(self) -> bool:
        return self.is_empty or None not in {self.newest, self.oldest}


def examine(connection: Connection, keys: Sequence[SecretStr]) -> StoredTokens:
    """Decrypt the newest and the oldest stored tokens."""
    rows = connection.execute(strava_connection.token_samples()).all()
    if not rows:
        return StoredTokens()
    return StoredTokens(_key_of(rows[0], keys), _key_of(rows[-1], keys), is_empty=False)


def ask_and_forget(settings: Settings, *, yes: bool) -> int:
    """Run `pacegraph forget-connections`; returns 1 if it failed. Raises InvalidSettings."""
    settings.require("database_url", "token_encryption_keys")
    question = "Forgets the Strava tokens that TOKEN_ENCRYPTION_KEYS do not decrypt"
    if not confirm(question, yes=yes):
        return 1
    try:
        count = forget_unreadable(settings)
    except DatabaseError as error:
        tell(str(error))
        return 1
    print(f"forgot the tokens of {count} athletes, who have to connect again")
    return 0


def forget_unreadable(settings: Settings) -> int:
    """Forget the tokens that no key decrypts; returns how many athletes have to connect again.

    Athletes, their accounts and activities stay as they are.
    """
    database = SyncDatabase(settings, application_name="pacegraph forget-connections")
    transactions = TransactionRunner(database)
    last_id: int | None = 0
    forgotten = 0
    try:
        while last_id is not None:
            forget = partial(_forget_some, keys=settings.token_encryption_keys, last_id=last_id)
            last_id, count = transactions.write(forget)
            forgotten += count
    finally:
        database.close()
    return forgotten


def _forget_some(
    connection: Connection, keys: Sequence[SecretStr], last_id: int
) -> tuple[int | None, int]:
    """Look at the connections after `last_id`.

    Returns the last id of this batch, None after the last batch, and how many were forgotten.
    """
    batch = {"last_id": last_id, "most": _BATCH}
    rows = connection.execute(strava_connection.tokens_after(), batch).all()
    if not rows:
        return None, 0
    ids = [row.id for row in rows if _key_of(row, keys) is None]
    values = {"ids": ids, "void_token": KeyRing(keys).encrypt(SecretStr("forgotten"))}
    connection.execute(strava_connection.forget_tokens(), values)
    return rows[-1].id, len(ids)


def _key_of(row: Any, keys: Sequence[SecretStr]) -> int | None:
    """The number, from 1, of the key that decrypts both tokens of a connection."""
    for number, key in enumerate(keys, start=1):
        ring = KeyRing([key])
        try:
            ring.decrypt(row.access_token)
            ring.decrypt(row.refresh_token)
        except UndecipherableSecret:
            continue
        return number
    return None
