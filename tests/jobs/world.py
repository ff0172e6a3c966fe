"""What a test of jobs acts in: a database, Redis, a simulated Strava, and workers, in this process
or of their own.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
from redis import Redis
from sqlalchemy import insert, text

from db.encryption import KeyRing
from db.models import Athlete
from db.session import SyncDatabase
from db.statements.jobs import job
from db.statements.strava import strava_connection
from jobs.enqueue import enqueue
from jobs.runner import SETTINGS, run
from jobs.strava_tokens import encrypted
from settings import Settings, child_environment
from strava.client import StravaClient
from tests.jobs.simulated import ALL_SCOPES, RUNNER, Simulated
from tests.patience import PATIENCE_S


class World:
    def __init__(self, settings: Settings, strava: Simulated, redis: Redis, folder: Path) -> None:
        self.settings = settings
        self.strava = strava
        self.redis = redis
        self.folder = folder
        self.database = SyncDatabase(settings, application_name="test")
        self.keys = KeyRing(settings.token_encryption_keys)
        self.workers: list[Workers] = []

    def close(self) -> None:
        for workers in self.workers:
            workers.end()
        self.database.close()

    # --- athletes

    def athlete(self, **columns) -> int:
        values = {
            "first_name": "Rui",
            "last_name": "Corredor",
            "sex": "MALE",
            "birth_date": "1980-05-17",
        } | columns
        with self.database.write() as connection:
            return connection.execute(
                insert(Athlete).values(**values).returning(Athlete.id)
            ).scalar_one()

    def connect(
        self, strava_athlete: int = RUNNER, scopes: list[str] | None = None, **columns
    ) -> int:
        """An athlete connected to Strava."""
        athlete_id = self.athlete(**columns)
        self.grant(athlete_id, strava_athlete, scopes)
        return athlete_id

    def grant(
        self, athlete_id: int, strava_athlete: int = RUNNER, scopes: list[str] | None = None
    ) -> None:
        with StravaClient.from_settings(self.settings) as client:
            tokens = client.exchange_code(self.strava.code(strava_athlete, scopes)).tokens
        values = {
            "athlete": athlete_id,
            "strava_athlete": strava_athlete,
            "granted_scopes": scopes or ALL_SCOPES,
            **encrypted(self.keys, tokens),
        }
        with self.database.write() as connection:
            connection.execute(strava_connection.connect(), values)

    # --- jobs

    def create(self, athlete_id: int | None, kind: str = "STRAVA_SYNC", **arguments) -> int:
        """A job as a mutation makes it, not yet enqueued."""
        values = {
            "athlete": athlete_id,
            "account": None,
            "job_kind": kind,
            "job_arguments": arguments,
        }
        with self.database.write() as connection:
            row = connection.execute(job.create(), values).one_or_none()
            return (row or connection.execute(job.existing(), values).one()).id

    def enqueue(self, job_id: int) -> int:
        assert enqueue(self.redis, job_id)
        return job_id

    def work(self, job_id: int) -> dict:
        """Make one attempt at the job in this process; returns its row."""
        token, handler = SETTINGS.set(self.settings), signal.getsignal(signal.SIGTERM)
        try:
            run(job_id)
        finally:
            SETTINGS.reset(token)
            signal.signal(signal.SIGTERM, handler)
        return self.job(job_id)

    def sync(self, athlete_id: int, **arguments) -> dict:
        return self.work(self.create(athlete_id, **arguments))

    def job(self, job_id: int) -> dict:
        return self.one("SELECT * FROM jobs WHERE id = :id", id=job_id)

    def change_job(self, statement, **values):
        with self.database.write() as connection:
            return connection.execute(statement, values).one_or_none()

    def cancel(self, job_id: int) -> None:
        """As `cancelJob` does."""
        assert self.change_job(job.cancel(), job_id=job_id)

    def await_job(self, job_id: int, *statuses: str, within_s: float = PATIENCE_S) -> dict:
        return self.until(
            lambda: (row := self.job(job_id))["status"] in statuses and row, within_s, job_id
        )

    def until(self, condition, within_s: float = PATIENCE_S, about=None):
        deadline = time.monotonic() + within_s
        while not (found := condition()):
            assert time.monotonic() < deadline, (
                about and self.job(about),
                [each.log for each in self.workers],
            )
            time.sleep(0.03)
        return found

    def start_workers(self, number: int = 1, **settings) -> "Workers":
        self.workers.append(
            Workers(self.settings.model_copy(update={"workers": number, **settings}), self.folder)
        )
        return self.workers[-1]

    # --- rows

    def rows(self, sql: str, **values) -> list[dict]:
        with self.database.read() as connection:
            return [dict(row._mapping) for row in connection.execute(text(sql), values)]

    def one(self, sql: str, **values) -> dict:
        [row] = self.rows(sql, **values)
        return row

    def value(self, sql: str, **values):
        [value] = self.one(sql, **values).values()
        return value

    def write(self, sql: str, **values) -> None:
        with self.database.write() as connection:
            connection.execute(text(sql), values)

    def derived(self) -> dict[str, list[dict]]:
        """All that syncs make, without ids and times of writing."""
        effort = (
            "a.strava_id, b.distance, b.elapsed_s, b.start_offset_s, b.achieved_at, b.provenance, b.counts, b.implied, "
            "b.age_grade_percent"
        )
        best = "a.strava_id, b.distance, b.elapsed_s, b.achieved_at, b.is_current, b.improvement_s"
        of_activity = "JOIN activities a ON a.id = b.activity_id ORDER BY 1, 2"
        return {
            "activities": self.rows(
                "SELECT strava_id, name, streams_state, duplicate_of_id IS NULL AS own FROM activities ORDER BY 1"
            ),
            "efforts": self.rows(f"SELECT {effort} FROM best_efforts b {of_activity}"),
            "bests": self.rows(f"SELECT {best} FROM personal_bests b {of_activity}"),
        }


class Workers:
    """A pool of workers in processes of its own."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.path = folder / f"workers-{time.monotonic_ns()}.log"
        environment = child_environment(**_environment(settings))
        with self.path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.jobs.run_worker"],
                stderr=log,
                stdout=log,
                env=environment,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self.path.read_text()

    def below(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def horses(self) -> list[psutil.Process]:
        """Processes below a worker."""
        return [each for each in self.below() if each.ppid() != self.process.pid]

    def kill(self) -> None:
        """SIGKILL to the pool's process alone; waits until all below it are gone."""
        family = self.below()
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        _, alive = psutil.wait_procs(family, timeout=5)
        for process in alive:
            process.kill()
        assert not alive

    def end(self) -> None:
        """SIGKILL to all of it: the end of a test that has seen enough."""
        for process in [*self.below(), self.process]:
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                process.kill()
        self.process.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to stop; returns the seconds it took, exit code checked."""
        started, family = time.monotonic(), self.below()
        self.process.send_signal(number)
        assert self.process.wait(PATIENCE_S) == 0, self.log
        took = time.monotonic() - started
        assert not psutil.wait_procs(family, timeout=10)[1]
        return took


def _environment(settings: Settings) -> dict[str, str]:
    values = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if isinstance(value, tuple):
            value = ",".join(each.get_secret_value() for each in value)
        elif hasattr(value, "get_secret_value"):
            value = value.get_secret_value()
        values[name.upper()] = str(value)
    return values


def news(pubsub, within_s: float = 0.5) -> list[dict]:
    """Messages on the channel, until there is none for `within_s`."""
    received = []
    while message := pubsub.get_message(timeout=within_s):
        if message["type"] == "message":
            received.append(json.loads(message["data"]))
    return received
