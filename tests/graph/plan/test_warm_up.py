"""The warm-up makes what the first plan needs, once."""

import asyncio

import pytest
from graphql import parse, validate

from graph.plan import warm_up
from graph.plan.warm_up import WarmUp
from graph.schema.build import build_schema

pytestmark = pytest.mark.anyio

SCHEMA = build_schema()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("query", warm_up._QUERIES)
def test_our_queries_fit_the_schema(query):
    assert validate(SCHEMA.core, parse(query)) == []


async def test_it_is_done_once_however_many_wait():
    warming = WarmUp(SCHEMA)
    first, *others = await asyncio.gather(*(warming.statements() for _ in range(5)))
    assert all(each is first for each in others)
    assert len(first) == len(warm_up._QUERIES) + 1


async def test_who_leaves_ends_it_for_nobody():
    warming = WarmUp(SCHEMA)
    leaving = asyncio.create_task(warming.statements())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert await warming.statements()
    await warming.close()


async def test_what_is_amiss_is_told_and_holds_up_nobody(caplog):
    warming = WarmUp(None)
    assert await warming.statements() == ()
    assert "the warm-up failed" in caplog.text
