"""`pacegraph bench-serve`: serves the benchmark's rows from embedded services.

One API process runs with everything on. The peers' tables, with the same rows, are in the database
`postgres` of the same PostgreSQL.
"""

import os
import secrets
import signal
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg import sql
from psycopg.rows import scalar_row

from db.models import Scope
from db.models.base import FIRST_RANDOM_ID
from db.session import SyncDatabase
from db.statements.athletes import account as accounts
from db.statements.athletes import api_token as api_tokens
from graph.commands.api_token import TOKEN_PREFIX
from graph.global_id import encode_id
from local.embedded_service import Service, ServiceFailed
from local.generated_secrets import stored_secret
from local.home import Home, HomeUnusable
from local.log_files import FileOutputs, Outputs
from local.postgres import DATABASE
from local.process_guard import guarded
from local.processes import Launcher
from local.run import LocalServer, answers, refuse_taken_port
from local.supervisor import Supervisor
from logs import tell
from runtime.parent_death import die_with_parent
from settings import Settings

DEFAULT_HOME = Path(".local-bench")
DEFAULT_ACTIVITIES = 200_000
MIN_ACTIVITIES = 3000
"""The personal bests of the data set belong to the first 3,000 activities."""

_BENCH = Path(__file__).resolve().parent.parent / "bench"
_DATASET = _BENCH / "peers" / "dataset.sql"
_TABLES = ("athletes", "activities", "best_efforts")
_PERSONAL_BESTS = """
    INSERT INTO personal_bests
    (id, athlete_id, activity_id, distance, distance_m, elapsed_s, achieved_at, age_grade_percent,
     age_on_day, is_current)
    SELECT id, athlete_id, activity_id, distance, distance_m, elapsed_s, achieved_at,
           age_grade_percent, age_on_day, true
    FROM best_efforts
"""
ID_OF = f"""
    CREATE FUNCTION pg_temp.id_of(type_name text, number bigint) RETURNS bigint LANGUAGE sql
    IMMUTABLE RETURN ('x' || right(md5(type_name || number), 16))::bit(64)::bigint
        & {FIRST_RANDOM_ID - 1} | {FIRST_RANDOM_ID}
"""
"""Makes the ids of our rows, as scattered as random ones, of the numbers of the peers' rows."""
_MAX_LOG_BYTES = 10_000_000
_NOTHING_THERE = "http://127.0.0.1:1"
_UNLIMITED = str(10**9)
_LIMITS = (
    "cost_limit",
    "cost_bucket_user",
    "cost_refill_user_per_s",
    "cost_bucket_ip",
    "cost_refill_ip_per_s",
    "database_time_user_ms",
    "database_time_refill_user_ms_per_s",
    "database_time_ip_ms",
    "database_time_refill_ip_ms_per_s",
    "request_bucket_ip",
    "request_refill_ip_per_s",
)
"""Settings that are raised beyond reach, unless the environment sets them."""

_Connection = psycopg.Connection[Any]


def bench_serve(
    settings: Settings, *, activities: int = DEFAULT_ACTIVITIES, with_parent: bool = False
) -> int:
    """Serve like `local.run.run`.

    The first start writes the rows, with `activities` of the data set's 200,000.
    """
    if activities < MIN_ACTIVITIES:
        tell(f"--activities: must be at least {MIN_ACTIVITIES}")
        return 2
    if with_parent:
        die_with_parent(os.getppid(), signal.SIGTERM)
    try:
        home = Home(settings.pacegraph_home)
        with home.claimed() as claim:
            refuse_taken_port(settings)
            return guarded(
                lambda: _BenchServer(settings, home, claim, activities).serve(),
                at_end=home.withdraw,
            )
    except (HomeUnusable, ServiceFailed) as error:
        tell(str(error))
        return 1


class _QuietSupervisor(Supervisor):
    """Starts nothing again, and leaves the output to files that the children write themselves.

    To carry and show it, and to start children again, would distort the measurement.
    """

    def watch(self) -> NoReturn:
        while True:
            for program in self.programs:
                if program.log.exists() and program.log.stat().st_size > _MAX_LOG_BYTES:
                    os.truncate(program.log, 0)  # the program appends
            self.raise_if_ended()
            time.sleep(0.5)


class _BenchServer(LocalServer):
    def __init__(self, settings: Settings, home: Home, claim: int, activities: int) -> None:
        super().__init__(settings, home, claim)
        self.activities = activities
        self.supervisor = _QuietSupervisor(Launcher(self._outputs(), claim), self.terminal)
        self.values |= {
            name.upper(): _UNLIMITED for name in _LIMITS if name not in settings.model_fields_set
        }
        self.values |= {
            "STRAVA_API_URL": f"{_NOTHING_THERE}/api/v3",
            "STRAVA_OAUTH_URL": f"{_NOTHING_THERE}/oauth",
            "STRAVA_CLIENT_ID": "1",
            "STRAVA_CLIENT_SECRET": "not used",
        }

    def _outputs(self) -> Outputs:
        return FileOutputs(self.home.folder)

    def _start(self) -> None:
        step = self.supervisor.step
        self._provide_secrets()
        with step("PostgreSQL"):
            postgres = self.supervisor.service(self._start_postgres)
            self.values["DATABASE_URL"] = postgres.url
        with step("Redis"):
            redis = self.supervisor.service(self._start_redis)
            self.values["REDIS_URL"] = redis.url
        with step("migrations"):
            self.supervisor.finish("migrations", *self._command("migrate"))
        self._check_stored_tokens()
        with step("rows"):
            ids = load_rows(postgres.url, self.activities)
            (self.home.folder / "ids.txt").write_text(
                "".join(f"{encode_id('Athlete', number)}\n" for number in ids)
            )
            token = _admin_token(self._decided_settings())
        began = time.monotonic()
        api = self._program("api", "api")
        self.supervisor.await_ready(
            api, lambda: answers(f"{self._local_url()}/healthz", expected=200)
        )
        start_up_s = time.monotonic() - began
        with step("API"):
            self.supervisor.await_ready(
                api, lambda: answers(f"{self._local_url()}/readyz", expected=200)
            )
        facts = self._facts() | self._bench_facts(api, postgres, redis)
        facts |= {"tokens": {"athlete": token, "admin": token}, "start_up_s": round(start_up_s, 3)}
        self.home.publish(facts)
        self._print_addresses(facts)

    def _bench_facts(self, api: Service, postgres: Service, redis: Service) -> dict[str, object]:
        return {
            "pids": [api.process.pid],
            "redis_pid": redis.process.pid,
            "pgdata": str(self.home.folder / "postgres"),
            "pghost": parse_qs(urlsplit(postgres.url).query)["host"][0],
            "ids": str(self.home.folder / "ids.txt"),
            "logs": str(self.home.folder / "logs"),
        }


def load_rows(url: str, activities: int) -> list[int]:
    """Write the rows to both databases unless they exist; returns the athletes' ids.

    Raises ServiceFailed where there are as many rows as another run wanted.
    """
    with (
        psycopg.connect(
            url.replace(f"@/{DATABASE}", "@/postgres"), autocommit=True, row_factory=scalar_row
        ) as peers,
        psycopg.connect(url, autocommit=True, row_factory=scalar_row) as ours,
    ):
        if peers.execute("SELECT to_regclass('personal_bests') IS NULL").fetchone():
            _write_peers_rows(peers, activities)
        if not ours.execute("SELECT EXISTS (SELECT FROM athletes)").fetchone():
            _write_our_rows(peers, ours)
        if (count := ours.execute("SELECT count(*) FROM activities").fetchone()) != activities:
            raise ServiceFailed(
                f"rows: there are {count} activities, not {activities}. "
                "Choose another PACEGRAPH_HOME"
            )
        return list(ours.execute("SELECT id FROM athletes ORDER BY created_at"))


def _write_peers_rows(peers: _Connection, activities: int) -> None:
    dataset = _DATASET.read_text()
    assert dataset.count(f"(1,{DEFAULT_ACTIVITIES})") == 1
    with peers.transaction():
        peers.execute(dataset.replace(f"(1,{DEFAULT_ACTIVITIES})", f"(1,{activities})").encode())
    peers.execute("VACUUM (FREEZE, ANALYZE)")


def _write_our_rows(peers: _Connection, ours: _Connection) -> None:
    with ours.transaction():
        # the peers' tables have checked the foreign keys
        ours.execute("SET LOCAL session_replication_role = replica")
        peers.execute(ID_OF)
        for table in _TABLES:
            _copy(peers, ours, table)
        ours.execute(_PERSONAL_BESTS)
    ours.execute("VACUUM (FREEZE, ANALYZE)")


def _copy(peers: _Connection, ours: _Connection, table: str) -> None:
    """Fill one of our tables with the rows that `bench/rows` makes of the peers' rows."""
    query = (_BENCH / "rows" / f"{table}.sql").read_text().encode()
    columns = peers.execute(query + b" LIMIT 0").description or ()
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    target = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with (
        peers.cursor().copy(b"COPY (" + query + b") TO STDOUT") as source,
        ours.cursor().copy(target) as sink,
    ):
        for block in source:
            sink.write(block)


def _admin_token(settings: Settings) -> str:
    """An administrator's API token, the same at each start.

    Only administrators see all athletes.
    """
    secret = stored_secret(
        settings.pacegraph_home / "token", lambda: TOKEN_PREFIX + secrets.token_hex(32)
    )
    token = {
        "name": "bench",
        "hint": secret[:9],
        "secret_sha256": sha256(secret.encode()).digest(),
        "scopes": [Scope.ADMIN, Scope.READ, Scope.SYNC],
        "expires_at": None,
    }
    database = SyncDatabase(settings, application_name="pacegraph-bench")
    with database.write() as connection:
        admin = connection.execute(accounts.admins_without_athlete()).scalars().first()
        admin = admin or connection.execute(accounts.create_admin()).scalar_one()
        connection.execute(api_tokens.create(unless_there=True), token | {"account_id": admin})
    database.close()
    return secret
