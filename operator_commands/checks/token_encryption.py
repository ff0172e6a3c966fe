"""Whether there are keys for stored tokens, and whether they decrypt those that are stored."""

from sqlalchemy.exc import ProgrammingError

from db.errors import DatabaseError
from operator_commands.checks.connection import reading
from operator_commands.checks.failure import CheckFailed, require
from operator_commands.stored_tokens import examine
from settings import Settings


def check(settings: Settings) -> str:
    require(settings, "token_encryption_keys", "Make a key: pacegraph key")
    count = len(settings.token_encryption_keys)
    said = f"{count} {'key' if count == 1 else 'keys'}, the first encrypts"
    return f"{said}; {told}" if (told := _stored_tokens(settings)) else said


def _stored_tokens(settings: Settings) -> str:
    """What the keys make of the newest and the oldest stored tokens; empty without a database."""
    if settings.database_url is None:
        return ""
    try:
        with reading(settings) as connection:
            stored = examine(connection, settings.token_encryption_keys)
    except (DatabaseError, ProgrammingError):  # the check of PostgreSQL or of migrations tells
        return ""
    if stored.is_empty:
        return "no tokens are stored yet"
    if not stored.are_readable:
        which = "newest" if stored.newest is None else "oldest"
        raise CheckFailed(
            f"no key decrypts the {which} stored token. Put the key that encrypted it back from "
            "your backup, or let the athletes connect again: pacegraph forget-connections"
        )
    if stored.oldest == stored.newest:
        return f"key {stored.newest} decrypts the newest and the oldest stored token"
    return (
        f"key {stored.newest} decrypts the newest stored token and key {stored.oldest} the "
        f"oldest: keep both"
    )
