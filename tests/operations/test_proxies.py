"""Each configuration of `deploy/proxies`, in the real program, with a real API process behind it."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import httpx
import pytest
from redis import Redis

from graph.global_id import decode_id_of
from jobs.enqueue import publish
from operator_commands.doctor import diagnose_proxy
from tests.operations.programs import PROXIES
from tests.web.api_process import api_process
from tests.web.subscriber import JOB, event_stream, web_socket

pytestmark = [pytest.mark.operations, pytest.mark.anyio]

AT_ONCE_S = 3
"""Within this an event must have come through. A proxy that gathers events never sends so few bytes."""
LIMITS = {"request_bucket_ip": 100, "request_refill_ip_per_s": 10}


@pytest.mark.parametrize("name", PROXIES)
async def test_a_proxy_passes_on_what_it_should(
    name, settings, tmp_path, person, job, db, redis_url, capsys
):
    changes = {"trusted_proxies": ("127.0.0.1",), **LIMITS}
    with (
        api_process(settings, tmp_path, **changes) as api,
        PROXIES[name](tmp_path, api.address, api.address) as address,
    ):
        async with asyncio.timeout(60):
            await _streams_come_at_once(address, person, job, db, redis_url)
            async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as http:
                await _bodies_are_bounded(http)
                assert (await http.get("/metrics")).status_code == 404
                assert (await http.get("/readyz")).status_code == 200
            await _each_address_counts_for_itself(address)
        of_front = settings.model_copy(update={"public_url": f"http://{address}"})
        code = await asyncio.to_thread(diagnose_proxy, of_front, f"http://{address}/")
        told = capsys.readouterr().out
        assert (code, told.count("OK ")) == (0, 7), told
        assert ", through 127.0.0.1" in told


async def _streams_come_at_once(address, person, job, db, redis_url) -> None:
    async with (
        web_socket(address) as socket,
        event_stream(address, person.token, JOB, id=job) as events,
    ):
        await socket.begin(Authorization=f"Bearer {person.token}")
        await socket.subscribe(JOB, id=job)
        assert (await socket.next())["jobUpdated"]["version"] == 1
        assert (await anext(events))[1]["data"]["jobUpdated"]["version"] == 1
        row = decode_id_of("Job", job, "id")
        db.exec_driver_sql("UPDATE jobs SET version = 2 WHERE id = %s", (row,))
        began = monotonic()
        with Redis.from_url(redis_url) as redis:
            assert publish(redis, row, person.athlete_id, 2)
        assert (await anext(events))[1]["data"]["jobUpdated"]["version"] == 2
        assert (await socket.next())["jobUpdated"]["version"] == 2
        assert monotonic() - began < AT_ONCE_S


async def _bodies_are_bounded(http: httpx.AsyncClient) -> None:
    asked = await http.post("/graphql", json={"query": "{ __typename }"})
    assert asked.json()["data"] == {"__typename": "Query"}
    large = {"content": b"x" * 300_000, "headers": {"content-type": "application/json"}}
    for _ in range(10):  # each answer comes while the body is on its way
        assert (await http.post("/graphql", **large)).status_code == 413
        chunked = await http.post("/graphql", content=_pieces(), headers=large["headers"])
        assert chunked.status_code == 413
    assert (await http.put("/uploads/unknown", **large)).status_code != 413


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(100):
        yield b"x" * 20_000


async def _each_address_counts_for_itself(address: str) -> None:
    """One that invents addresses is refused; its neighbor is not."""
    async with _client(address, "127.0.0.2") as http:
        statuses = set()
        for number in range(300):
            forged = {"x-forwarded-for": f"203.0.113.{number % 250}"}
            answer = await http.post("/graphql", json={"query": "{ __typename }"}, headers=forged)
            statuses.add(answer.status_code)
            if 429 in statuses:
                break
        assert statuses == {200, 429}
    async with _client(address, "127.0.0.3") as http:
        answer = await http.post("/graphql", json={"query": "{ __typename }"})
        assert answer.status_code == 200


def _client(address: str, own: str) -> httpx.AsyncClient:
    transport = httpx.AsyncHTTPTransport(local_address=own)
    return httpx.AsyncClient(base_url=f"http://{address}", transport=transport, trust_env=False)
