"""The charge of operations."""

import pytest

from graph.cost.charge import actual_cost
from graph.global_id import encode_id
from tests import factories as make
from tests.graph.api import serve

pytestmark = pytest.mark.anyio


async def test_an_id_that_leads_to_nothing_counts_as_what_was_looked_for(api, db):
    person = make.create_person(db)
    ids = [encode_id("Athlete", number) for number in (person.athlete_id, 2**40, 2**40 + 1)]
    for ask in (api.answer, api.answer, api.answer_unplanned):  # the second is from the cache
        answer = await ask("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", person.token, ids=ids)
        assert answer["data"]["nodes"][1:] == [None, None]
        assert answer["extensions"]["cost"] == answer["extensions"]["cost"] | {
            "requested": 3,
            "actual": 3,
        }


SMALL = """
{ viewer { athlete { activities(first: 5) { totalCount } personalBests { distance } } } }
"""


async def test_small_queries_cost_no_more_where_plans_are_switched_off(settings, db):
    person = make.create_person(db)
    make.create_activity(db, person.athlete_id)
    async with serve(
        settings.model_copy(update={"cache": "off", "cost_per_database_ms": 25})
    ) as api:
        for ask in (api.answer, api.answer_unplanned):
            answers = [await ask(SMALL, person.token) for _ in range(4)]  # some connect
            costs = [each["extensions"]["cost"] for each in answers]
            assert all(each["actual"] <= each["requested"] for each in costs), costs
            # what its objects may cost at most, and what asking the database does
            assert min(each["actual"] + each["work"] for each in costs) <= 19 + 10, costs


async def test_what_goes_the_long_way_costs_that_at_least(settings):
    """Whether it asks PostgreSQL or not. What is at hand costs its objects."""
    steady = {"cost_per_database_ms": 25, "cost_refill_ip_per_s": 1e-6}
    async with serve(settings.model_copy(update=steady)) as api:
        for query, cost, charged in (
            ("{ rateLimit { limit } }", {"requested": 1, "actual": 1, "work": 6}, 7),
            ("{ standardDistances { label } }", {"requested": 16, "actual": 16, "work": 0}, 16),
            ('{ __type(name: "Job") { name } }', {"requested": 10, "actual": 10, "work": 0}, 10),
            ("{ __typename }", {"requested": 0, "actual": 0, "work": 7}, 7),
        ):
            first = (await api.answer(query))["extensions"]["cost"]  # its document is read
            again = (await api.answer(query))["extensions"]["cost"]
            assert again.items() >= cost.items(), query
            assert first["remaining"] - again["remaining"] == charged, query


@pytest.mark.parametrize(
    ("objects", "cost"), [(0, 1), (1, 1), (50, 50), (51, 51), (66, 51), (67, 52), (2402, 197)]
)
async def test_objects_beyond_fifty_cost_a_sixteenth(objects, cost):
    assert actual_cost(5000, objects, asks_about_schema=False) == cost
    assert actual_cost(50, objects, asks_about_schema=False) == min(cost, 50)


async def test_reading_is_charged_before_it_is_done_and_what_was_too_much_given_back(settings):
    async with serve(
        settings.model_copy(update={"cost_bucket_ip": 60, "cost_refill_ip_per_s": 1e-6})
    ) as api:
        spent = await api.answer("{ rateLimit { remaining } }")
        assert spent["extensions"]["cost"]["remaining"] == 59
        read = []
        documents = api.app.state.services.documents
        reading = documents.read
        documents.read = lambda text, caller: read.append(text) or reading(text, caller)
        spaces = " " * 1500  # for all one knows, as many tokens
        refused = await api.post(f"{{ a: __typename {spaces} }}")
        assert refused.status_code == 429
        assert not read, "what the budget does not cover is not read"
        assert (await api.answer("{ b: __typename }"))["extensions"]["cost"]["remaining"] == 59
        assert len(read) == 1


@pytest.mark.parametrize(
    ("document", "cost"),
    [
        ("mutation { __typename a: __typename }", 0),
        ("mutation { __typename connectStrava { userErrors { code } } b: __typename }", 12),
    ],
)
async def test_a_mutation_never_costs_more_than_was_requested(api, document, cost):
    answer = await api.answer(document)
    assert answer["extensions"]["cost"]["actual"] <= answer["extensions"]["cost"]["requested"]
    assert answer["extensions"]["cost"]["requested"] == cost
