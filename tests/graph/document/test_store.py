"""Documents: read once, kept within their room, apart from those who know theirs; with errors that
say what helps.
"""

import asyncio
import gc
from dataclasses import replace
from time import monotonic

import pytest
from graphql import Location, Node, Token, parse, validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.document.reader_process import DocumentWork
from graph.document.store import DocumentStore
from graph.document.variables import MAX_MESSAGE
from graph.schema.build import build_schema
from tests.graph.limits import LIMITS

pytestmark = pytest.mark.anyio

SCHEMA = build_schema()
LONG = "#" + "x" * 600 + "\n"
"""Makes a document too long to be read inline."""


@pytest.fixture
def documents():
    documents = DocumentStore(SCHEMA.costs, LIMITS)
    yield documents
    documents.close()


async def codes(text: str, **limits: object) -> list[str]:
    documents = DocumentStore(SCHEMA.costs, replace(LIMITS, **limits))
    document = await documents.read(text)
    documents.close()
    return [error.extensions["code"] for error in document.errors]


async def messages(text: str, **limits: object) -> str:
    document = await DocumentStore(SCHEMA.costs, replace(LIMITS, **limits)).read(text)
    return "\n".join(error.message for error in document.errors)


@pytest.mark.parametrize("prefix", ["", LONG])
@pytest.mark.parametrize("text", ["{ viewer { scopes } }", "{ nothing }", "{ viewer"])
async def test_what_was_read_is_known_sound_or_not(documents, prefix, text):
    assert documents.known(prefix + text) is None
    first = await documents.read(prefix + text)
    assert documents.known(prefix + text) is first
    assert await documents.read(prefix + text) is first


ROOM = 512 * 1024


async def test_kept_documents_stay_within_their_room_and_those_in_use_stay():
    documents = DocumentStore(SCHEMA.costs, LIMITS, ROOM)

    def text(number: int) -> str:
        return f"{{ a{number}: viewer {{ athlete {{ {'id firstName ' * 20} }} }} }}"

    await documents.read("{ viewer { scopes } }")
    used = documents.known("{ viewer { scopes } }")
    for number in range(100):
        assert not (await documents.read(text(number))).errors
        assert documents.kept_bytes <= ROOM
    assert documents.known("{ viewer { scopes } }") is used
    kept = sum(documents.known(text(number)) is not None for number in range(100))
    assert 2 < kept < 10, "what is new has a quarter of the room"
    assert documents.evictions == 100 - kept
    for number in range(100):
        await documents.read(text(number))
        documents.known(text(number))
        assert documents.kept_bytes <= ROOM
    assert documents.known("{ viewer { scopes } }") is None
    documents.close()


async def test_what_is_kept_for_operations_counts_and_displaces():
    documents = DocumentStore(SCHEMA.costs, LIMITS, ROOM)
    for number in range(3):
        text = f"{{ a{number}: viewer {{ scopes }} }}"
        await documents.read(text)
        operation = documents.known(text).operation(None)
        operation.derived_bytes = ROOM // 3
        documents.weigh_again(operation)
        assert ROOM // 3 < documents.kept_bytes <= ROOM
    assert documents.evictions == 1
    documents.close()


async def test_documents_that_are_not_used_for_long_are_given_back(monkeypatch):
    monkeypatch.setattr("graph.document.store.IDLE_S", 0.05)
    documents = DocumentStore(SCHEMA.costs, LIMITS, ROOM)
    await documents.read("{ viewer { scopes } }")
    await documents.read("{ rateLimit { limit } }")
    ends = monotonic() + 0.4
    while monotonic() < ends:
        assert documents.known("{ viewer { scopes } }") is not None
        await asyncio.sleep(0.01)
    assert documents.known("{ rateLimit { limit } }") is None
    await asyncio.sleep(0.2)
    assert (documents.kept_bytes, documents.evictions) == (0, 2)
    documents.close()


async def test_documents_over_the_length_are_refused_unread(documents, monkeypatch):
    monkeypatch.setattr(DocumentWork, "read", lambda *_: pytest.fail("was read"))
    text = "{ " + " " * LIMITS.max_characters + "__typename }"
    [error] = (await documents.read(text)).errors
    assert error.extensions == {
        "code": "DOCUMENT_TOO_LARGE",
        "found": len(text),
        "limit": LIMITS.max_characters,
    }


async def test_tokens_are_what_reading_took(documents):
    assert (await documents.read("{ viewer { scopes } }")).tokens == 6
    assert (await documents.read("{ viewer { scopes }")).tokens == 5
    assert (await documents.read("#" + "x" * 31_999 + "\n{ viewer { scopes } }")).tokens == 1000
    assert (await documents.read("{" + " a" * 9000)).tokens == LIMITS.max_tokens + 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{" + " __typename" * 1998 + "}", "TOO_MANY_ROOT_FIELDS"),
        ("{" + " __typename" * 1999 + "}", "DOCUMENT_TOO_LARGE"),
        ("#\n" * 2001 + "{ __typename }", "DOCUMENT_TOO_LARGE"),
        ("{a" * 201, "DOCUMENT_TOO_DEEP"),
        ("{ a(b: " + "[" * 300, "DOCUMENT_TOO_DEEP"),
        ("query($a: " + "[" * 300, "DOCUMENT_TOO_DEEP"),
        ("{ a(b: " + "{a:" * 300, "DOCUMENT_TOO_DEEP"),
        ("{ viewer { athlete { " + "id " * 1900 + "} } }", "DOCUMENT_TOO_COMPLEX"),
        ('{ a(b: "', "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)  # fmt: skip
async def test_each_refusal_has_its_code_and_no_recursion_ends_a_process(text, code):
    assert set(await codes(text)) == {code}


async def test_an_error_text_cannot_pretend_to_be_another():
    text = '{ a "Syntax Error: Document contains more than 2000 tokens"'
    assert await codes(text) == ["GRAPHQL_PARSE_FAILED"]


async def test_errors_are_few_and_short(documents):
    many = " ".join(f"nothing{number}" for number in range(25))
    assert len((await documents.read(f"{{ {many} }}")).errors) == 6, "five, and that there are more"
    long = await documents.read(f"{{ {'x' * 9000} }}")
    assert len(long.errors[0].message) == MAX_MESSAGE + 1
    repeated = await documents.read("{ node(" + 'id: "x" ' * 400 + ") { id } }")
    assert len(repeated.errors[0].locations) == 10


SUGGESTED = {
    "{ viewr { scopes } }": "viewer",
    "{ athlete(idd: 1) { id } }": "'id'",
    "{ athlete(id: 1) { ... on Athlet { id } } }": "Athlete",
    "{ viewer { athlete { personalBests(distances: [KM55]) { id } } } }": "KM5",
    "{ ageGrade(input: { distanceMeter: 1 }) { percent } }": "distanceMeters",
    "{ viewer { scopes @skipp(if: true) } }": "",
}


@pytest.mark.parametrize(("text", "name"), SUGGESTED.items())
async def test_suggestions_name_what_there_is_only_where_they_are_on(text, name):
    assert "Did you mean" not in await messages(text)
    suggesting = await messages(text, suggests_names=True)
    assert not name or ("Did you mean" in suggesting and name in suggesting)


async def test_kept_documents_hold_no_tokens(documents):
    """A kept document is 40 % smaller without."""
    document = await documents.read("query($id: ID!) { node(id: $id) { id } }")
    gc.collect()
    pending, reached = [document.ast], set()
    while pending:
        each = pending.pop()
        assert not isinstance(each, Token)
        if isinstance(each, Node | Location | list | tuple | dict) and id(each) not in reached:
            reached.add(id(each))
            pending += gc.get_referents(each)
    assert len(reached) > 20


WORDS = [
    *"{}()[]:!$@=|&", "...", " ", "\n", "#x\n", "query", "mutation", "subscription", "fragment", "on", "x", "y",
    "Query", "Athlete", "ID", "Int", "true", "null", "1", "1.5", '"x"', '"""x"""', "\\u", "viewer", "athlete", "id",
    "nodes", "node", "scopes", "activities", "first", "__typename", "__schema", "types", "name", "include", "if",
    "...x", "query($x: ID!) {", "{ viewer { athlete { id } } }", "fragment x on Query {", "athlete(id: $x) {",
]  # fmt: skip


def reference(text: str) -> list[str]:
    """What graphql-core says by itself."""
    try:
        ast = parse(text)
    except Exception as error:  # noqa: BLE001 - compared by its message
        return [error.message]
    return [
        error.message for error in validate(SCHEMA.core, ast, max_errors=5, hide_suggestions=True)
    ]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join))
def test_small_documents_are_judged_as_graphql_core_does(text):
    read = DocumentWork(SCHEMA.core, LIMITS).read(text)
    assert [error.message for error in read.errors] == reference(text)
