"""What `pacegraph doctor` says about a healthy set-up, and about each part that is not."""

import time
from collections.abc import Iterator

import psycopg
import pytest
from redis import Redis
from sqlalchemy import NullPool, create_engine, make_url
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from db.statements.server.backup import SET_ASIDE
from local.generated_secrets import new_encryption_key, new_secret_key
from operator_commands.checks import strava_application
from operator_commands.checks.failure import CheckFailed
from operator_commands.checks.postgres import check_limits
from operator_commands.checks.strava_webhook import other_shape
from operator_commands.doctor import diagnose
from operator_commands.migrations import downgrade, upgrade
from settings import Settings, load_settings
from strava.shared_quota.ledger import Ledger
from strava.shared_quota.store import quota_key
from strava.shared_quota.window import CountedWindow
from tests.http_server import listening
from tests.jobs.simulated import Simulated, simulated_strava


@pytest.fixture(scope="module")
def strava() -> Iterator[Simulated]:
    with simulated_strava(client_id="1", client_secret="secret", athletes=1) as simulated:
        yield simulated


@pytest.fixture
def settings(postgres_url: str, redis_url: str, strava: Simulated) -> Settings:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS doctor")
        connection.execute("CREATE DATABASE doctor")
    with Redis.from_url(redis_url) as redis:
        redis.delete(quota_key("1"))
    return load_settings(
        env_file=None,
        database_url=postgres_url.replace("@/postgres", "@/doctor"),
        redis_url=redis_url,
        secret_key=new_secret_key(),
        token_encryption_keys=new_encryption_key(),
        strava_client_id="1",
        strava_client_secret="secret",
        strava_api_url=f"{strava.url}/api/v3",
    )


def diagnosis(settings: Settings, capsys) -> tuple[int, dict[str, str]]:
    """Exit code, and what is said of each part, OK or PROBLEM first."""
    code = diagnose(settings)
    lines = capsys.readouterr().out.splitlines()
    return code, {name: f"{state} {rest}" for state, name, rest in (split(line) for line in lines)}


def split(line: str) -> tuple[str, str, str]:
    state, _, rest = line.partition(" ")
    name, _, rest = rest.strip().partition(": ")
    return state, name, rest


def changed(settings: Settings, **values: object) -> Settings:
    kept = {name: getattr(settings, name) for name in settings.model_fields_set}
    return load_settings(env_file=None, **kept | values)


def test_all_is_well(settings, capsys):
    upgrade(settings)
    code, said = diagnosis(settings, capsys)
    assert code == 0
    assert all(state.startswith("OK ") for state in said.values()), said
    assert list(said) == [
        "settings",
        "PostgreSQL",
        "migrations",
        "Redis",
        "secret key",
        "key ring",
        "Strava",
        "Strava's quota",
        "webhook",
        "originals",
    ]
    assert said["Strava's quota"] == "OK no request was counted yet"
    assert "pacegraph strava-webhook subscribe" in said["webhook"]


def test_what_is_left_of_stravas_quota_is_said(settings, capsys):
    import psycopg

    upgrade(settings)
    ledger = Ledger(day=CountedWindow(86_400, int(time.time() // 86_400), sent=[7, 5]))
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        connection.execute("INSERT INTO strava_quotas VALUES ('1', 1, %s)", [ledger.to_text()])
    said = diagnosis(settings, capsys)[1]["Strava's quota"]
    assert said.startswith("OK 0 of 100 requests until ")
    assert said.endswith(
        "7 of 1000 requests until 00:00 UTC, 5 of 1000 reads until 00:00 UTC; 0 athletes wait"
    )


def test_missing_migrations_are_counted_and_the_remedy_named(settings, capsys):
    code, said = diagnosis(settings, capsys)
    assert code == 1
    assert said["migrations"].startswith("PROBLEM ")
    assert said["migrations"].endswith("Run `pacegraph migrate`")
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        connection.execute(f"CREATE SCHEMA {SET_ASIDE}")  # as a restore leaves it that was killed
    assert "Run `pacegraph restore` again" in diagnosis(settings, capsys)[1]["migrations"]


def test_the_database_of_a_newer_version_is_told(settings, capsys):
    upgrade(settings)
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    told = diagnosis(settings, capsys)[1]["migrations"]
    assert "by a newer pacegraph: update this one" in told


def test_migrations_go_down_and_up_again(settings, capsys):
    upgrade(settings)
    downgrade(settings, "base")
    assert diagnosis(settings, capsys)[0] == 1
    upgrade(settings)
    assert diagnosis(settings, capsys)[0] == 0


@pytest.mark.parametrize(
    ("part", "values", "says"),
    [
        (
            "PostgreSQL",
            {"database_url": "postgresql://nobody@127.0.0.1:1/none"},
            "Check DATABASE_URL",
        ),
        ("PostgreSQL", {"database_url": None}, "DATABASE_URL is not set"),
        ("migrations", {"database_url": "postgresql://nobody@127.0.0.1:1/none"}, "out of reach"),
        ("Redis", {"redis_url": "redis://127.0.0.1:1"}, "Check REDIS_URL"),
        ("Redis", {"redis_url": "unix:///nowhere/redis.sock"}, "Check REDIS_URL"),
        ("secret key", {"secret_key": None}, "SECRET_KEY is not set"),
        ("key ring", {"token_encryption_keys": ()}, "pacegraph key"),
        ("Strava", {"strava_client_secret": None}, "STRAVA_CLIENT_SECRET is not set"),
        ("webhook", {"strava_client_secret": None}, "without Strava's credentials"),
        ("webhook", {"strava_client_secret": "wrong"}, "does not tell of a subscription"),
        ("webhook", {"strava_api_url": "http://127.0.0.1:1"}, "Check the network"),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(settings, capsys, part, values, says):
    code, said = diagnosis(changed(settings, **values), capsys)
    assert code == 1
    assert said[part].startswith("PROBLEM ")
    assert says in said[part]


def test_a_redis_that_may_drop_jobs_is_a_problem(settings, capsys):
    with Redis.from_url(settings.redis_url.get_secret_value()) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            _, said = diagnosis(settings, capsys)
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert said["Redis"].startswith("PROBLEM maxmemory-policy is allkeys-lru")


def test_no_secret_is_printed(settings, capsys):
    broken = changed(settings, database_url="postgresql://user:tell-nobody@127.0.0.1:1/none")
    diagnose(broken)
    assert "tell-nobody" not in capsys.readouterr().out


def test_a_limit_that_a_pooler_drops_is_a_problem(settings):
    """As through PgBouncer: the connection has none of the limits that were asked for."""
    url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql+psycopg")
    with create_engine(url, poolclass=NullPool).connect() as connection:
        with pytest.raises(CheckFailed, match="idle_in_transaction_session_timeout is 0"):
            check_limits(connection, changed(settings, database_statement_timeout_ms=0))
        connection.exec_driver_sql("SET idle_in_transaction_session_timeout = 1000")
        with pytest.raises(CheckFailed, match="statement_timeout is 0"):
            check_limits(connection, settings)
        connection.exec_driver_sql("SET statement_timeout = 1000")
        check_limits(connection, settings)


def requests_used(settings: Settings) -> int:
    with Redis.from_url(settings.redis_url.get_secret_value()) as redis:
        return Ledger.from_text(redis.get(quota_key("1"))).day.used(0)


def test_its_request_is_counted_with_those_of_workers(settings, capsys):
    upgrade(settings)
    assert diagnosis(settings, capsys)[0] == 0
    used = requests_used(settings)  # Strava counts those of other tests too
    assert used >= 1
    assert diagnosis(settings, capsys)[0] == 0
    assert requests_used(settings) == used + 1
    with Redis.from_url(settings.redis_url.get_secret_value()) as redis:
        ledger = Ledger.from_text(redis.get(quota_key("1")))
        ledger.blocked_until = time.time() + 500
        redis.set(quota_key("1"), ledger.to_text())
    code, said = diagnosis(settings, capsys)
    assert (code, "its quota is used up until" in said["webhook"]) == (1, True)
    assert requests_used(settings) == used + 1


async def _none_subscribed(_request) -> JSONResponse:
    return JSONResponse([])


def test_the_shape_of_the_address_that_answers_is_said(settings, capsys):
    upgrade(settings)
    assert diagnosis(settings, capsys)[1]["webhook"].startswith(
        "OK Strava's API answers with /api/v3;"
    )
    without = changed(settings, strava_api_url=settings.strava_api_url.removesuffix("/api/v3"))
    assert diagnosis(without, capsys)[1]["webhook"].startswith(
        "OK Strava's API answers without /api/v3"
    )
    app = Starlette(routes=[Route("/push_subscriptions", _none_subscribed)])
    with listening(app) as address:
        moved = changed(settings, strava_api_url=f"http://{address}/api/v3")
        code, said = diagnosis(moved, capsys)
    assert code == 1
    assert said["webhook"].endswith(
        f"but http://{address} does. Set STRAVA_API_URL=http://{address}"
    )


def test_stravas_two_hosts_are_tried():
    for one, other in (
        ("https://www.strava.com/api/v3", "https://api-v3.strava.com"),
        ("https://api-v3.strava.com/", "https://www.strava.com/api/v3"),
        ("http://127.0.0.1:8100/api/v3", "http://127.0.0.1:8100"),
        ("http://127.0.0.1:8100", "http://127.0.0.1:8100/api/v3"),
    ):
        assert other_shape(one) == other


def test_without_postgresql_strava_is_checked_still(settings):
    """Whether tokens of the demo work beside a real application cannot be found out then."""
    away = {"database_url": "postgresql://nobody@127.0.0.1:1/none"}
    real = {"strava_api_url": "https://strava.invalid/api/v3"}
    said = strava_application.check(changed(settings, **away, **real))
    assert said == "credentials are set; calls go to https://strava.invalid/api/v3"
