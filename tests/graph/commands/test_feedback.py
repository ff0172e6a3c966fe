"""Feedback is bounded for each caller and in total."""

import asyncio

import pytest

from tests import factories as make
from tests.graph.api import serve
from tests.graph.test_mutation import mutate, refusal

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(settings):
    limits = {"feedback_per_caller": 3, "feedback_max": 7}
    async with serve(settings.model_copy(update=limits)) as api:
        yield api


async def send(api, token=None):
    return await mutate(api, "submitFeedback", token, message="Good.")


async def test_of_each_caller(api, db):
    sent = await asyncio.gather(*(send(api) for _ in range(10)))
    assert sum(each["accepted"] for each in sent) == 3
    refused = next(each for each in sent if not each["accepted"])
    assert refusal(refused) == (None, "CONFLICT")
    assert "3 messages in 24 hours" in refused["userErrors"][0]["message"]
    # Another caller still may, and the first one a day later.
    assert (await send(api, make.create_person(db).token))["accepted"]
    db.exec_driver_sql("UPDATE feedback SET created_at = now() - interval '25 hours'")
    assert (await send(api))["accepted"]


async def test_in_total(api, db):
    for _ in range(7):
        make.create_feedback(db)
    refused = await send(api)
    assert refusal(refused) == (None, "CONFLICT")
    assert "no more feedback" in refused["userErrors"][0]["message"]


async def test_of_all_signed_out_callers_half_of_the_room(api, db):
    """So that strangers at many addresses do not keep accounts from writing."""
    for number in range(4):
        make.create_feedback(db, sender=f"address:{number}")
    refused = await send(api)
    assert refusal(refused) == (None, "CONFLICT")
    assert "no more feedback" in refused["userErrors"][0]["message"]
    assert (await send(api, make.create_person(db).token))["accepted"]


async def test_no_address_is_stored(api, db):
    await send(api)
    sender = db.exec_driver_sql("SELECT sender FROM feedback").scalar_one()
    assert sender.startswith("address:")
    assert "127.0.0.1" not in sender
