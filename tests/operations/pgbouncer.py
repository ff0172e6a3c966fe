"""PgBouncer between tests and their databases: `pytest -p tests.operations.pgbouncer` for any test.

It is in transaction mode and goes round its connections, so that hardly two transactions of a
client in a row have the same one.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.operations.programs import free_port, running

CONNECTIONS = 8
_NOT_ROOT = [
    "--reuid=65534",
    "--clear-groups",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
]
"""PgBouncer refuses to be root; PostgreSQL's socket is in a folder that only root enters."""


@contextmanager
def pgbouncer(
    postgres_url: str, folder: Path, *, port: int | None = None, **options: object
) -> Iterator[str]:
    """Run PgBouncer in front of a server; gives the beginning of its URLs, without a database."""
    port = port or free_port()
    sockets = make_url(postgres_url).query["host"]
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n* = host={sockets} port=5432 user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\npool_mode = transaction\ndefault_pool_size = {CONNECTIONS}\n"
        "max_client_conn = 500\nserver_round_robin = 1\n"
        + "".join(f"{name} = {value}\n" for name, value in options.items())
    )
    command = ["/usr/sbin/pgbouncer", str(config)]
    if os.geteuid() == 0:
        command = ["setpriv", *_NOT_ROOT, *command]
        for each in (folder, config):
            each.chmod(0o755)
    with running(command, port, folder):
        yield f"postgresql://postgres@127.0.0.1:{port}/"


@pytest.fixture(scope="session")
def pooler(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pgbouncer(postgres_url, tmp_path_factory.mktemp("pgbouncer")) as url:
        yield url


@pytest.fixture(scope="module", autouse=True)
def _counted(request: pytest.FixtureRequest, pooler: str) -> Iterator[None]:
    """Tell whose transactions went through it."""
    tests = sum(each.path == request.path for each in request.session.items)
    before = transactions(pooler)
    yield
    made = transactions(pooler) - before
    print(f"\n{tests} tests of {request.path.name}: {made} transactions")  # noqa: T201 - for who ran it


def transactions(url: str) -> int:
    """How many transactions went through it."""
    with psycopg.connect(f"{url}pgbouncer", autocommit=True) as console:
        shown = console.pgconn.exec_(b"SHOW STATS")
    names = [shown.fname(column) for column in range(shown.nfields)]
    column = names.index(b"total_xact_count")
    return sum(int(shown.get_value(row, column) or 0) for row in range(shown.ntuples))


@pytest.fixture(scope="session")
def pooled_by(pooler: str) -> Callable[[str], dict[str, str]]:
    """Makes settings by which the database of a URL is reached through PgBouncer."""
    return lambda url: {
        "database_url": pooler + str(make_url(url).database),
        "database_pooler": "transaction",
        "database_direct_url": url,
    }


@pytest.fixture
def pooled(pooled_by: Callable[[str], dict[str, str]], database_url: str) -> dict[str, str]:
    """The same, of the test's database."""
    return pooled_by(database_url)
