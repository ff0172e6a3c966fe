"""Answers that grow by parts."""

from graphql import parse

from graph.delivery.answer_data import add, selected, value_at, without

DATA = {"athlete": {"id": "1", "runs": [{"id": "2", "name": "a"}, None]}}


def test_a_value_is_found_by_its_path():
    assert value_at(DATA, ("athlete", "runs", 0, "name")) == "a"
    assert value_at(DATA, ("athlete", "runs", 1, "name")) is None
    assert value_at(DATA, ("athlete", "runs", 2)) is None
    assert value_at(DATA, ("athlete", 0)) is None
    assert value_at(DATA, ("athlete", "id", "name")) is None


def test_members_that_are_not_known_are_added_and_told_by_object():
    known = {"athlete": {"id": "1", "runs": [{"id": "2"}, {"id": "3"}], "city": None}}
    new = {
        "athlete": {"id": "1", "runs": [{"id": "2", "name": "a"}, {"name": "b"}], "city": "Recife"},
        "total": 2,
    }
    added = {each.path: each.data for each in add(known, new)}
    assert added == {
        (): {"total": 2},
        ("athlete", "runs", 0): {"name": "a"},
        ("athlete", "runs", 1): {"name": "b"},
    }
    assert known["athlete"]["runs"] == [{"id": "2", "name": "a"}, {"id": "3", "name": "b"}]
    assert known["athlete"]["city"] is None, "what is known stays"


def test_a_copy_has_what_is_selected_through_fragments_too():
    document = parse(
        "{ athlete { ...F ...F ... on Athlete { runs { label: name } } } } fragment F on Athlete { id }"
    )
    operation, fragment = document.definitions
    value = {"athlete": {"id": "1", "city": "x", "runs": [{"id": "2", "label": "a"}, None]}}
    copy = selected(value, operation.selection_set.selections, {"F": fragment})
    assert copy == {"athlete": {"id": "1", "runs": [{"label": "a"}, None]}}


def test_of_an_object_of_which_nothing_is_selected_a_copy_has_nothing():
    [operation] = parse("{ athlete { id runs { } } }").definitions
    copy = selected(DATA, operation.selection_set.selections, {})
    assert copy == {"athlete": {"id": "1", "runs": [{}, None]}}


def test_members_of_one_name_are_left_out_everywhere():
    assert without("id", DATA) == {"athlete": {"runs": [{"name": "a"}, None]}}
