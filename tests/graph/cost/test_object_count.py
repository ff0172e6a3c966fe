"""Objects are counted alike in data and in its JSON."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.cost.object_count import count_objects, count_objects_in_json

_NAMES = st.text("abcXYZ_019", min_size=1).filter(lambda name: not name[0].isdigit())

_LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text('{}[]":,\\ aé\n', max_size=8)

_BELOW = st.recursive(
    _LEAVES,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(_NAMES, below, max_size=4),
    max_leaves=30,
)


_VALUES = _BELOW.filter(lambda each: not isinstance(each, list) or None not in each)
"""Of root fields: a null in one's list counts, which the planner does for JSON."""


@given(st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=4))
def test_objects_are_counted_in_json_as_in_data(data):
    without_root = count_objects(data)
    assert (
        sum(count_objects_in_json(orjson.dumps(value)) for value in data.values()) == without_root
    )


@pytest.mark.parametrize(
    ("data", "objects"),
    [
        ({"a": None}, 0),
        ({"a": {"b": 1}}, 1),
        ({"a": [{"b": 1}, {"b": 2}]}, 2),
        ({"a": {"b": '{"c": 1}'}}, 1),
        ({"a": {"b": ["{", "{"]}}, 1),
        ({"a": [{}]}, 0),
        ({"a": {"b": [None, 1, None]}}, 1),
    ],
)
def test_what_is_counted(data, objects):
    assert count_objects(data) == objects == count_objects_in_json(orjson.dumps(data["a"]))


def test_a_null_in_a_root_fields_list_counts():
    assert count_objects({"nodes": [None, {"id": 1}]}) == 2
    assert count_objects(None) == 0
