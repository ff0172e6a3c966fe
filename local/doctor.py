"""`pacegraph doctor`: looks at everything pacegraph needs and says what is wrong and what to do about it."""

import re
from collections.abc import Callable

from settings import InvalidSettings, Settings

__all__ = ["diagnose"]

_OLDEST_POSTGRES = 16
_OLDEST_REDIS = (6, 2)


class Problem(Exception):  # noqa: N818 - it is one
    """A check failed. The message says what is wrong, then what to do."""


def diagnose(settings: Settings) -> int:
    """Print a line per check; 1 if something is wrong, else 0."""
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("PostgreSQL", _postgres),
        ("migrations", _migrations),
        ("Redis", _redis),
        ("secret key", _secret_key),
        ("key ring", _key_ring),
        ("Strava", _strava),
    ]
    print("OK       settings: all values are valid")
    problems = 0
    for name, check in checks:
        try:
            print(f"OK       {name}: {check(settings)}")
        except (Problem, InvalidSettings) as problem:
            problems += 1
            print(f"PROBLEM  {name}: {problem}")
    return 1 if problems else 0


def _require(settings: Settings, name: str, remedy: str) -> None:
    try:
        settings.require(name)
    except InvalidSettings:
        raise Problem(f"{name.upper()} is not set. {remedy}") from None


def _postgres(settings: Settings) -> str:
    from sqlalchemy import text

    from db.errors import DatabaseError
    from db.session import SyncDatabase

    _require(settings, "database_url", "Set it, or use `pacegraph run`, which starts a PostgreSQL of its own")
    database = SyncDatabase(settings, application_name="pacegraph doctor")
    try:
        with database.read() as connection:
            version = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    except DatabaseError as error:
        raise Problem(
            f"{_first_line(error.__cause__ or error)}. Check DATABASE_URL, and that PostgreSQL runs and lets us in"
        ) from None
    finally:
        database.close()
    if version < _OLDEST_POSTGRES:
        raise Problem(f"version {version} is too old. Use PostgreSQL {_OLDEST_POSTGRES} or newer")
    return f"version {version} answers"


def _migrations(settings: Settings) -> str:
    from db.errors import DatabaseError
    from db.session import SyncDatabase
    from local.migrations import CommandError, missing_revisions

    _require(settings, "database_url", "There is nothing to look at")
    database = SyncDatabase(settings, application_name="pacegraph doctor")
    try:
        with database.read() as connection:
            missing = missing_revisions(connection)
    except DatabaseError:
        raise Problem("cannot be read while PostgreSQL is out of reach") from None
    except CommandError as error:
        raise Problem(f"{error}. The database was migrated by a newer pacegraph: update this one") from None
    finally:
        database.close()
    if missing:
        raise Problem(f"{len(missing)} to be applied, {missing[0]} first. Run `pacegraph migrate`")
    return "the database is up to date"


def _redis(settings: Settings) -> str:
    import redis

    _require(settings, "redis_url", "Set it, or use `pacegraph run`, which starts a Redis of its own")
    assert settings.redis_url
    try:
        with redis.Redis.from_url(
            settings.redis_url.get_secret_value(), socket_connect_timeout=5, socket_timeout=5
        ) as client:
            facts = client.info()
    except (redis.RedisError, ValueError) as error:
        raise Problem(f"{_first_line(error)}. Check REDIS_URL, and that Redis runs and lets us in") from None
    version = str(facts["redis_version"])
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _OLDEST_REDIS:
        raise Problem(
            f"version {version} is too old. Use Redis {'.'.join(map(str, _OLDEST_REDIS))} or newer, or Valkey"
        )
    if (policy := facts.get("maxmemory_policy", "noeviction")) != "noeviction":
        raise Problem(f"maxmemory-policy is {policy}, which may drop queued jobs. Set it to noeviction")
    return f"version {version} answers"


def _secret_key(settings: Settings) -> str:
    _require(settings, "secret_key", "Make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'")
    return "set"


def _key_ring(settings: Settings) -> str:
    _require(settings, "token_encryption_keys", "Make a key: pacegraph key")
    count = len(settings.token_encryption_keys)
    return f"{count} {'key' if count == 1 else 'keys'}, the first encrypts"


def _strava(settings: Settings) -> str:
    remedy = (
        "Register an application at https://www.strava.com/settings/api, or use `pacegraph run`, which simulates Strava"
    )
    _require(settings, "strava_client_id", remedy)
    _require(settings, "strava_client_secret", remedy)
    return f"credentials are set; calls go to {settings.strava_api_url}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
