"""What an operation uses of the schema, as schema coordinates."""

from graphql import FragmentDefinitionNode, OperationDefinitionNode, build_schema, parse

from graph.coordinates import coordinates_of

SCHEMA = build_schema(
    """
    type Query { run(id: ID!, in: Order = NEWEST): Run runs(filter: Filter, first: Int): [Run!]! node: Node any: Any }
    interface Node { id: ID! }
    type Run implements Node { id: ID! name(short: Boolean): String! of: Person }
    type Person implements Node { id: ID! name: String }
    union Any = Run | Person
    input Filter { order: Order inner: Filter long: [Order!] }
    enum Order { NEWEST OLDEST }
    """
)


def used(text: str, name: str | None = None) -> set[str]:
    definitions = parse(text).definitions
    fragments = {each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)}  # fmt: skip
    [operation] = [
        each
        for each in definitions
        if isinstance(each, OperationDefinitionNode)
        and (name is None or (each.name is not None and each.name.value == name))
    ]
    return set(coordinates_of(SCHEMA, operation, fragments))


def test_fields_and_arguments():
    assert used("{ a: run(id: 1) { name(short: true) __typename } }") == {
        "Query.run",
        "Query.run(id:)",
        "Run.name",
        "Run.name(short:)",
    }


def test_a_default_that_is_not_written_is_no_use():
    assert "Query.run(in:)" not in used("{ run(id: 1) { id } }")
    assert {"Query.run(in:)", "Order.OLDEST"} <= used("{ run(id: 1, in: OLDEST) { id } }")


def test_input_fields_and_values_at_any_depth():
    text = "{ runs(filter: { inner: { order: NEWEST }, long: [OLDEST] }) { id } }"
    assert used(text) >= {"Filter.inner", "Filter.order", "Filter.long", "Order.NEWEST", "Order.OLDEST"}  # fmt: skip


def test_what_a_variable_has_is_not_in_the_document():
    text = "query ($f: Filter) { runs(filter: $f) { id } }"
    assert used(text) == {"Query.runs", "Query.runs(filter:)", "Run.id"}


def test_a_default_of_a_variable_is():
    text = "query ($o: Order = OLDEST) { run(id: 1, in: $o) { id } }"
    assert "Order.OLDEST" in used(text)


def test_types_of_fragments_and_interfaces():
    text = """
        query A { node { id ...P ... on Run { of { ...P } } } any { ... on Person { id } } }
        query B { run(id: 1) { ...R } }
        fragment P on Person { name }
        fragment R on Run { of { ...P } }
    """
    assert used(text, "A") == {
        "Query.node",
        "Node.id",
        "Person.name",
        "Run.of",
        "Query.any",
        "Person.id",
    }
    assert used(text, "B") == {"Query.run", "Query.run(id:)", "Run.of", "Person.name"}


def test_introspection_is_left_out():
    assert used("{ __schema { types(includeDeprecated: true) { name } } __typename }") == set()


def test_a_fragment_is_walked_once_however_often_it_is_spread():
    spreads = "\n".join(
        f"fragment F{n} on Run {{ of {{ id }} ...F{n + 1} ... {{ ...F{n + 1} }} }}"
        for n in range(60)
    )
    text = f"{{ a: run(id: 1) {{ ...F0 }} b: run(id: 2) {{ ...F0 }} }} {spreads} fragment F60 on Run {{ name }}"
    assert used(text) == {"Query.run", "Query.run(id:)", "Run.of", "Person.id", "Run.name"}
