"""Reading in a process of its own: the same as here; what happens to the process happens to one document only."""

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest
from graphql import parse

from graph.document_errors import TooBusy
from graph.document_process import DocumentProcess, DocumentWork
from graph.documents import Documents
from graph.schema import build_schema
from graph.shape import DocumentLimits
from settings import load_settings

SCHEMA = build_schema()
LIMITS = DocumentLimits.of(load_settings(None))
WITH_VARIABLES = """
    query Q($id: ID!, $n: Int = 3) {
      activity(id: $id) { id ...F @skip(if: false) } a: activities(first: $n) { nodes { id } } }
    fragment F on Activity { name }
"""
TEXTS = [
    WITH_VARIABLES,
    "{ viewer { nonsense } }",
    "{ viewer {",
    "{ " + "a " * 3000 + "}",
    "query A { __typename } query B { __schema { queryType { name } } }",
    "{ viewer { athlete { " * 200,
]


@pytest.fixture
def process():
    process = DocumentProcess(DocumentWork(SCHEMA.core, LIMITS), LIMITS)
    yield process
    process.close()


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_read_is_the_same_as_here(process, text):
    here, there = DocumentWork(SCHEMA.core, LIMITS).read(text), process.read(text)
    assert there.ast == here.ast
    assert [error.formatted for error in there.errors] == [error.formatted for error in here.errors]
    assert (there.tokens, there.schema_operations) == (here.tokens, here.schema_operations)


def test_questions_about_the_schema_are_answered_the_same(process):
    work = DocumentWork(SCHEMA.core, LIMITS)
    document = parse("query($n: String!) { __type(name: $n) { name fields { name } } }", no_location=True)
    found = process.introspect(document, {"n": "Athlete"})
    assert found == work.introspect(document, {"n": "Athlete"})
    assert b'"personalBests"' in found
    assert process.introspect(parse("{ __schema { nonsense } }"), {}) == work.introspect(
        parse("{ __schema { nonsense } }"), {}
    )


def test_it_is_nicer_than_the_api(process):
    assert psutil.Process(process._process.pid).nice() > psutil.Process().nice()


def test_it_holds_no_file_of_the_api():
    with Path(os.devnull).open():
        process = DocumentProcess(DocumentWork(SCHEMA.core, LIMITS), LIMITS)
        process.read(TEXTS[0])
        files = list(Path(f"/proc/{process._process.pid}/fd").iterdir())
        process.close()
    assert len(files) == 4  # the three standard ones and the pipe


@pytest.mark.parametrize("levels", [*range(90, 340, 10), 141, 163, 198])
def test_no_nesting_ends_the_process(process, levels):
    nested = "... on Query { " * levels + "__typename" + " }" * levels
    values = "{ node(id: " + "{ a: " * levels + "1" + " }" * levels + ") { id } }"
    for text in (f"{{ {nested} }}", values):
        here, there = DocumentWork(SCHEMA.core, LIMITS).read(text), process.read(text)
        assert [error.extensions["code"] for error in there.errors] == [e.extensions["code"] for e in here.errors]
    assert process.restarts == 0


def test_what_ended_while_idle_costs_nobody_anything(process):
    os.kill(process._process.pid, signal.SIGKILL)
    process._process.join()
    assert process.read(TEXTS[0]).ast is not None
    assert process.restarts == 1


def test_one_that_does_not_begin_in_time_is_not_taken_for_one_that_did(process, monkeypatch):
    os.kill(process._process.pid, signal.SIGKILL)
    process._process.join()
    with monkeypatch.context() as patched:
        patched.setattr("graph.document_process._START_PATIENCE_S", 0)
        with pytest.raises(TooBusy):
            process.read(TEXTS[0])
    assert process.read(TEXTS[0]).ast is not None


def test_a_number_of_thousands_of_digits_is_the_callers_fault(process):
    [error] = process.read("{ activities(first: " + "9" * 5000 + ") { totalCount } }").errors
    assert error.extensions["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "digits" in error.message


@pytest.mark.anyio
async def test_a_process_that_is_killed_costs_one_document():
    documents = Documents(SCHEMA, LIMITS)
    documents.begin_process()
    try:
        text = "{ __typename " + " ".join(f"a{n}: __typename" for n in range(29)) + " " * 500 + "}"
        assert (await documents.read(text)).is_sound
        killed = documents._process._process
        os.kill(killed.pid, signal.SIGKILL)
        with pytest.raises(TooBusy):
            await documents.read(text.replace("a1:", "b1:"))
        assert (await documents.read(text.replace("a1:", "c1:"))).is_sound
        assert documents._process.restarts == 1
        assert not psutil.pid_exists(killed.pid)
        child = documents._process._process.pid
    finally:
        documents.close()
    assert not psutil.pid_exists(child)


@pytest.mark.anyio
async def test_known_documents_are_found_while_another_is_read():
    documents = Documents(SCHEMA, LIMITS)
    documents.begin_process()
    try:
        await documents.read("{ __typename }")
        child = psutil.Process(documents._process._process.pid)
        child.suspend()
        reading = asyncio.ensure_future(documents.read("{ viewer { athlete { " + "id firstName " * 900 + "} } }"))
        await asyncio.sleep(0.1)
        assert documents.known("{ __typename }").is_sound
        assert not reading.done()
        child.resume()
        assert not (await reading).is_sound
    finally:
        documents.close()
