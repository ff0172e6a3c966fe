"""Logs of real processes: each line is an object with the same fields, and a request is followed into its job.

`pacegraph migrate`, `doctor`, `api`, `worker` (its workers, horses and reconciler) and `simulate-strava` run as their
users run them, with LOG_FORMAT=json.
"""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from socket import create_server

import httpx
import psutil
import psycopg
import pytest
from redis import Redis

from graph.ids import encode_id
from local.migrations import downgrade, upgrade
from settings import child_environment, load_settings
from tests import factories as make
from tests.jobs.simulated import CLIENT_ID, CLIENT_SECRET, simulated_strava
from tests.jobs.world import World

ROOT = Path(__file__).parents[1]
WITHIN_S = 40
REQUIRED = {
    "timestamp": str, "level": str, "logger": str, "message": str, "process": str, "version": str, "pid": int,
}  # fmt: skip
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACE_PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
SYNC = "mutation($i: SyncStravaInput!) { syncStrava(input: $i) { alreadyRunning job { id } userErrors { message } } }"
RETRY = "mutation($i: RetryJobInput!) { retryJob(input: $i) { job { id } userErrors { message } } }"
SLOW = {"path": "/streams", "delay_s": 0.1, "times": None}


class Deployment:
    """The processes of an installation, and what each wrote to standard error."""

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment
        self.logs: dict[str, Path] = {}

    def start(self, *arguments, **changes):
        name = f"{len(self.logs)}-{arguments[0]}"
        self.logs[name] = self.folder / f"{name}.log"
        environment = child_environment(**self.environment | changes)
        with self.logs[name].open("wb") as log:
            command = [sys.executable, "-m", "cli", *arguments]
            return subprocess.Popen(command, env=environment, stderr=log, stdout=subprocess.DEVNULL, cwd=self.folder)

    def run(self, *arguments, **changes):
        """Run a command to its end; gives its exit code."""
        return self.start(*arguments, **changes).wait(WITHIN_S)

    @contextmanager
    def running(self, *arguments, **changes):
        process = self.start(*arguments, **changes)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(WITHIN_S)

    @contextmanager
    def api(self, **changes):
        with create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)
        with self.running("api", "--port", str(port), **changes), http:
            until(lambda: answers(http), self)
            yield http

    def text(self):
        return "\n".join(log.read_text() for log in self.logs.values())

    def lines(self):
        """All lines, in the order of time; each is checked."""
        found = [checked(line) for log in self.logs.values() for line in log.read_text().splitlines()]
        return sorted(found, key=lambda line: line["timestamp"])

    def lines_of(self, **fields):
        return [line for line in self.lines() if fields.items() <= line.items()]


def checked(text):
    """Read a line, which must be an object with the fields that all have."""
    line = json.loads(text)
    assert {name: type(line.get(name)) for name in REQUIRED} == REQUIRED, line
    assert datetime.fromisoformat(line["timestamp"]).utcoffset().total_seconds() == 0
    exception = line.get("exception")
    assert exception is None or exception.keys() == {"type", "message", "stack"}
    return line


def until(condition, deployment):
    deadline = time.monotonic() + WITHIN_S
    while not (found := condition()):
        assert time.monotonic() < deadline, deployment.text()[-4000:]
        time.sleep(0.05)
    return found


def answers(http):
    try:
        return http.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def strava():
    with simulated_strava() as strava:
        yield strava


@pytest.fixture
def settings(settings, strava):
    """Short times, so that nothing is waited for long."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    changes = {
        "strava_api_url": f"{strava.url}/api/v3", "strava_oauth_url": f"{strava.url}/oauth",
        "strava_client_id": CLIENT_ID, "strava_client_secret": CLIENT_SECRET, "job_lease_s": 1,
        "job_reconcile_interval_s": 0.2, "workers": 1, "log_format": "json", "token_encryption_keys":
        ",".join(key.get_secret_value() for key in settings.token_encryption_keys),
    }  # fmt: skip
    return load_settings(None, **given | changes)


@pytest.fixture
def deployment(settings, tmp_path):
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    plain = {
        name.upper(): ",".join(key.get_secret_value() for key in value)
        if isinstance(value, tuple)
        else str(getattr(value, "get_secret_value", lambda value=value: value)())
        for name, value in values.items()
    }
    return Deployment(tmp_path, plain | {"PYTHONPATH": str(ROOT)})


@pytest.fixture
def world(settings, strava, redis_url, tmp_path):
    with Redis.from_url(redis_url) as redis:
        world = World(settings, strava, redis, tmp_path)
        yield world
        world.close()


@pytest.fixture
def runner(db, world):
    """Somebody connected to Strava, who may start syncs."""
    person = make.create_person(db)
    world.grant(person.athlete_id)
    return person


def sync(http, person, request_id, headers=()):
    return ask(http, person, SYNC, request_id, headers, athleteId=encode_id("Athlete", person.athlete_id))


def ask(http, person, query, request_id, headers=(), **wanted):
    headers = {"authorization": f"Bearer {person.token}", "x-request-id": request_id, **dict(headers)}
    answer = http.post("/graphql", json={"query": query, "variables": {"i": wanted}}, headers=headers)
    assert answer.headers["x-request-id"] == request_id
    assert "errors" not in answer.json(), answer.text
    [payload] = answer.json()["data"].values()
    assert payload["userErrors"] == []
    return payload


def test_a_request_is_followed_through_its_job(deployment, runner, world):
    assert deployment.run("migrate") == 0
    assert deployment.run("doctor") == 0
    with deployment.running("simulate-strava", "--port", "0"), deployment.api() as http, deployment.running("worker"):
        sync(http, runner, "follow-me-4711", {"traceparent": TRACE_PARENT})
        [job] = world.rows("SELECT id, request_id, trace_id FROM jobs")
        assert (job["request_id"], job["trace_id"]) == ("follow-me-4711", TRACE)
        world.await_job(job["id"], "SUCCEEDED")
        until(lambda: deployment.lines_of(message="job ended"), deployment)
        http.get("/healthz", headers={"x-request-id": "not-to-be-seen"})
    followed = deployment.lines_of(request_id="follow-me-4711")
    ids = {"trace_id": TRACE, "athlete_id": runner.athlete_id}
    assert [line["message"] for line in followed if line["process"] == "api"] == ["a job was created", "request"]
    assert [line["message"] for line in followed if line["process"] == "worker"] == ["job started", "job ended"]
    assert all(ids.items() <= line.items() for line in followed)
    assert all(line["job_id"] == job["id"] for line in followed if line["message"] != "request")
    assert {line["process"] for line in deployment.lines()} == {
        "migrate", "simulate-strava", "api", "worker", "reconciler",
    }  # fmt: skip
    assert "not-to-be-seen" not in deployment.text()


def test_all_attempts_have_the_id_whoever_makes_them(deployment, runner, world, strava):
    strava.fault("slow", **SLOW)
    with deployment.api() as http:
        with deployment.running("worker") as pool:
            first = sync(http, runner, "the-first-one")
            [job_id] = [row["id"] for row in world.rows("SELECT id FROM jobs")]
            world.until(lambda: world.job(job_id)["progress_done"] >= 1, about=job_id)
            for process in [*psutil.Process(pool.pid).children(recursive=True), pool]:
                process.kill()
        with deployment.running("worker"):
            world.until(lambda: world.job(job_id)["attempts"] >= 2, about=job_id)
            again = sync(http, runner, "the-second-one")
            assert (again["alreadyRunning"], again["job"]) == (True, first["job"])
            strava.fault("inactive", times=None)
            world.await_job(job_id, "FAILED")
            strava.heal()
            ask(http, runner, RETRY, "the-third-one", id=first["job"]["id"])
            world.await_job(job_id, "SUCCEEDED")
            until(lambda: deployment.lines_of(message="job ended", outcome="succeeded"), deployment)
    of_job = [line for line in deployment.lines_of(job_id=job_id) if line["process"] in {"worker", "reconciler"}]
    assert {line.get("request_id") for line in of_job if line["logger"].startswith("jobs.")} == {"the-first-one"}
    assert sorted({line["attempt"] for line in of_job if line["message"] == "job started"}) == [1, 2, 3]
    assert "took a job back from a worker that gave no sign of life" in [line["message"] for line in of_job]
    assert len({line["pid"] for line in of_job}) >= 4
    what = {"the-second-one": "the job was there already", "the-third-one": "a job was queued again"}
    for request_id, message in what.items():
        assert deployment.lines_of(request_id=request_id, message=message, job_id=job_id, process="api")


def test_a_job_that_waits_goes_on_with_the_id_and_one_of_nobody_has_none(deployment, runner, world, strava):
    values = {"athlete": runner.athlete_id, "request_id": "the-waiting-one"}
    strava.fault("unavailable", times=1)
    job_id = world.create(runner.athlete_id)
    world.write("UPDATE jobs SET request_id = :request_id WHERE athlete_id = :athlete", **values)
    other = world.create(None, "PERSONAL_BESTS")
    world.enqueue(job_id)
    with deployment.running("worker"):
        world.await_job(job_id, "WAITING")
        world.write("UPDATE jobs SET waiting_until = now() WHERE status = 'WAITING'")
        world.await_job(job_id, "SUCCEEDED")
        world.await_job(other, "SUCCEEDED")
        until(lambda: len(deployment.lines_of(message="job ended")) == 3, deployment)
    lines = [line for line in deployment.lines() if line["message"].startswith("job ")]
    assert [line["request_id"] for line in lines if line["job_id"] == job_id] == ["the-waiting-one"] * 4
    without = [line for line in deployment.lines() if line.get("job_id") == other]
    assert without
    assert not [line for line in without if {"request_id", "trace_id", "athlete_id"} & line.keys()]


@pytest.mark.parametrize(
    "given", ["00-" + "0" * 32 + "-b7ad6b7169203331-01", f"ff{TRACE_PARENT[2:]}", "00-x-y-01", "é"]
)
def test_an_unsound_trace_is_none(deployment, runner, world, given):
    with deployment.api() as http:
        sync(http, runner, "follow-me-4711", {"traceparent": given.encode()})
    assert world.value("SELECT trace_id FROM jobs") is None
    assert not [line for line in deployment.lines() if "trace_id" in line]


def test_levels_of_loggers(deployment, runner, world):
    levels = "pacegraph.request=WARNING,jobs=DEBUG,sqlalchemy.engine=INFO"
    with deployment.api(LOG_LEVELS=levels) as http, deployment.running("worker", LOG_LEVELS=levels):
        sync(http, runner, "follow-me-4711")
        [job_id] = [row["id"] for row in world.rows("SELECT id FROM jobs")]
        world.await_job(job_id, "SUCCEEDED")
        world.enqueue(job_id)  # once more: it is not queued, which is told at DEBUG
        until(lambda: deployment.lines_of(level="DEBUG", logger="jobs.runner"), deployment)
    lines = deployment.lines()
    assert not deployment.lines_of(logger="pacegraph.request")
    assert deployment.lines_of(message="a job was created", level="INFO")
    assert [line for line in lines if line["logger"] == "sqlalchemy.engine.Engine" and line.get("job_id") == job_id]
    assert {line["logger"].partition(".")[0] for line in lines if line["level"] == "DEBUG"} == {"jobs"}


# --- what goes wrong


FAILURES = {
    "no setting": (("api",), {"DATABASE_URL": ""}, 2, "DATABASE_URL: is not set"),
    "a wrong setting": (("worker",), {"PORT": "x"}, 2, "PORT: "),
    "wrong levels": (("doctor",), {"LOG_LEVELS": "rq"}, 2, "LOG_LEVELS: 'rq'"),
    "wrong usage": (("migrate", "--sideways"), {}, 2, "--sideways"),
    "no database": (("migrate",), {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, 1, "the migrations stopped"),
    "no such revision": (("migrate", "--to", "9999"), {}, 1, "9999"),
    "no simulated runs": (("simulate-strava",), {"SIMULATOR_RUNS": "absent"}, 2, "SIMULATOR_RUNS"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_fails_early_is_a_line_too(deployment, failure):
    command, changes, code, said = FAILURES[failure]
    assert deployment.run(*command, **changes) == code
    [line] = [line for line in deployment.lines() if line["level"] == "ERROR"]
    assert said in line["message"]
    assert line["process"] in {command[0], "pacegraph"}


@pytest.mark.parametrize(("command", "module"), [("api", "uvicorn"), ("worker", "rq"), ("migrate", "alembic")])
def test_what_cannot_be_imported_is_a_line_too(deployment, command, module, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / f"{module}.py").write_text("raise ImportError('broken on purpose')")
    assert deployment.run(command, PYTHONPATH=f"{tmp_path / 'broken'}{os.pathsep}{ROOT}") == 1
    [line] = deployment.lines_of(level="CRITICAL")
    assert (line["process"], line["exception"]["type"]) == (command, "ImportError")


def test_what_ends_a_forked_process_is_a_line(deployment, redis_url):
    """The reconciler of a worker whose connection arguments PostgreSQL's driver refuses."""
    url = f"{deployment.environment['DATABASE_URL']}&no_such_option=1"
    with deployment.running("worker", DATABASE_URL=url):
        until(lambda: "no_such_option" in deployment.text(), deployment)
    assert [line for line in deployment.lines() if line["level"] in {"CRITICAL", "WARNING", "ERROR"}]


# --- the migration


@pytest.fixture
def before(settings, database_url):
    """A database as it was before the request's id was kept, with a job."""
    downgrade(settings, "0004")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO jobs (kind, status) VALUES ('PERSONAL_BESTS', 'QUEUED')")
        yield connection


def columns(connection):
    query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'jobs'"
    return {name for (name,) in connection.execute(query)}


def test_the_columns_come_without_writing_a_row_and_go_again(settings, before):
    file = "SELECT pg_relation_filenode('jobs'), (SELECT xmin::text FROM jobs)"
    was, known = before.execute(file).fetchone(), columns(before)
    upgrade(settings, "0005")
    assert columns(before) - known == {"request_id", "trace_id"}
    assert before.execute(file).fetchone() == was
    # As an API of before writes a job, and a worker of before takes it.
    before.execute("INSERT INTO jobs (kind, status) VALUES ('AGE_GRADES', 'QUEUED')")
    downgrade(settings, "0004")
    assert columns(before) == known


def test_nobody_waits_behind_the_migration_while_it_waits_for_somebody(settings, before, database_url):
    migration = threading.Thread(target=upgrade, args=(settings, "0005"))
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT FROM jobs")  # its transaction goes on
        migration.start()
        longest_s = 0.0
        until_s = time.monotonic() + 4
        while time.monotonic() < until_s:
            started = time.monotonic()
            before.execute("SELECT FROM jobs")
            longest_s = max(longest_s, time.monotonic() - started)
            time.sleep(0.01)
        assert migration.is_alive(), "it waits"
        assert longest_s < 1.5
    migration.join(10)
    assert "request_id" in columns(before)
