"""All that a process keeps to answer sooner stays within one setting, whatever it is asked."""

import re

import pytest

from settings import load_settings
from tests.graph.api import Api, serve
from web.kept_memory import KeptMemory

pytestmark = pytest.mark.anyio

ROOM = 2 * 1024 * 1024
USED = "{ activities(first: 3) { nodes { id } } }"


def introspection(number: int) -> str:
    asked = " ".join(f"a{number}_{each}: types {{ name description }}" for each in range(20))
    return f"{{ __schema {{ {asked} }} }}"


def planned(number: int) -> str:
    asked = " ".join(
        f"a{number}_{each}: activities(first: {each}) {{ totalCount nodes {{ id name startedAt distanceMeters }} }}"
        for each in range(1, 8)
    )
    return f"query ($x: Boolean = true) {{ {asked} viewer @include(if: $x) {{ scopes }} }}"


async def kept(api: Api) -> dict[str, float]:
    """What the metric says, by what is kept."""
    text = (await api.http.get("/metrics")).text
    return {
        f"{name}:{what}": float(value)
        for name, what, value in re.findall(
            r'^pacegraph_kept_(bytes|evictions_total)\{what="(\w+)"\} ([0-9.e+]+)$', text, re.MULTILINE
        )
    }  # fmt: skip


async def test_all_that_is_kept_stays_within_its_room(settings, person):
    changed = {
        "kept_memory_bytes": ROOM,
        "cost_bucket_ip": 2_000_000_000,
        "cost_bucket_user": 2_000_000_000,
    }
    async with serve(settings.model_copy(update=changed)) as api:
        services = api.app.state.services
        used = await api.answer(USED, person.token)
        for number in range(40):
            assert "errors" not in await api.answer(introspection(number))
            assert "errors" not in await api.answer(planned(number), person.token)
            assert (await api.answer(USED, person.token))["data"] == used["data"]
            found = await kept(api)
            held = {name: value for name, value in found.items() if name.startswith("bytes:")}
            assert len(held) == 3
            assert sum(held.values()) <= ROOM
        assert services.documents.known(USED) is not None, "what is in use stays"
        assert services.planner.fallbacks.total() == 0
        assert found["bytes:documents"] > ROOM / 16
        assert found["evictions_total:documents"] > 20
        # the answer of one question is larger than what may be kept of it
        document = services.documents.known(introspection(39))
        assert document is not None
        assert len(document.operation(None).derived.answers) == 0


@pytest.mark.parametrize("total", [1, 2, 48, 500])
@pytest.mark.parametrize("answers", [0, 8, 64])
def test_the_parts_are_not_more_than_the_whole(total, answers):
    settings = load_settings(
        None, kept_memory_bytes=total * 1024 * 1024, cache_memory_bytes=answers * 1024 * 1024
    )
    memory = KeptMemory.from_settings(settings)
    assert memory.documents + memory.sql + memory.answers == settings.kept_memory_bytes
    assert memory.answers <= settings.cache_memory_bytes
    assert min(memory.documents, memory.sql) > 0
