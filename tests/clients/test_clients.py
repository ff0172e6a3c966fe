"""What client libraries make of the ends of streams: each goes on, or is told why not.

The rules of docs/subscriptions.md, held against the libraries themselves. The last test prints the
table that stands there.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.world import ENDED, Clients, World, install_packages

pytestmark = pytest.mark.clients

CLIENTS = (
    "graphql-sse",
    "graphql-sse, persistent",
    "graphql-sse, single connection",
    "graphql-ws",
    "graphql-ws, persistent",
    "urql over fetch",
    "urql over graphql-ws, persistent",
    "Apollo over graphql-ws, persistent",
)
AWAY_S = 10
LIFETIME_S = 4
WITHIN_S = 60
ENDED_CREDENTIALS = "Your session or token has ended"

_verdicts: dict[str, dict[str, str]] = {}


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    install_packages()


@contextmanager
def world(**settings: object) -> Iterator[World]:
    # Not tmp_path: PostgreSQL's user must be able to go there.
    home = Path(tempfile.mkdtemp(prefix="pacegraph-clients-"))
    made = World(home, settings)
    made.start()
    try:
        made.begin_job()
        yield made
    finally:
        made.stop()
        shutil.rmtree(home)


@contextmanager
def watching(made: World) -> Iterator[Clients]:
    with made.clients() as clients:
        clients.until(lambda each: clients.version(each) == 1, 20, names=list(CLIENTS))
        assert {each: clients.version(each) for each in CLIENTS} == dict.fromkeys(CLIENTS, 1)
        yield clients


def verdicts(
    scenario: str, clients: Clients, version: int, *, is_told_enough: bool = False
) -> dict[str, str]:
    """What became of each client, some time after what happened, with the job at `version`.

    A client that is told an error may go on after it, unless `is_told_enough`.
    """
    began = time.monotonic()
    clients.until(
        lambda each: (
            clients.version(each) >= version
            or clients.is_over(each)
            or (is_told_enough and clients.errors(each))
        ),
        WITHIN_S,
        names=list(CLIENTS),
    )
    found = {each: _verdict(clients, each, version, began) for each in CLIENTS}
    _verdicts[scenario] = found
    for client, verdict in found.items():
        print(f"{scenario} | {client} | {verdict}")  # noqa: T201 - what the test is for
    return found


def _verdict(clients: Clients, client: str, version: int, began: float) -> str:
    errors = "; ".join(clients.errors(client))
    if clients.version(client) >= version:
        at = next(each["at"] for each in clients.heard[client] if each.get("version") == version)
        return f"goes on after {max(0, at - began):.0f} s" + (f", told: {errors}" if errors else "")
    if errors:
        return f"told: {errors}"
    return "quiet for ever" if clients.is_over(client) else "nothing yet"


def goes_on(found: dict[str, str], *but: str) -> None:
    assert {each for each, verdict in found.items() if not verdict.startswith("goes on")} == {*but}


def test_lifetime_over() -> None:
    with world(subscription_lifetime_s=LIFETIME_S) as made, watching(made) as clients:
        time.sleep(LIFETIME_S + 0.5)
        found = verdicts("lifetime over", clients, made.change_job())
    goes_on(found, "urql over fetch")
    assert "[Network]" in found["urql over fetch"]


def test_server_restarted() -> None:
    with world() as made, watching(made) as clients:
        made.stop_api()
        made.start_api()
        found = verdicts("server restarted", clients, made.change_job())
    # With its default options graphql-ws gives up if its first try meets a closed port, and says so.
    assert found["graphql-ws"].startswith(("goes on", "told: "))
    goes_on({**found, "graphql-ws": "goes on"}, "urql over fetch")
    assert "[Network]" in found["urql over fetch"]


def test_token_replaced() -> None:
    with world() as made, watching(made) as clients:
        made.renew_token(known_to_clients=True)
        time.sleep(6)
        found = verdicts("token revoked, a new one at hand", clients, made.change_job())
    goes_on(found, "urql over fetch")
    for client in ("graphql-sse", "graphql-sse, persistent", "urql over fetch"):
        assert ENDED_CREDENTIALS in found[client]


def test_token_revoked() -> None:
    with world() as made, watching(made) as clients:
        made.renew_token(known_to_clients=False)
        time.sleep(6)
        found = verdicts("token revoked", clients, made.change_job(), is_told_enough=True)
    for verdict in found.values():
        assert ENDED_CREDENTIALS in verdict or "The API token is unknown" in verdict


def test_database_away() -> None:
    with world() as made, watching(made) as clients:
        made.postgres.stop()
        time.sleep(AWAY_S)
        made.start_postgres()
        found = verdicts("database away for 10 s", clients, made.change_job())
        over = made.change_job(ENDED)
        clients.until(clients.is_over, 20, names=list(CLIENTS))
        assert {clients.version(each) for each in CLIENTS} == {over}
    goes_on(found)


def test_redis_away() -> None:
    with world() as made, watching(made) as clients:
        made.redis.stop()
        time.sleep(AWAY_S)
        made.start_redis()
        found = verdicts("Redis away for 10 s", clients, made.change_job())
        over = made.change_job(ENDED)
        clients.until(clients.is_over, 20, names=list(CLIENTS))
        assert {clients.version(each) for each in CLIENTS} == {over}
    goes_on(found)


def test_the_table() -> None:
    """Prints what docs/subscriptions.md shows."""
    if not _verdicts:
        pytest.skip("nothing ran")
    print("\n| what happens | " + " | ".join(CLIENTS) + " |")  # noqa: T201
    for scenario, found in _verdicts.items():
        print(f"| {scenario} | " + " | ".join(found[each] for each in CLIENTS) + " |")  # noqa: T201
