"""The rate of requests of an address: over the whole API, but for what load balancers and
Prometheus ask.
"""

import asyncio
from contextlib import asynccontextmanager
from ipaddress import ip_network
from time import monotonic

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from settings import Settings
from tests.web.api_process import api_process
from tests.web.limits.conftest import STEADY
from web import create_app
from web.limits.request_rate import TooManyRequests

pytestmark = pytest.mark.anyio

FEW = {**STEADY, "request_bucket_ip": 3}


async def admitted(rate, address: str, times: int) -> int:
    """How many of so many requests are let in."""

    async def is_admitted() -> bool:
        try:
            await rate.admit(address)
        except TooManyRequests:
            return False
        return True

    return sum(await asyncio.gather(*(is_admitted() for _ in range(times))))


async def test_a_burst_is_let_in_and_then_so_many_a_second(limits):
    rate = limits(request_bucket_ip=100, request_refill_ip_per_s=50).requests
    began = monotonic()
    assert await admitted(rate, "192.0.2.1", 90) == 90
    await admitted(rate, "192.0.2.1", 50)
    await asyncio.sleep(0.5)
    more = await admitted(rate, "192.0.2.1", 200)
    assert 20 <= more <= 50 * (monotonic() - began) + 2
    assert await admitted(rate, "192.0.2.2", 50) == 50


async def test_metrics_count_as_several_where_there_are_many(limits):
    many = limits(request_bucket_ip=3000, request_refill_ip_per_s=1000).requests
    paths = ("/metrics", "/exports/a", "/originals/a", "/docs", "/metrics-of")
    assert [many.count_of(path) for path in paths] == [10, 10, 10, 1, 1]
    rate = limits(request_bucket_ip=20, request_refill_ip_per_s=0.1).requests
    assert rate.count_of("/metrics") == 1
    for _ in range(2):
        await rate.admit("192.0.2.1", 10)
    with pytest.raises(TooManyRequests) as refusal:
        await rate.admit("192.0.2.1", 10)
    assert 90 <= int(refusal.value.headers["retry-after"]) <= 100


async def test_processes_count_together(limits):
    rates = [limits(**STEADY, request_bucket_ip=100).requests for _ in range(3)]
    assert 94 <= sum([await admitted(rate, "192.0.2.1", 60) for rate in rates]) <= 100


async def test_a_slow_rate_says_when_to_come_again(limits):
    rate = limits(request_bucket_ip=1, request_refill_ip_per_s=0.1).requests
    await rate.admit("192.0.2.1")
    with pytest.raises(TooManyRequests) as refusal:
        await rate.admit("192.0.2.1")
    assert refusal.value.headers == {
        "retry-after": "10",
        "ratelimit-policy": '"requests";q=1;w=10',
        "ratelimit": '"requests";r=0;t=10',
    }


@asynccontextmanager
async def api_at(settings: Settings, **changes):
    """Serves the API; gives a client for each address."""
    app = create_app(settings.model_copy(update=changes))
    async with app.router.lifespan_context(app):
        yield lambda address: httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1)),
            base_url="http://pacegraph.test",
        )


async def ask(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    return await client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)


async def test_everything_counts_but_health(settings):
    async with api_at(settings, **FEW) as client_at, client_at("192.0.2.1") as client:
        for path in ("/graphiql", "/auth/strava", "/nothing"):
            assert (await client.get(path)).status_code != 429
        for response in (
            await ask(client),
            await client.get("/graphiql"),
            await client.get("/nothing"),
        ):
            assert response.status_code == 429
            assert response.headers["retry-after"] == "1000000"
            assert response.headers["ratelimit-policy"].startswith('"requests";q=3;w=')
            assert response.headers["ratelimit"].startswith('"requests";r=0;t=')
            assert response.headers["x-request-id"]
            [error] = response.json()["errors"]
            assert error["extensions"]["code"] == "RATE_LIMITED"
            assert "1e-06 requests per second" in error["message"]
        for _ in range(5):
            for path in ("/healthz", "/readyz"):
                assert (await client.get(path)).status_code == 200
        async with client_at("192.0.2.2") as other:
            assert (
                'pacegraph_refused_total{limit="requests"} 3.0'
                in (await other.get("/metrics")).text
            )
            assert (await ask(other)).status_code == 200


async def test_all_of_an_ipv6_network_is_one_address(settings):
    async with api_at(settings, **FEW) as client_at:
        statuses = []
        for host in range(5):
            async with client_at(f"2001:db8:1:2::{host}") as client:
                statuses.append((await ask(client)).status_code)
        assert statuses == [200, 200, 200, 429, 429]
        async with client_at("2001:db8:1:3::1") as client:
            assert (await ask(client)).status_code == 200


async def test_without_redis_it_counts_in_the_process(settings):
    gone = type(settings.redis_url)("redis://127.0.0.1:1/0")
    async with (
        api_at(settings, **FEW, redis_url=gone) as client_at,
        client_at("192.0.2.1") as client,
    ):
        assert [(await ask(client)).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
        assert (await client.get("/graphiql")).status_code == 429
        assert (await client.get("/healthz")).status_code == 200


async def test_a_websocket_counts_like_a_request(serving):
    address = serving(**FEW)
    for _ in range(3):
        async with connect(f"ws://{address}/graphql", subprotocols=["graphql-transport-ws"]):
            pass
    with pytest.raises(InvalidStatus) as refusal:
        await connect(f"ws://{address}/graphql", subprotocols=["graphql-transport-ws"])
    response = refusal.value.response
    assert (response.status_code, response.headers["retry-after"]) == (429, "1000000")
    assert b"RATE_LIMITED" in response.body


def statuses(address: str, *forwarded_for: str) -> list[int]:
    body, url = {"query": "{ __typename }"}, f"http://{address}/graphql"
    return [
        httpx.post(url, json=body, headers={"x-forwarded-for": each, "x-real-ip": each}).status_code
        for each in forwarded_for
    ]


def test_a_forged_header_changes_nothing(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own, which would believe everybody
    with api_process(settings, tmp_path, **FEW) as process:
        assert (
            statuses(process.address, *(f"203.0.113.{number}" for number in range(6)))
            == [200] * 3 + [429] * 3
        )


def test_behind_a_trusted_proxy_a_forged_header_changes_nothing(settings, tmp_path):
    trusted = (ip_network("127.0.0.0/8"), ip_network("::1"))
    with api_process(settings, tmp_path, **FEW, trusted_proxies=trusted) as process:
        told = [f"203.0.113.{number}, 192.0.2.1" for number in range(6)]
        assert statuses(process.address, *told) == [200] * 3 + [429] * 3
        assert statuses(process.address, "192.0.2.1, 192.0.2.2") == [200]


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/strava/callback", "/nothing"]
)
async def test_a_long_query_string_is_not_read(api, path):
    """Frameworks parse it before they look for a route, at a microsecond for each parameter."""
    many = await api.http.get(f"{path}?{'a=b&' * 60}")
    assert (many.status_code, many.json()["errors"][0]["extensions"]["code"]) == (
        400,
        "BAD_REQUEST",
    )
    long = await api.http.get(f"{path}?a={'b' * 9000}")
    assert (long.status_code, long.json()["errors"][0]["extensions"]["code"]) == (
        414,
        "ADDRESS_TOO_LONG",
    )
    short = await api.http.get(f"{path}?{'a=b&' * 40}")
    assert "parameters" not in short.text
