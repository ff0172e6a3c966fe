"""`pacegraph run` goes on when one of its children is killed, and starts after all are.

A whole run takes seconds to start, so each test asks it for much, step by step.
"""

import json
import sys
from collections.abc import Iterator

import httpx
import psutil
import psycopg
import pytest

from tests.faults.run_process import CHILDREN, RunProcess

pytestmark = pytest.mark.whole

BACK_WITHIN_S = 20


@pytest.fixture
def run() -> Iterator[RunProcess]:
    run = RunProcess()
    try:
        run.start()
        yield run
    finally:
        run.remove()


def test_what_is_killed_comes_back_and_flags_hold(run):
    children_come_back(run)
    no_zombie_is_left(run)
    assert run.sync() == "SUCCEEDED"
    files_are_private(run)
    doctor_looks_at_what_runs(run)
    changed = run.command("flags", "set", "sharing", "off", "--reason", "complaint 4711")
    assert changed.returncode == 0
    a_start_right_after_a_sigkill_of_everything(run)
    a_kill_switch_holds(run)
    all_that_know_the_flags_die(run)
    a_kill_switch_holds(run)
    assert run.stop() == 0


def test_a_lost_key_is_refused_and_the_demo_ends(run):
    assert run.stop() == 0
    a_lost_key_is_refused_and_not_replaced(run)
    run.start("--forget-connections")
    assert "forgot the Strava tokens of 1 athletes" in run.output
    assert run.sync() == "SUCCEEDED"  # the demo connects again
    tokens_of_the_former_secret_key_end(run)
    the_demo_ends_where_a_real_application_is_set(run)
    the_demo_is_not_mixed_with_the_data_of_a_real_application(run)


def children_come_back(run: RunProcess) -> None:
    for together in (("api", "worker", "strava"), ("Redis",), ("PostgreSQL",)):
        before = {name: run.child(name) for name in together}
        for each in before.values():
            each.kill()
        for name, each in before.items():
            said = f"{name} was killed by SIGKILL; it starts again in 0.5 s"
            run.until(lambda said=said: said in run.output)
            took = run.until(lambda name=name: is_back(run, name), BACK_WITHIN_S)
            assert run.child(name).pid != each.pid
            sys.stdout.write(f"\n{name}: back after {took:.1f} s ")
    assert len(CHILDREN) == 5
    run.until(lambda: subscriptions(run) == 1, BACK_WITHIN_S)  # it was lost with the process


def subscriptions(run: RunProcess) -> int:
    application = {"client_id": "1", "client_secret": "simulated"}
    url = f"{run.facts['strava']}/api/v3/push_subscriptions"
    return len(httpx.get(url, params=application, trust_env=False).json())


def is_back(run: RunProcess, name: str) -> bool:
    match name:
        case "api":
            return run.status("/readyz") == 200
        case "strava":
            return run.status("/simulator/athletes", run.facts["strava"]) == 200
        case "worker":
            worker = run.child("worker")
            return worker is not None and len(worker.children()) == 2
        case _:
            return run.status("/readyz") == 200 and run.child(name) is not None


def no_zombie_is_left(run: RunProcess) -> None:
    [supervisor] = psutil.Process(run.process.pid).children()

    def is_clean() -> bool:
        below = supervisor.children(recursive=True)
        return not any(each.status() == psutil.STATUS_ZOMBIE for each in below)

    run.until(is_clean)


def files_are_private(run: RunProcess) -> None:
    modes = {
        str(path.relative_to(run.home)): path.stat().st_mode & 0o077
        for path in [run.home, *run.home.rglob("*")]
        if not path.is_socket() and "postgres/" not in str(path)
    }
    assert not [path for path, mode in modes.items() if mode]


def doctor_looks_at_what_runs(run: RunProcess) -> None:
    done = run.command("doctor", PORT="1")  # the run's own port is known from its home
    assert done.returncode == 0, done.stdout
    assert f"reports to {run.facts['url']}/strava/webhook" in done.stdout
    assert "key 1 decrypts the newest and the oldest stored token" in done.stdout


def a_start_right_after_a_sigkill_of_everything(run: RunProcess) -> None:
    run.kill_everything()
    run.start()
    assert (run.home / "logs" / "api.log.1").stat().st_size
    assert run.sync() == "SUCCEEDED"


def a_kill_switch_holds(run: RunProcess) -> None:
    listed = json.loads(run.command("flags", "--json").stdout)
    [sharing] = [flag for flag in listed if flag["name"] == "sharing"]
    assert (sharing["state"], sharing["from"]) == ("off", "redis")
    [change] = json.loads(run.command("flags", "log", "--json").stdout)
    assert change["reason"] == "complaint 4711"


def all_that_know_the_flags_die(run: RunProcess) -> None:
    names = ("api", "worker", "Redis")
    children = [run.child(name) for name in names]
    for child in children:
        child.suspend()
    for child in children:
        child.kill()
    run.until(lambda: is_back(run, "Redis") and is_back(run, "worker"))


def a_lost_key_is_refused_and_not_replaced(run: RunProcess) -> None:
    key = run.home / "token_encryption_key"
    key.unlink()
    (run.home / "secret_key").unlink()
    refused = run.command("run")
    assert refused.returncode == 1
    assert "secret_key is missing; with a new one, all browser sessions" in refused.stderr
    assert f"{key}: the key that encrypted the stored Strava tokens is missing" in refused.stderr
    assert "pacegraph run --forget-connections" in refused.stderr
    assert not key.exists()


def tokens(run: RunProcess) -> list[tuple[str, bool]]:
    """Names of the API tokens, and whether they work."""
    with psycopg.connect(run.facts["embedded_database_url"]) as connection:
        return connection.execute(
            "SELECT name, revoked_at IS NULL AND expires_at < now() + interval '31 days' "
            "FROM api_tokens ORDER BY created_at"
        ).fetchall()


def tokens_of_the_former_secret_key_end(run: RunProcess) -> None:
    working = [name for name, works in tokens(run) if works]
    assert sorted(working) == ["demo admin", "demo athlete"]
    assert len(tokens(run)) == 4


def the_demo_ends_where_a_real_application_is_set(run: RunProcess) -> None:
    secret = run.facts["tokens"]["admin"]
    assert run.stop() == 0
    run.start(STRAVA_CLIENT_ID="12345", STRAVA_CLIENT_SECRET="not used")
    assert "the demo ends: 2 API tokens and all sessions ended" in run.output
    assert run.facts["tokens"] == {"athlete": None, "admin": None}
    assert not [name for name, works in tokens(run) if works]
    answer = httpx.post(
        run.facts["graphql"],
        json={"query": "{ viewer { scopes } }"},
        headers={"authorization": f"Bearer {secret}"},
        trust_env=False,
    )
    assert answer.status_code == 401
    with psycopg.connect(run.facts["embedded_database_url"]) as connection:
        assert connection.execute("SELECT count(*) FROM strava_connections").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM activities").fetchone() == (48,)


def the_demo_is_not_mixed_with_the_data_of_a_real_application(run: RunProcess) -> None:
    assert run.stop() == 0
    refused = run.command("run")
    assert refused.returncode == 1
    assert "holds the data of the Strava application 12345. Set it again" in refused.stderr
