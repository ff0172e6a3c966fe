"""Logs of real processes: each line is an object with the same fields, and a request is followed
into its job.

`pacegraph migrate`, `doctor`, `api`, `worker` (its workers, horses and reconciler) and
`simulate-strava` run as their users run them, with LOG_FORMAT=json.
"""

import json
import os
import subprocess
import sys
import threading
import time

import psutil
import psycopg
import pytest
from redis import Redis
from websockets.sync.client import connect

from cli import HAS_LEGACY
from graph.global_id import encode_id
from operator_commands.migrations import downgrade, upgrade
from settings import child_environment, load_settings
from tests import factories as make
from tests.deployment import ROOT, Deployment, until
from tests.jobs.simulated import CLIENT_ID, CLIENT_SECRET, simulated_strava
from tests.jobs.world import World
from tests.logs.otlp_receiver import receiving

pytestmark = pytest.mark.whole

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACE_PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
SYNC = "mutation($i: SyncStravaInput!) { syncStrava(input: $i) { alreadyRunning job { id } userErrors { message } } }"
RETRY = "mutation($i: RetryJobInput!) { retryJob(input: $i) { job { id } userErrors { message } } }"
RENEWAL = "UPDATE jobs SET lease_until="
SLOW = {"path": "/streams", "delay_s": 0.1, "times": None}


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
    return ask(
        http, person, SYNC, request_id, headers, athleteId=encode_id("Athlete", person.athlete_id)
    )


def ask(http, person, query, request_id, headers=(), **wanted):
    headers = {
        "authorization": f"Bearer {person.token}",
        "x-request-id": request_id,
        **dict(headers),
    }
    answer = http.post(
        "/graphql", json={"query": query, "variables": {"i": wanted}}, headers=headers
    )
    assert answer.headers["x-request-id"] == request_id
    assert "errors" not in answer.json(), answer.text
    [payload] = answer.json()["data"].values()
    assert payload["userErrors"] == []
    return payload


def test_a_request_is_followed_through_its_job(deployment, runner, world):
    assert deployment.run("migrate") == 0
    assert deployment.run("doctor") == 0
    with (
        deployment.running("simulate-strava", "--port", "0"),
        deployment.api() as http,
        deployment.running("worker"),
    ):
        sync(http, runner, "follow-me-4711", {"traceparent": TRACE_PARENT})
        [job] = world.rows("SELECT id, request_id, trace_id FROM jobs")
        assert (job["request_id"], job["trace_id"]) == ("follow-me-4711", TRACE)
        world.await_job(job["id"], "SUCCEEDED")
        until(lambda: deployment.lines_of(message="job ended"), deployment)
        http.get("/healthz", headers={"x-request-id": "not-to-be-seen"})
    followed = deployment.lines_of(request_id="follow-me-4711")
    ids = {"trace_id": TRACE, "athlete_id": str(runner.athlete_id)}
    assert [line["message"] for line in followed if line["process"] == "api"] == [
        "a job was created",
        "request",
    ]
    assert [line["message"] for line in followed if line["process"] == "worker"] == [
        "job started",
        "job ended",
    ]
    assert all(ids.items() <= line.items() for line in followed)
    assert all(
        line["job_id"] == str(job["id"]) for line in followed if line["message"] != "request"
    )
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
    of_job = [
        line
        for line in deployment.lines_of(job_id=str(job_id))
        if line["process"] in {"worker", "reconciler"}
    ]
    assert {line.get("request_id") for line in of_job if line["logger"].startswith("jobs.")} == {
        "the-first-one"
    }
    attempts = sorted({line["attempt"] for line in of_job if line["message"] == "job started"})
    # On a busy machine one more may lose its lease.
    assert attempts == list(range(1, max(3, len(attempts)) + 1))
    assert "reclaimed a job from a worker with an expired lease" in [
        line["message"] for line in of_job
    ]
    assert len({line["pid"] for line in of_job}) >= 4
    what = {
        "the-second-one": "the job was there already",
        "the-third-one": "a job was queued again",
    }
    for request_id, message in what.items():
        assert deployment.lines_of(
            request_id=request_id, message=message, job_id=str(job_id), process="api"
        )


def test_a_job_that_waits_goes_on_with_the_id_and_one_of_nobody_has_none(
    deployment, runner, world, strava
):
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
    assert [line["request_id"] for line in lines if line["job_id"] == str(job_id)] == [
        "the-waiting-one"
    ] * 4
    without = [line for line in deployment.lines() if line.get("job_id") == str(other)]
    assert without
    assert not [line for line in without if {"request_id", "trace_id", "athlete_id"} & line.keys()]


def test_a_websockets_job_has_the_id_of_its_connection(deployment, runner, world):
    with deployment.api() as http:
        url = f"ws://{http.base_url.netloc.decode()}/graphql"
        headers = {"x-request-id": "follow-me-4711", "traceparent": TRACE_PARENT}
        with connect(
            url, subprotocols=["graphql-transport-ws"], additional_headers=headers, proxy=None
        ) as socket:
            socket.send(
                json.dumps(
                    {
                        "type": "connection_init",
                        "payload": {"authorization": f"Bearer {runner.token}"},
                    }
                )
            )
            assert json.loads(socket.recv())["type"] == "connection_ack"
            variables = {"i": {"athleteId": encode_id("Athlete", runner.athlete_id)}}
            wanted = {
                "id": "1",
                "type": "subscribe",
                "payload": {"query": SYNC, "variables": variables},
            }
            socket.send(json.dumps(wanted))
            assert json.loads(socket.recv())["type"] == "next"
    assert_followed(deployment, runner, world)
    assert deployment.lines_of(
        message="request", method="SUBSCRIBE", athlete_id=str(runner.athlete_id)
    )


@pytest.mark.skipif(not HAS_LEGACY, reason="the older service's routes are gone")
def test_a_rest_routes_job_has_the_requests_id(deployment, runner, world):
    headers = {
        "authorization": f"Bearer {runner.token}",
        "x-request-id": "follow-me-4711",
        "traceparent": TRACE_PARENT,
    }
    with deployment.api() as http:
        answer = http.post("/strava/sync", headers=headers)
        assert answer.json()["status"] == "queued", answer.text
    assert_followed(deployment, runner, world)


def assert_followed(deployment, runner, world):
    assert world.rows("SELECT request_id, trace_id FROM jobs") == [
        {"request_id": "follow-me-4711", "trace_id": TRACE}
    ]
    ids = {"request_id": "follow-me-4711", "trace_id": TRACE, "athlete_id": str(runner.athlete_id)}
    assert deployment.lines_of(message="a job was created", **ids)
    assert deployment.lines_of(message="request", **ids)


@pytest.mark.parametrize(
    "given", ["00-" + "0" * 32 + "-b7ad6b7169203331-01", f"ff{TRACE_PARENT[2:]}", "00-x-y-01", "é"]
)
def test_an_unsound_trace_is_none(deployment, runner, world, given):
    with deployment.api() as http:
        sync(http, runner, "follow-me-4711", {"traceparent": given.encode()})
    assert world.value("SELECT trace_id FROM jobs") is None
    assert not [line for line in deployment.lines() if "trace_id" in line]


def renewals(deployment) -> list[dict]:
    """Lines of a job's own renewals of its lease; the reconciler shortens leases, too."""
    return [
        line
        for line in deployment.lines()
        if line["message"].startswith(RENEWAL) and line["process"] != "reconciler"
    ]


def test_levels_of_loggers(deployment, runner, world, strava):
    strava.fault("slow", **SLOW)
    levels = "pacegraph.request=WARNING,jobs=DEBUG,sqlalchemy.engine=INFO"
    with deployment.api(LOG_LEVELS=levels) as http, deployment.running("worker", LOG_LEVELS=levels):
        sync(http, runner, "follow-me-4711")
        [job_id] = [row["id"] for row in world.rows("SELECT id FROM jobs")]
        until(lambda: renewals(deployment), deployment)
        strava.heal()
        world.await_job(job_id, "SUCCEEDED")
        world.enqueue(job_id)  # once more: it is not queued, which is told at DEBUG
        until(lambda: deployment.lines_of(level="DEBUG", logger="jobs.runner"), deployment)
    lines = deployment.lines()
    assert not deployment.lines_of(logger="pacegraph.request")
    assert deployment.lines_of(message="a job was created", level="INFO")
    assert {line.get("request_id") for line in renewals(deployment)} == {"follow-me-4711"}, (
        "in the lease's thread too"
    )
    assert {line["logger"].partition(".")[0] for line in lines if line["level"] == "DEBUG"} == {
        "jobs"
    }


# --- traces

KINDS = {"SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
ACTIVITIES = "query Mine { activities(first: 3) { nodes { name startedAt } } }"


def ask_over_socket(address: str, token: str) -> None:
    """Ask twice over a WebSocket, of which one names the trace."""
    with connect(f"ws://{address}/graphql", subprotocols=["graphql-transport-ws"]) as socket:

        def said(kind: str, **fields: object) -> None:
            socket.send(json.dumps({"type": kind, **fields}))

        said("connection_init", payload={"Authorization": f"Bearer {token}"})
        assert json.loads(socket.recv())["type"] == "connection_ack"
        query = ACTIVITIES.replace("Mine", "Ours")
        for extensions in ({}, {"traceparent": TRACE_PARENT}):
            said("subscribe", id="1", payload={"query": query, "extensions": extensions})
            assert json.loads(socket.recv())["payload"]["data"]["activities"]["nodes"]
            assert json.loads(socket.recv())["type"] == "complete"


def test_one_trace_goes_from_a_mutation_to_stravas_answer(deployment, runner, world):
    headers = {"traceparent": TRACE_PARENT}
    with receiving() as receiver:
        # Only what the client asks for is traced.
        traced = {"OTLP_ENDPOINT": receiver.url, "TRACES_RATIO": "0"}
        with deployment.api(**traced) as http, deployment.running("worker", **traced):
            sync(http, runner, "follow-me-4711", headers)
            [job] = world.rows("SELECT id FROM jobs")
            world.await_job(job["id"], "SUCCEEDED")
            signed_in = {"authorization": f"Bearer {runner.token}"}
            for asked in (headers, {}):
                answer = http.post(
                    "/graphql", json={"query": ACTIVITIES}, headers=signed_in | asked
                )
                assert answer.json()["data"]["activities"]["nodes"]
                assert ("traceresponse" in answer.headers) == bool(asked)
            ask_over_socket(http.base_url.netloc.decode(), runner.token)
            until(
                lambda: (
                    {s.name for s in receiver.spans}
                    >= {"process STRAVA_SYNC", "SUBSCRIBE /graphql"}
                ),
                deployment,
            )
        spans = receiver.of_trace(TRACE)
    assert spans == receiver.spans
    by_id = {each.id: each for each in spans}

    def way(of) -> list[str]:
        return [of.name, *(way(by_id[of.parent]) if of.parent in by_id else ())]

    called = [each for each in spans if each.name == "GET Strava"]
    assert len(called) >= 2
    to_job = ["process STRAVA_SYNC", "send pacegraph", "POST /graphql"]
    assert {tuple(way(each)[-3:]) for each in called} == {tuple(to_job)}
    assert {each.kind for each in called} == {KINDS["CLIENT"]}
    templates = {each.attributes["url.template"] for each in called}
    assert templates >= {"/api/v3/athlete/activities", "/api/v3/activities/{id}/streams"}
    [done] = [each for each in spans if each.name == to_job[0]]
    assert (done.kind, done.service) == (KINDS["CONSUMER"], "pacegraph-worker")
    assert done.attributes["pacegraph.job.outcome"] == "succeeded"
    asked = [each for each in spans if each.attributes.get("graphql.operation.name") == "Mine"]
    assert [each.attributes["http.response.status_code"] for each in asked] == [200]
    asked = [each for each in spans if each.name == "SUBSCRIBE /graphql"]
    assert [each.attributes["graphql.operation.name"] for each in asked] == ["Ours"]
    under = {each.name for each in spans if "POST /graphql" in way(each)[1:]}
    assert under >= {"graphql.parse", "graphql.plan", "SELECT", "EVALSHA", "transaction"}
    text = str(spans)
    assert runner.token not in text
    assert not [each for each in world.rows("SELECT name FROM activities") if each["name"] in text]
    [line] = deployment.lines_of(message="request", operation="Mine", trace_id=TRACE)
    assert line["status"] == 200


# --- what goes wrong


FAILURES = {
    "no setting": (("api",), {"DATABASE_URL": ""}, 2, "DATABASE_URL: is not set"),
    "a wrong setting": (("worker",), {"PORT": "x"}, 2, "PORT: "),
    "wrong levels": (("doctor",), {"LOG_LEVELS": "rq"}, 2, "LOG_LEVELS: 'rq'"),
    "wrong usage": (("migrate", "--sideways"), {}, 2, "--sideways"),
    "no database": (
        ("migrate",),
        {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"},
        1,
        "the migrations stopped",
    ),
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


@pytest.mark.parametrize(
    ("command", "module"), [("api", "uvicorn"), ("worker", "rq"), ("migrate", "alembic")]
)
def test_what_cannot_be_imported_is_a_line_too(deployment, command, module, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / f"{module}.py").write_text("raise ImportError('broken on purpose')")
    assert deployment.run(command, PYTHONPATH=f"{tmp_path / 'broken'}{os.pathsep}{ROOT}") == 1
    [line] = deployment.lines_of(level="CRITICAL")
    assert (line["process"], line["exception"]["type"]) == (command, "ImportError")


CHILDREN = """
import logging, multiprocessing, warnings
import logs

def work(fails):
    with logs.child_process("child"):
        logging.getLogger("work").info("begun")
        if fails:
            raise KeyError("mine")

if __name__ == "__main__":
    logs.set_up_early("parent")
    for method in ("fork", "spawn"):
        for fails in (False, True):
            child = multiprocessing.get_context(method).Process(target=work, args=(fails,))
            child.start()
            child.join()
            logging.getLogger("work").info("ended", extra={"code": child.exitcode})
    warnings.warn("a warning")
    import strawberry  # which sets sys.excepthook
"""


def test_what_ends_a_child_is_a_line_with_the_childs_name(deployment, tmp_path):
    (tmp_path / "children.py").write_text(CHILDREN)
    log = tmp_path / "children.log"
    deployment.logs["children"] = log
    with log.open("wb") as out:
        environment = child_environment(**deployment.environment)
        subprocess.run(
            [sys.executable, "children.py"], env=environment, cwd=tmp_path, stderr=out, check=True
        )
    assert [line["code"] for line in deployment.lines_of(message="ended")] == [0, 1, 0, 1]
    begun = deployment.lines_of(message="begun", process="child")
    failed = deployment.lines_of(level="CRITICAL", process="child")
    assert [line["exception"]["type"] for line in failed] == ["KeyError"] * 2
    assert {line["pid"] for line in failed} < {line["pid"] for line in begun}
    assert len({line["pid"] for line in deployment.lines()}) == 5
    assert deployment.lines_of(logger="py.warnings", process="parent", category="UserWarning")


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


def test_nobody_waits_behind_the_migration_while_it_waits_for_somebody(
    settings, before, database_url
):
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
