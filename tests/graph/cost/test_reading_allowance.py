"""What new documents cost: a few little, many what reading them takes."""

import asyncio

import pytest

from graph.cost.prices import FREE_TOKENS, POINTS_PER_TOKEN, TOKENS_PER_POINT
from graph.cost.reading_allowance import ALLOWANCE, ReadingAllowance
from tests import factories as make
from tests.graph.api import serve

pytestmark = pytest.mark.anyio


def test_the_first_tokens_cost_little():
    reading = ReadingAllowance()
    assert reading.points("a caller", FREE_TOKENS) == 0
    for _ in range(5):
        assert reading.points("a caller", 100) == (100 - 20) // 4
        reading.take("a caller", ALLOWANCE // 5)
    [points] = {reading.points("a caller", 300), reading.points("a caller", 300)}
    assert 290 * POINTS_PER_TOKEN < points <= 300 * POINTS_PER_TOKEN
    assert reading.points("another", 100) == 20


def test_a_long_document_costs_what_is_beyond():
    points = ReadingAllowance().points("a caller", 5000)
    assert points == (5000 - ALLOWANCE) * POINTS_PER_TOKEN


def test_tokens_come_back(monkeypatch):
    now = 1000.0
    monkeypatch.setattr("graph.cost.reading_allowance.monotonic", lambda: now)
    reading = ReadingAllowance()
    reading.take("a caller", 10**6)
    assert reading.points("a caller", 100) == 100 * POINTS_PER_TOKEN
    now += 3600
    assert reading.points("a caller", 100) == 20


@pytest.fixture
async def api(settings):
    steady = {"cost_bucket_user": 10**6, "cost_refill_user_per_s": 1e-6}
    async with serve(settings.model_copy(update=steady)) as api:
        yield api


async def test_many_new_documents_are_charged_by_the_token(api, db):
    token = make.create_person(db).token
    fields = "id name startedAt " * 20
    spent = []
    for number in range(36):
        document = f"query New{number} {{ activities(first: 1) {{ nodes {{ {fields} }} }} }}"
        before = await remaining(api, token)
        cost = (await api.answer(document, token))["extensions"]["cost"]
        spent.append(before - await remaining(api, token) - 1)
        assert spent[-1] == cost["actual"] + cost["work"], "the answer tells all of it"
    assert spent[0] == 1 + (15 + 60 - FREE_TOKENS) // TOKENS_PER_POINT
    assert spent[-1] >= 60 * POINTS_PER_TOKEN
    again = f"query New0 {{ activities(first: 1) {{ nodes {{ {fields} }} }} }}"
    before = await remaining(api, token)
    await api.answer(again, token)
    assert before - await remaining(api, token) - 1 <= 1, "it is known"


async def test_who_leaves_pays_for_what_is_read_all_the_same(api, db):
    token = make.create_person(db).token
    documents, is_read = api.app.state.services.documents, asyncio.Event()
    reading = documents.read

    async def read_late(text, caller):
        try:
            await asyncio.sleep(0.1)
            return await reading(text, caller)
        finally:
            is_read.set()

    before = await remaining(api, token)
    documents.read = read_late
    document = f"{{ activities(first: 1) {{ nodes {{ {'id name startedAt ' * 20} }} }} }}"
    leaving = asyncio.create_task(api.answer(document, token))
    await asyncio.sleep(0.05)
    leaving.cancel()
    await asyncio.wait([leaving])
    await is_read.wait()
    documents.read = reading
    await asyncio.sleep(0)
    assert before - await remaining(api, token) - 1 == (13 + 60 - FREE_TOKENS) // TOKENS_PER_POINT


async def remaining(api, token):
    """Points that are left. To ask for them costs one."""
    answer = await api.answer("{ rateLimit { remaining } }", token)
    return answer["extensions"]["cost"]["remaining"]


async def test_an_invalid_document_costs_what_validating_it_takes(api, db):
    """Its errors take more than its tokens, so the low price is not for it."""
    token = make.create_person(db).token
    before = await remaining(api, token)
    answer = await api.answer(f"{{ viewer {{ {'id nothing ' * 20} }} }}", token)
    assert answer["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    tokens = 45  # with the end of the text
    assert before - await remaining(api, token) - 1 >= tokens * POINTS_PER_TOKEN
    before = await remaining(api, token)
    await api.answer(f"{{ viewer {{ {'id ' * 40}", token)
    assert before - await remaining(api, token) - 1 < 20, "what cannot be parsed is read for less"
