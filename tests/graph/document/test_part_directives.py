"""What @defer and @stream take, and which of them an operation has."""

import pytest

from tests.graph.delivery.test_splitter import read_operation

DEFER = "query($on: Boolean = true) { viewer { ...A } } fragment A on Viewer { ... @defer(if: $on) { id } }"
N, ON = "$n: Int = 0", "$on: Boolean = true"
OTHERS = """query A { viewer { id } } query B { viewer { ...C } }
fragment C on Viewer { apiTokens @stream(initialCount: -1) { id } }"""


def stream(arguments: str, variables: str = "") -> str:
    declared = f"({variables})" if variables else ""
    return f"query{declared} {{ athletes {{ nodes @stream({arguments}) {{ id }} }} }}"


@pytest.mark.parametrize(
    ("query", "variables", "coordinate"),
    [
        (stream("initialCount: -1"), {}, "@stream(initialCount:)"),
        (stream("initialCount: $n", N), {"n": -2}, "@stream(initialCount:)"),
        (stream("initialCount: $n", N), {"n": None}, "@stream(initialCount:)"),
        (stream("if: $on", ON), {"on": None}, "@stream(if:)"),
        (DEFER, {"on": None}, "@defer(if:)"),
    ],
)
def test_a_wrong_argument_is_named(query, variables, coordinate):
    [error] = read_operation(query).prepare(variables)
    assert error.extensions["code"] == "BAD_USER_INPUT"
    assert error.extensions["coordinate"] == coordinate
    assert error.extensions["field"] in coordinate
    assert f"`{error.extensions['field']}`" in error.message


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (stream("initialCount: 0"), {}),
        (stream("initialCount: $n", N), {}),
        (stream("initialCount: -1, if: $on", ON), {"on": False}),
        (DEFER, {"on": False}),
    ],
)
def test_others_are_taken(query, variables):
    assert not isinstance(read_operation(query).prepare(variables), list)


def test_only_the_fragments_of_an_operation_matter():
    assert not isinstance(read_operation(OTHERS, "A").prepare({}), list)
    assert isinstance(read_operation(OTHERS, "B").prepare({}), list)


@pytest.mark.parametrize("directive", ["skip", "include"])
@pytest.mark.parametrize(
    "query",
    [
        "query(%s) { viewer { id @%s(if: $on) } }",
        "query(%s) { viewer @%s(if: $on) { id } }",
        "query(%s) { viewer { ...A @%s(if: $on) } } fragment A on Viewer { id }",
        "query(%s) { viewer { ...A } } fragment A on Viewer { ... @%s(if: $on) { id } }",
    ],
)
def test_a_null_condition_is_refused_before_anything_runs(query, directive):
    """Its variable may be null although the argument may not: it has a default."""
    operation = read_operation(query % (ON, directive))
    [error] = operation.prepare({"on": None})
    assert error.message == f"`if` of @{directive} is null. Pass a boolean."
    assert error.extensions == {
        "code": "BAD_USER_INPUT", "field": "if", "coordinate": f"@{directive}(if:)",
    }  # fmt: skip
    assert not isinstance(operation.prepare({}), list)
    assert not isinstance(operation.prepare({"on": False}), list)
