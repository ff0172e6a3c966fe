"""What shape documents may have: counted as `graph/document/measure.py` defines, refused by name,
and no honest one is.
"""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from graphql import get_introspection_query, parse

from graph.document.measure import MAX_SCHEMA_DEPTH, DocumentMeasure, limit_errors
from graph.document.validation import DocumentValidator
from graph.schema.build import build_schema
from tests.graph.limits import LIMITS

ROOT = Path(__file__).parents[3]
CYCLE = (
    "{ ...a } fragment a on Query { a: viewer { ...b } } fragment b on Query { b: viewer { ...a } }"
)


def extent(text: str):
    """What the only operation of a document selects."""
    [(_, found)] = DocumentMeasure(parse(text)).operations()
    return found


def codes(text: str, **limits: int) -> list[str]:
    return [
        error.extensions["code"]
        for error in limit_errors(DocumentMeasure(parse(text)), replace(LIMITS, **limits))
    ]


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("{ a }", 1),
        ("{ a { b } }", 2),
        ("{ a { b } c { d { e } } f }", 3),
        ("{ ... on Query { a { ... { b } } } }", 2),
        ("{ a { ...x } } fragment x on A { b { c } }", 3),
        ("{ a { ...x } ...x } fragment x on A { ...y } fragment y on A { b { c } }", 3),
        ("{ __typename { a } }", 2),
        ("{ __schema { types { name } } }", 1),
        ("{ a { __type { fields { name } } b { c } } }", 3),
    ],
)
def test_depth_is_levels_of_fields(text, depth):
    assert extent(text).depth == depth


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("{ __schema { types { name } } }", 2),
        ("{ __schema { types { ...x } } } fragment x on __Type { fields { name } }", 3),
        ("{ a { ...x } } fragment x on Query { __type { name } }", 1),
        ("{ a { b } }", 0),
    ],
)
def test_depth_below_the_schema_is_counted_apart(text, depth):
    assert extent(text).schema_depth == depth


@pytest.mark.parametrize(
    ("text", "aliases"),
    [
        ("{ a: a b { c: d } e }", 0),
        ("{ a: d b { c: d } e }", 1),
        ("{ d a: d b { c: d a: d } }", 3),
        ("{ a: d b { c: d d } }", 2),
        ("{ a: d b { a: d a: d } }", 0),
        ("{ c e ...x ...x a { ...x } } fragment x on A { b: c d: e }", 6),
        ("{ c ...x ...y } fragment x on A { ...y ...y } fragment y on A { b: c }", 3),
        ("{ ...x ...x } fragment x on A { b: c d: e }", 0),
        ("{ ...none }", 0),
        (CYCLE, 1),
        (f"{CYCLE} fragment c on Query {{ viewer {{ id }} }}", 2),
    ],
)
def test_aliases_of_fragments_count_at_each_spread_and_one_of_a_field_does_not(text, aliases):
    assert extent(text).aliases == aliases


def test_a_page_of_isograph_may_have_any_number_of_fields_with_arguments():
    fields = " ".join(f"field{n}____first___l_{n}: field{n}(first: {n})" for n in range(200))
    assert codes(f"{{ viewer {{ {fields} }} }}", max_aliases=0) == []


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("{ a b { c d } a }", 3),
        (
            "{ ... on Query { a ... { b } } ...x } fragment x on Query { c ...y } fragment y on Query { d { e } f }",
            5,
        ),
        ("mutation { a ...x } fragment x on Mutation { b }", 2),
        ("{ a { ...x } } fragment x on A { b c }", 1),
    ],
)
def test_root_fields_are_counted_as_written(text, fields):
    assert extent(text).root_fields == fields


def test_directives_are_counted_wherever_they_stand():
    text = (
        "query($a: Int @a @a) @b { c @c ... @d { e } ...x @e } fragment x on Query @f { g @g @g }"
        " subscription s @h { i }"
    )
    assert len(DocumentMeasure(parse(text)).directives) == 10


def test_fragments_that_double_are_counted_in_no_time():
    doubling = " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(150))
    found = extent("{ b ...f0 } fragment f150 on Query { a: b }" + doubling)
    assert found.aliases == found.root_fields == 1_000_000
    assert codes("{ b ...f0 } fragment f150 on Query { a: b }" + doubling) == [
        "TOO_MANY_ALIASES",
        "TOO_MANY_ROOT_FIELDS",
    ]


@pytest.mark.parametrize(
    ("limit", "code", "fits", "passes"),
    [
        ("max_depth", "DOCUMENT_TOO_DEEP", "{ a { b } }", "{ a { b { c } } }"),
        ("max_aliases", "TOO_MANY_ALIASES", "{ b a: b c: b }", "{ a: b c: b d: b e: b f: g }"),
        ("max_root_fields", "TOO_MANY_ROOT_FIELDS", "{ a b }", "{ a b c }"),
        ("max_directives", "TOO_MANY_DIRECTIVES", "{ a @b @b }", "{ a @b @b @b }"),
    ],
)
def test_each_limit_is_the_most_that_fits(limit, code, fits, passes):
    assert codes(fits, **{limit: 2}) == []
    assert codes(passes, **{limit: 2}) == [code]
    [error] = limit_errors(DocumentMeasure(parse(passes)), replace(LIMITS, **{limit: 2}))
    assert error.extensions == {"code": code, "found": 3, "limit": 2}
    assert error.locations
    assert re.search(r"\b3\b.*\b2\b", error.message)


def test_the_operation_with_the_most_counts():
    text = "query a { a } query b { a { b { c } } } query c { a { b } }"
    assert codes(text, max_depth=3) == []
    [error] = limit_errors(DocumentMeasure(parse(text)), replace(LIMITS, max_depth=2))
    assert error.locations[0].column == text.index("query b") + 1


def test_deep_fragments_that_nobody_spreads_are_refused_too():
    deep = "a {" * 60 + "b" + "}" * 60
    assert codes(f"{{ c }} fragment x on A {{ {deep} }}") == ["DOCUMENT_TOO_DEEP"]


def test_the_schema_may_be_asked_about_deeper_but_not_without_end():
    def asked(levels: int) -> str:
        return "{ __schema { types { " + "ofType { " * (levels - 2) + "name" + " }" * levels + " }"

    assert codes(asked(MAX_SCHEMA_DEPTH)) == []
    assert codes(asked(MAX_SCHEMA_DEPTH + 1)) == ["DOCUMENT_TOO_DEEP"]


def test_what_asks_about_the_schema_is_found_through_fragments():
    assert extent(
        "{ a { b } ...x } fragment x on Query { ...y } fragment y on Query { __type { name } }"
    ).asks_about_schema
    assert extent("{ a: __schema { types { name } } }").asks_about_schema
    assert not extent("{ __typename a { __typename b } }").asks_about_schema
    texts = "query a { ...x } query b { c } fragment x on Query { __schema { types { name } } }"
    assert [found.asks_about_schema for _, found in DocumentMeasure(parse(texts)).operations()] == [
        True,
        False,
    ]


def introspection_queries() -> list[str]:
    """GraphiQL's, with and without every option: tools and generators ask no more."""
    return [
        get_introspection_query(),
        get_introspection_query(
            descriptions=True, specified_by_url=True, directive_is_repeatable=True, schema_description=True,
            input_value_deprecation=True, experimental_directive_deprecation=True, one_of=True,
        ),
    ]  # fmt: skip


def of_the_readme() -> list[str]:
    bodies = re.findall(r"-d '(\{.*\})'", (ROOT / "README.md").read_text())
    return [
        json.loads(re.sub(r"'\$\w+'", "x", body))["query"] for body in bodies if '"query"' in body
    ]


def of_graphiql() -> list[str]:
    source = (ROOT / "web/graphiql/source/examples.js").read_text()
    return re.findall(r"tab\(`\n(.*?)`", source, re.DOTALL)


def of_the_benchmark() -> list[str]:
    return [
        path.read_text()
        for path in sorted((ROOT / "bench/peers/queries/pacegraph").glob("*.graphql"))
    ]


@pytest.mark.parametrize(
    "source", [introspection_queries, of_the_readme, of_graphiql, of_the_benchmark]
)
def test_what_honest_clients_send_is_sound(source):
    reader = DocumentValidator(build_schema().core, LIMITS)
    texts = source()
    assert len(texts) >= 2
    for text in texts:
        read = reader.read(text)
        assert read.errors == (), text
        assert read.tokens < LIMITS.max_tokens / 4
