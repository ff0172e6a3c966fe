"""How event streams and WebSockets end: clients must see whether to come back.

`complete` says that nothing more will come, and clients such as graphql-sse and urql then go quiet
for ever. So only an operation that ended says it.
"""

import asyncio
import os
import re
import signal
from pathlib import Path
from time import monotonic

import httpx
import pytest

from graph.errors import Unauthenticated
from tests.web.api_process import api_process
from tests.web.subscriber import JOB, event_stream, web_socket

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "subscriptions.md"
CODE = re.compile(r"^_?[A-Z_]+ = (1\d{3}|44\d{2})\b", re.MULTILINE)
NORMAL, OF_UVICORN = "1000", "1009"

QUERY = "subscription($id: ID!) { jobUpdated(id: $id) { status } }"


async def rest_of(events):
    """The events to the end, which must be a connection that breaks off."""
    found = []
    try:
        async for event in events:
            found.append(event)  # noqa: PERF401 - what came before the break is wanted
    except httpx.RemoteProtocolError as error:
        assert "incomplete chunked read" in str(error)  # noqa: PT017 - `found` is wanted, too
        return found
    raise AssertionError(f"the stream says that it is whole, after {found}")


async def test_a_lifetime_that_is_over_is_no_completion(settings, tmp_path, person, job):
    with api_process(settings, tmp_path, subscription_lifetime_s=1) as api:
        async with asyncio.timeout(20):
            async with event_stream(api.address, person.token, QUERY, id=job) as events:
                assert (await anext(events))[1]["data"]["jobUpdated"]["status"] == "RUNNING"
                assert await rest_of(events) == []
            async with web_socket(api.address) as socket:
                await socket.begin(Authorization=f"Bearer {person.token}")
                await socket.subscribe(QUERY, id=job)
                await socket.next()
                code, reason = await socket.closed()
        assert (code, reason[-14:]) == (1001, "Connect again.")
        assert api.gauges()["open_connections"] == 0
    assert '"ERROR"' not in (tmp_path / "api.log").read_text()


async def test_credentials_that_end_are_told_then_the_stream_breaks_off(serving, db, person, job):
    address = serving()
    async with (
        asyncio.timeout(20),
        event_stream(address, person.token, QUERY, id=job) as events,
    ):
        await anext(events)
        db.exec_driver_sql("UPDATE api_tokens SET revoked_at = now()")
        [(event, last)] = await rest_of(events)
    [error] = last["errors"]
    assert event == "next"
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert error["message"].startswith("Your session or token has ended")
    assert error["message"] != Unauthenticated().message


async def test_a_server_that_stops_ends_streams_at_once(settings, tmp_path, person, job):
    with api_process(settings, tmp_path) as api:
        async with (
            asyncio.timeout(20),
            web_socket(api.address) as socket,
            event_stream(api.address, person.token, QUERY, id=job) as events,
        ):
            await socket.begin(Authorization=f"Bearer {person.token}")
            await socket.subscribe(JOB, id=job)
            await socket.next()
            await anext(events)
            began = monotonic()
            os.kill(api.pid, signal.SIGTERM)
            assert await socket.closed() == (1012, "The server is restarting. Connect again.")
            assert await rest_of(events) == []
            assert monotonic() - began < 3, "connections would be cut then"
    assert '"ERROR"' not in (tmp_path / "api.log").read_text()


async def test_an_operation_that_ended_completes(serving, db, person, job):
    db.exec_driver_sql(
        "UPDATE jobs SET status = 'SUCCEEDED', finished_at = now(), lease_until = NULL"
    )
    async with (
        asyncio.timeout(20),
        event_stream(serving(), person.token, QUERY, id=job) as events,
    ):
        assert [event async for event, _ in events] == ["next", "complete"]


async def test_an_operation_that_is_refused_completes(serving, person):
    """It would be refused again: there is nothing to come back for."""
    async with (
        asyncio.timeout(20),
        event_stream(serving(), person.token, QUERY, id="nonsense") as events,
    ):
        found = [(event, data) async for event, data in events]
    assert [event for event, _ in found] == ["next", "complete"]
    assert found[0][1]["errors"][0]["extensions"]["code"] == "INVALID_ID"


def test_the_document_lists_each_close_code():
    sources = (ROOT / "web" / "protocols").glob("*.py")
    sent = {code for source in sources for code in CODE.findall(source.read_text())}
    assert {"1001", "1012", "1013", "4400", "4401", "4403", "4406", "4408", "4409", "4429"} <= sent
    listed = set(re.findall(r"\| (\d{4})\b", DOCUMENT.read_text()))
    assert (sent - {NORMAL}) | {OF_UVICORN} == listed
