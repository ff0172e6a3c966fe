"""How the API's process ends: what is asked of it meanwhile is answered, and clients go elsewhere."""

import asyncio
import os
import signal

import httpx
import pytest

from tests.web.api_process import api_process, until
from tests.web.subscriber import JOB, web_socket

pytestmark = pytest.mark.anyio

CONSTANT = {"query": "{ __typename }"}
UNPLANNED = {"query": "{ __schema { queryType { name } } }"}


async def test_a_process_that_stops_serves_on_until_proxies_have_left(
    settings, tmp_path, person, job
):
    with api_process(settings, tmp_path, shutdown_delay_s=1.5) as api:
        client = httpx.AsyncClient(base_url=f"http://{api.address}", trust_env=False)
        async with asyncio.timeout(20), client as http, web_socket(api.address) as socket:
            await socket.begin(Authorization=f"Bearer {person.token}")
            await socket.subscribe(JOB, id=job)
            await socket.next()
            for _ in range(3):  # the same head again takes the short way
                before = await http.post("/graphql", json=CONSTANT)
                assert (before.status_code, before.headers.get("connection")) == (200, None)
            assert (await http.get("/readyz")).status_code == 200

            os.kill(api.pid, signal.SIGTERM)
            await until(lambda: not _is_ready(api.address), within_s=1)

            told = await http.get("/readyz")
            assert (told.status_code, told.json()) == (503, {"status": "stopping"})
            assert (await http.get("/healthz")).status_code == 200
            for asked in (CONSTANT, CONSTANT, UNPLANNED, CONSTANT):
                answer = await http.post("/graphql", json=asked)
                assert (answer.status_code, answer.headers["connection"]) == (200, "close")
                assert answer.json()["data"]
            async with web_socket(api.address) as late:  # the proxy has not looked yet
                await late.begin(Authorization=f"Bearer {person.token}")
                assert (await late.closed())[0] == 1012
            assert (await socket.closed())[0] == 1012
    assert '"ERROR"' not in (tmp_path / "api.log").read_text()


def _is_ready(address: str) -> bool:
    return httpx.get(f"http://{address}/readyz", trust_env=False).status_code == 200
