"""Documents: read once, kept within their room, apart from those who know theirs; with errors that say what helps."""

import asyncio
import gc
import threading
from dataclasses import replace

import pytest
from graphql import parse, validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.document_errors import TooBusy
from graph.document_process import DocumentWork
from graph.documents import MAX_KEPT_TEXT, MAX_WAITING, Documents
from graph.schema import build_schema
from graph.variables import MAX_MESSAGE
from tests.graph.hostile_documents import ATTACKS
from tests.graph.limits import LIMITS

pytestmark = pytest.mark.anyio

SCHEMA = build_schema()
LONG = "#" + "x" * 600 + "\n"
"""Makes a document long enough to be read in the thread."""


@pytest.fixture
def documents():
    documents = Documents(SCHEMA, LIMITS)
    yield documents
    documents.close()


async def codes(text: str, **limits: object) -> list[str]:
    documents = Documents(SCHEMA, replace(LIMITS, **limits))
    document = await documents.read(text)
    documents.close()
    return [error.extensions["code"] for error in document.errors]


async def messages(text: str, **limits: object) -> str:
    document = await Documents(SCHEMA, replace(LIMITS, **limits)).read(text)
    return "\n".join(error.message for error in document.errors)


@pytest.mark.parametrize("prefix", ["", LONG])
@pytest.mark.parametrize("text", ["{ viewer { scopes } }", "{ nothing }", "{ viewer"])
async def test_what_was_read_is_known_sound_or_not(documents, prefix, text):
    assert documents.known(prefix + text) is None
    first = await documents.read(prefix + text)
    assert documents.known(prefix + text) is first
    assert await documents.read(prefix + text) is first


async def test_kept_documents_stay_within_their_room_and_those_in_use_stay(documents):
    def text(number: int) -> str:
        return f"{{ {'x' * 4000}{number}: __typename }}"

    await documents.read("{ viewer { scopes } }")
    used = documents.known("{ viewer { scopes } }")
    for number in range(MAX_KEPT_TEXT // 4000 + 1):
        assert not (await documents.read(text(number))).errors
    assert documents.known("{ viewer { scopes } }") is used
    kept = sum(documents.known(text(number)) is not None for number in range(MAX_KEPT_TEXT // 4000 + 1))
    assert 20 < kept < MAX_KEPT_TEXT // 4000 // 4 + 2, "what is new has a quarter of the room"
    for number in range(MAX_KEPT_TEXT // 4000 + 1):
        await documents.read(text(number))
        documents.known(text(number))
    assert documents.known("{ viewer { scopes } }") is None


async def test_an_unknown_document_that_many_ask_for_is_read_once(documents, monkeypatch):
    readings = []
    read = documents._work.read
    monkeypatch.setattr(documents._work, "read", lambda text: readings.append(threading.current_thread()) or read(text))
    found = await asyncio.gather(*(documents.read(LONG + "{ viewer { scopes } }") for _ in range(50)))
    assert len(set(map(id, found))) == 1
    [thread] = readings
    assert thread is not threading.current_thread()


async def test_those_who_give_up_waiting_do_not_end_it_for_others(documents):
    text = LONG + "{ viewer { scopes } }"
    impatient, patient = asyncio.create_task(documents.read(text)), asyncio.create_task(documents.read(text))
    await asyncio.sleep(0)
    impatient.cancel()
    assert not (await patient).errors
    assert impatient.cancelled()


async def test_unknown_documents_wait_in_bounded_number_and_known_ones_not_at_all(documents):
    known = LONG + "{ viewer { scopes } }"
    await documents.read(known)
    begun, go_on = threading.Event(), threading.Event()
    documents._work.read = lambda _: (begun.set(), go_on.wait(5)) and pytest.fail("ended")
    waiting = [asyncio.create_task(documents.read(f"{LONG}{{ a{number} }}")) for number in range(MAX_WAITING)]
    await asyncio.sleep(0)
    assert begun.wait(5)
    with pytest.raises(TooBusy) as refused:
        await documents.read(LONG + "{ b }")
    assert refused.value.extensions == {"code": "TOO_BUSY"}
    assert not (await documents.read(known)).errors
    documents.close()
    go_on.set()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_documents_over_the_length_are_refused_unread(documents, monkeypatch):
    monkeypatch.setattr(documents._work, "read", lambda _: pytest.fail("was read"))
    text = "{ " + " " * LIMITS.max_characters + "__typename }"
    [error] = (await documents.read(text)).errors
    assert error.extensions == {"code": "DOCUMENT_TOO_LARGE", "found": len(text), "limit": LIMITS.max_characters}


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


async def test_errors_are_copies_that_may_be_raised(documents):
    document = await documents.read("{ nothing }")
    with pytest.raises(Exception, match="nothing"):
        raise document.errors[0]
    assert document.errors[0].__traceback__ is None


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


VARIABLES = {
    "query($d: [StandardDistance!]) { viewer { athlete { personalBests(distances: $d) { id } } } }": {"d": ["KM55"]},
    "query($i: AgeGradeInput!) { ageGrade(input: $i) { percent } }": {"i": {"distanceMeter": 1}},
}


@pytest.mark.parametrize(("text", "raw"), VARIABLES.items())
async def test_variables_suggest_no_names_either(documents, text, raw):
    operation = (await documents.read(text)).operation(None)
    assert operation.variables(SCHEMA, raw) is None
    errors = operation.variable_errors(SCHEMA, raw)
    assert errors
    assert {error.extensions["code"] for error in errors} == {"BAD_USER_INPUT"}
    assert not any("Did you mean" in error.message for error in errors)
    suggesting = (await Documents(SCHEMA, replace(LIMITS, suggests_names=True)).read(text)).operation(None)
    assert any("Did you mean" in error.message for error in suggesting.variable_errors(SCHEMA, raw))


NODES = "query($ids: [ID!]!, $more: [ID!]) { nodes(ids: $ids) { id } more: nodes(ids: $more) { id } }"


def nested(levels: int) -> list:
    found: list = []
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"ids": ["x"] * 2000}, "ids"),
        ({"ids": ["x"] * 1000, "more": ["x"] * 1000}, "more"),
        ({"ids": nested(100_000)}, "ids"),
        ({"ids": [{str(number): [number] for number in range(1500)}]}, "ids"),
    ],
)
async def test_variables_hold_no_more_values_than_a_document_has_tokens(documents, raw, field):
    operation = (await documents.read(NODES.replace("$more: [ID!]", "$more: [ID!] = []"))).operation(None)
    if operation is None:  # `nodes` takes no null
        operation = (await documents.read(NODES.replace("$more: [ID!]", "$more: [ID!]! = []"))).operation(None)
    [error] = operation.variable_errors(SCHEMA, raw)
    assert error.original_error.extensions == {"code": "BAD_USER_INPUT", "field": field}
    assert f"${field}" in error.message
    assert "2000" in error.message
    assert operation.variables(SCHEMA, raw) is None


async def test_variables_that_nothing_declares_are_not_looked_at(documents):
    operation = (await documents.read("query($id: ID!) { node(id: $id) { id } }")).operation(None)
    assert operation.variables(SCHEMA, {"id": 1, "other": nested(100_000)}).coerced == {"id": "1"}


async def test_errors_of_variables_are_few_and_short(documents):
    operation = (await documents.read("query($ids: [ID!]!) { nodes(ids: $ids) { id } }")).operation(None)
    errors = operation.variable_errors(SCHEMA, {"ids": [1.5] * 100})
    assert len(errors) == 6
    [error] = operation.variable_errors(SCHEMA, {"ids": [{"x" * 100_000: 1}]})
    assert len(error.message) <= MAX_MESSAGE + 1


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("{ __schema { types { name } } }", True),
        ('{ viewer { scopes } ...x } fragment x on Query { __type(name: "Query") { name } }', True),
        ("{ __typename viewer { __typename } }", False),
    ],
)  # fmt: skip
async def test_what_asks_about_the_schema_is_known(documents, text, asks):
    assert (await documents.read(text)).operation(None).asks_about_schema is asks


async def test_each_operation_of_a_document_is_itself(documents):
    document = await documents.read("query a { __schema { types { name } } } query b { viewer { scopes } }")
    assert document.operation("a").asks_about_schema
    assert not document.operation("b").asks_about_schema
    assert document.operation(None) is document.operation("c") is None


async def test_kept_documents_know_where_their_fields_stand(documents):
    """Errors of execution have locations."""
    document = await documents.read("query($id: ID!) {\n  node(id: $id) { id }\n}")
    [node] = document.operation(None).node.selection_set.selections
    assert (node.loc.start, node.loc.source.get_location(node.loc.start)) == (20, (2, 3))


@pytest.mark.parametrize("name", ["repeated-objects", "repeated-fields", "long-many-strings", "spread-side-by-side"])
def test_reading_leaves_little_to_the_garbage_collector(name):
    """It would stop all threads for 0.2 s now and then."""
    text, _ = ATTACKS[name]
    reader = DocumentWork(SCHEMA.core, LIMITS)
    reader.read(text)
    gc.collect()
    gc.disable()
    try:
        reader.read(text)
        assert gc.collect() < 4000
    finally:
        gc.enable()


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
    return [error.message for error in validate(SCHEMA.core, ast, max_errors=5, hide_suggestions=True)]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join))
def test_small_documents_are_judged_as_graphql_core_does(text):
    read = DocumentWork(SCHEMA.core, LIMITS).read(text)
    assert [error.message for error in read.errors] == reference(text)
