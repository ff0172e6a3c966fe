"""Connections to the second of two hosts, where the first one takes connections and answers nothing."""

import socket
from contextlib import suppress
from time import monotonic

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, create_engine, make_url, text

from db.session import AsyncDatabase, SyncDatabase
from db.several_hosts import try_each_host

LIMIT_S = 4.0


@pytest.fixture
def silent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def behind(settings, database_url, silent):
    """Settings of a database whose first host is silent."""
    url = make_url(database_url)
    silent_one = f"127.0.0.1:{silent.getsockname()[1]}"
    hosts = f"host={silent_one}&host={url.query['host']}:5432"
    several = f"postgresql://postgres@/{url.database}?{hosts}&target_session_attrs=read-write"
    changes = {"database_url": SecretStr(several), "database_connect_timeout_s": LIMIT_S}
    return settings.model_copy(update=changes)


def taken(listener: socket.socket) -> int:
    """How many connections were made since the last look."""
    listener.setblocking(False)
    found = 0
    with suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            found += 1
    return found


@pytest.mark.anyio
async def test_the_api_passes_a_silent_host_and_remembers_it(behind, silent):
    database = AsyncDatabase(behind, application_name="test")
    for wanted in (1, 0):
        began = monotonic()
        assert await database.reading(lambda each: each.scalar(text("SELECT true")))
        assert monotonic() - began < LIMIT_S
        assert taken(silent) == wanted
        await database.engine.dispose()
    await database.close()


def test_jobs_pass_a_silent_host_and_remember_it(behind, silent):
    database = SyncDatabase(behind, application_name="test")
    for wanted in (1, 0):
        began = monotonic()
        with database.read() as connection:
            assert answers(connection)
        assert monotonic() - began < LIMIT_S
        assert taken(silent) == wanted
        database.engine.dispose()


def answers(connection: Connection) -> bool:
    return connection.execute(text("SELECT true")).scalar_one()


class Hosts:
    """A dialect whose hosts answer as long as they are `up`."""

    def __init__(self) -> None:
        self.up: set[str] = set()

    def connect(self, *, host: str, **_: object) -> str:
        if host not in self.up:
            raise OSError
        return host


@pytest.mark.parametrize(("asked", "then"), [({}, "a"), ({"target_session_attrs": "primary"}, "b")])
def test_where_any_would_do_the_first_one_is_asked_again_once_it_is_back(asked, then):
    engine = create_engine("postgresql+psycopg://")
    try_each_host(engine)
    [connect] = engine.dialect.dispatch.do_connect
    hosts, options = Hosts(), {"host": "a,b", "port": "1,2", "connect_timeout": 4, **asked}
    hosts.up = {"b"}
    assert connect(hosts, None, (), options) == "b"
    hosts.up = {"a", "b"}
    assert connect(hosts, None, (), options) == then
