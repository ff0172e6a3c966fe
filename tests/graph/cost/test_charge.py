"""The charge of operations: objects are counted alike in data and in its JSON."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.charge import objects_in, objects_in_json
from graph.ids import encode_id
from tests import factories as make
from tests.graph.api import serve

pytestmark = pytest.mark.anyio

_NAMES = st.text("abcXYZ_019", min_size=1).filter(lambda name: not name[0].isdigit())
_LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text('{}[]":,\\ aé\n', max_size=8)
_VALUES = st.recursive(
    _LEAVES,
    lambda below: (
        st.lists(below.filter(lambda each: each is not None), max_size=4) | st.dictionaries(_NAMES, below, max_size=4)
    ),
    max_leaves=30,
)


@given(st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=4))
def test_objects_are_counted_in_json_as_in_data(data):
    without_root = objects_in(data)
    assert sum(objects_in_json(orjson.dumps(value)) for value in data.values()) == without_root


@pytest.mark.parametrize(
    ("data", "objects"),
    [
        ({"a": None}, 0),
        ({"a": {"b": 1}}, 1),
        ({"a": [{"b": 1}, {"b": 2}]}, 2),
        ({"a": {"b": '{"c": 1}'}}, 1),
        ({"a": {"b": ["{", "{"]}}, 1),
        ({"a": [{}]}, 0),
    ],
)
def test_what_is_counted(data, objects):
    assert objects_in(data) == objects == objects_in_json(orjson.dumps(data["a"]))


async def test_an_id_that_leads_to_nothing_counts_as_what_was_looked_for(api, db):
    person = make.create_person(db)
    ids = [encode_id("Athlete", number) for number in (person.athlete_id, 2**40, 2**40 + 1)]
    for ask in (api.answer, api.answer, api.answer_unplanned):  # the second is from the cache
        answer = await ask("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", person.token, ids=ids)
        assert answer["data"]["nodes"][1:] == [None, None]
        assert answer["extensions"]["cost"] == answer["extensions"]["cost"] | {"requested": 3, "actual": 3}


async def test_reading_is_charged_before_it_is_done_and_what_was_too_much_given_back(settings):
    async with serve(settings.model_copy(update={"cost_bucket_ip": 60, "cost_refill_ip_per_s": 1e-6})) as api:
        spent = await api.answer("{ rateLimit { remaining } }")
        assert spent["extensions"]["cost"]["remaining"] == 59
        read = []
        documents = api.app.state.services.documents
        reading = documents.read
        documents.read = lambda text: read.append(text) or reading(text)
        spaces = " " * 1500  # for all one knows, as many tokens
        refused = await api.post(f"{{ a: __typename {spaces} }}")
        assert refused.status_code == 429
        assert not read, "what the budget does not cover is not read"
        assert (await api.answer("{ b: __typename }"))["extensions"]["cost"]["remaining"] == 59
        assert len(read) == 1
