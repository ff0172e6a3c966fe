"""`pacegraph doctor`: checks what pacegraph needs, and says what is wrong and what to do."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from operator_commands.checks.failure import CheckFailed
from settings import InvalidSettings, Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

_OLDEST_POSTGRES = 16
_OLDEST_REDIS = (6, 2)


def diagnose(settings: Settings) -> int:
    """Print a line for each check; returns 1 if one failed, else 0."""
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("PostgreSQL", _postgres),
        ("migrations", _migrations),
        ("Redis", _redis),
        ("secret key", _secret_key),
        ("key ring", _key_ring),
        ("Strava", _strava),
        ("Strava's quota", _quota),
        ("webhook", _webhook),
    ]
    print("OK       settings: all values are valid")
    problems = 0
    for name, check in checks:
        try:
            print(f"OK       {name}: {check(settings)}")
        except (CheckFailed, InvalidSettings) as failure:
            problems += 1
            print(f"PROBLEM  {name}: {failure}")
    return 1 if problems else 0


def _require(settings: Settings, name: str, remedy: str) -> None:
    try:
        settings.require(name)
    except InvalidSettings:
        raise CheckFailed(f"{name.upper()} is not set. {remedy}") from None


def _postgres(settings: Settings) -> str:
    from sqlalchemy import text

    from db.errors import DatabaseError
    from db.session import SyncDatabase

    _require(
        settings,
        "database_url",
        "Set it, or use `pacegraph run`, which starts a PostgreSQL of its own",
    )
    database = SyncDatabase(settings, application_name="pacegraph doctor")
    try:
        with database.read() as connection:
            check_limits(connection, settings)
            version = (
                int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
            )
    except DatabaseError as error:
        raise CheckFailed(
            f"{_first_line(error.__cause__ or error)}. "
            "Check DATABASE_URL, and that PostgreSQL runs and accepts us"
        ) from None
    finally:
        database.close()
    if version < _OLDEST_POSTGRES:
        raise CheckFailed(
            f"version {version} is too old. Use PostgreSQL {_OLDEST_POSTGRES} or newer"
        )
    return f"version {version} answers"


def check_limits(connection: "Connection", settings: Settings) -> None:
    """Ask which limits hold. Poolers may drop those that clients ask for. Raises CheckFailed."""
    from sqlalchemy import text

    wanted = {
        "statement_timeout": settings.database_statement_timeout_ms,
        "idle_in_transaction_session_timeout": settings.database_idle_transaction_timeout_ms,
    }
    for name, milliseconds in wanted.items():
        held = connection.execute(
            text("SELECT setting FROM pg_settings WHERE name = :name"), {"name": name}
        ).scalar_one()
        if milliseconds and int(held) == 0:
            raise CheckFailed(
                f"{name} is 0, although we asked for {milliseconds} ms: a pooler drops it. Set it "
                f"on the role: ALTER ROLE … SET {name} = {milliseconds}"
            )


def _migrations(settings: Settings) -> str:
    from alembic.util import CommandError

    from db.errors import DatabaseError
    from db.session import SyncDatabase
    from operator_commands.migrations import missing_revisions

    _require(settings, "database_url", "Without it migrations cannot be checked")
    database = SyncDatabase(settings, application_name="pacegraph doctor")
    try:
        with database.read() as connection:
            missing = missing_revisions(connection)
    except DatabaseError:
        raise CheckFailed("cannot be read while PostgreSQL is out of reach") from None
    except CommandError as error:
        raise CheckFailed(
            f"{error}. The database was migrated by a newer pacegraph: update this one"
        ) from None
    finally:
        database.close()
    if missing:
        raise CheckFailed(
            f"{len(missing)} to be applied, {missing[0]} first. Run `pacegraph migrate`"
        )
    return "the database is up to date"


def _redis(settings: Settings) -> str:
    import redis

    from runtime.redis_clients import redis_client

    _require(
        settings, "redis_url", "Set it, or use `pacegraph run`, which starts a Redis of its own"
    )
    try:
        with redis_client(settings, timeout_s=5) as client:
            facts = client.info()
    except (redis.RedisError, ValueError) as error:
        raise CheckFailed(
            f"{_first_line(error)}. Check REDIS_URL, and that Redis runs and accepts us"
        ) from None
    version = str(facts["redis_version"])
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _OLDEST_REDIS:
        raise CheckFailed(
            f"version {version} is too old. "
            f"Use Redis {'.'.join(map(str, _OLDEST_REDIS))} or newer, or Valkey"
        )
    if (policy := str(facts.get("maxmemory_policy", ""))).startswith("allkeys-"):
        raise CheckFailed(
            f"maxmemory-policy is {policy}, which may drop queued jobs and feature flags. "
            "Set it to noeviction or volatile-lru"
        )
    return f"version {version} answers"


def _secret_key(settings: Settings) -> str:
    _require(
        settings,
        "secret_key",
        "Make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'",
    )
    return "set"


def _key_ring(settings: Settings) -> str:
    _require(settings, "token_encryption_keys", "Make a key: pacegraph key")
    count = len(settings.token_encryption_keys)
    said = f"{count} {'key' if count == 1 else 'keys'}, the first encrypts"
    return f"{said}; {told}" if (told := _stored_tokens(settings)) else said


def _stored_tokens(settings: Settings) -> str:
    """What the keys make of the newest and the oldest stored tokens; empty without a database."""
    from sqlalchemy.exc import ProgrammingError

    from db.errors import DatabaseError
    from db.session import SyncDatabase
    from operator_commands.stored_tokens import examine

    if settings.database_url is None:
        return ""
    database = SyncDatabase(settings, application_name="pacegraph doctor")
    try:
        with database.read() as connection:
            stored = examine(connection, settings.token_encryption_keys)
    except (DatabaseError, ProgrammingError):  # the check of PostgreSQL or of migrations tells
        return ""
    finally:
        database.close()
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


def _strava(settings: Settings) -> str:
    remedy = (
        "Register an application at https://www.strava.com/settings/api, "
        "or use `pacegraph run`, which simulates Strava"
    )
    _require(settings, "strava_client_id", remedy)
    _require(settings, "strava_client_secret", remedy)
    if count := _demo_tokens(settings):
        raise CheckFailed(
            f"a real application is set, but {count} API tokens of the demo still work, also for "
            "others that saw the demo. End them: pacegraph end-demo"
        )
    return f"credentials are set; calls go to {settings.strava_api_url}"


def _demo_tokens(settings: Settings) -> int:
    """How many tokens of the demo work beside a real Strava; 0 if that cannot be found out."""
    from sqlalchemy.exc import ProgrammingError

    from db.errors import DatabaseError
    from db.session import SyncDatabase
    from operator_commands.demo_tokens import count_working, is_strava_real

    if settings.database_url is None or not is_strava_real(settings):
        return 0
    database = SyncDatabase(settings, application_name="pacegraph doctor")
    try:
        with database.read() as connection:
            return count_working(connection)
    except (DatabaseError, ProgrammingError):  # the check of PostgreSQL or of migrations tells
        return 0
    finally:
        database.close()


def _quota(settings: Settings) -> str:
    from sqlalchemy.exc import ProgrammingError

    from db.errors import DatabaseError
    from operator_commands.checks.strava_quota import quota_told

    _require(settings, "database_url", "Without it the count of requests cannot be read")
    try:
        return quota_told(settings)
    except (DatabaseError, ProgrammingError):
        raise CheckFailed(
            "the count of requests cannot be read. See PostgreSQL and migrations above"
        ) from None


def _webhook(settings: Settings) -> str:
    from operator_commands.checks.strava_webhook import webhook_told

    return webhook_told(settings)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
