"""Reading in a process of its own: the same as here; what happens to the process happens to one
document only.
"""

import asyncio
import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from graphql import parse

from graph.document.errors import TooBusy
from graph.document.limits import DocumentLimits
from graph.document.reader_process import DocumentProcess, DocumentWork
from graph.document.store import MAX_WAITING, DocumentStore
from graph.plan.planner import Planner
from graph.schema.build import build_core_schema, build_schema
from settings import load_settings

SCHEMA = build_schema()
LONG = "#" + "x" * 600 + "\n"
"""Makes a document too long to be read inline."""
LIMITS = DocumentLimits.from_settings(load_settings(None))
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
    process = DocumentProcess(DocumentWork(SCHEMA.core, LIMITS), LIMITS, build_core_schema)
    yield process
    process.close()


def kill(pid: int) -> None:
    """End a process and wait until it has ended; its parent has yet to notice."""
    os.kill(pid, signal.SIGKILL)
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)


@pytest.fixture
def with_process():
    """Documents that are read in a process, and that process."""
    documents = DocumentStore(SCHEMA.costs, LIMITS)
    documents.begin_process(build_core_schema)
    yield documents, psutil.Process(documents.process.pid)
    documents.close()


@contextmanager
def suspended(process: psutil.Process):
    process.suspend()
    try:
        yield
    finally:
        if process.is_running():
            process.resume()


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_read_is_the_same_as_here(process, text):
    here, there = DocumentWork(SCHEMA.core, LIMITS).read(text), process.read(text)
    assert there.ast == here.ast
    assert [error.formatted for error in there.errors] == [error.formatted for error in here.errors]
    assert (there.tokens, there.schema_operations) == (here.tokens, here.schema_operations)


def test_questions_about_the_schema_are_answered_the_same(process):
    work = DocumentWork(SCHEMA.core, LIMITS)
    document = parse(
        "query($n: String!) { __type(name: $n) { name fields { name } } }", no_location=True
    )
    found = process.introspect(document, {"n": "Athlete"})
    assert found == work.introspect(document, {"n": "Athlete"})
    assert b'"personalBests"' in found
    assert process.introspect(parse("{ __schema { nonsense } }"), {}) == work.introspect(
        parse("{ __schema { nonsense } }"), {}
    )


def test_it_is_nicer_than_the_api(process):
    process.read("{ viewer { athlete { id } } }")  # it has begun when it answers
    assert psutil.Process(process.pid).nice() > psutil.Process().nice()


def test_it_holds_no_file_of_the_api():
    with Path(os.devnull).open():
        process = DocumentProcess(DocumentWork(SCHEMA.core, LIMITS), LIMITS, build_core_schema)
        process.read(TEXTS[0])
        files = list(Path(f"/proc/{process.pid}/fd").iterdir())
        process.close()
    assert len(files) == 4  # the three standard ones and the pipe


@pytest.mark.parametrize("levels", [*range(90, 340, 10), 141, 163, 198])
def test_no_nesting_ends_the_process(process, levels):
    nested = "... on Query { " * levels + "__typename" + " }" * levels
    values = "{ node(id: " + "{ a: " * levels + "1" + " }" * levels + ") { id } }"
    for text in (f"{{ {nested} }}", values):
        here, there = DocumentWork(SCHEMA.core, LIMITS).read(text), process.read(text)
        assert [error.extensions["code"] for error in there.errors] == [
            e.extensions["code"] for e in here.errors
        ]
    assert process.restarts == 0


def test_what_ended_while_idle_costs_nobody_anything(process):
    kill(process.pid)
    assert process.read(TEXTS[0]).ast is not None
    assert process.restarts == 1


def test_one_that_does_not_begin_in_time_is_not_taken_for_one_that_did(process, monkeypatch):
    kill(process.pid)
    with monkeypatch.context() as patched:
        patched.setattr("graph.document.reader_process._START_PATIENCE_S", 0)
        with pytest.raises(TooBusy):
            process.read(TEXTS[0])
    assert process.read(TEXTS[0]).ast is not None


def test_a_number_of_thousands_of_digits_is_the_callers_fault(process):
    [error] = process.read("{ activities(first: " + "9" * 5000 + ") { totalCount } }").errors
    assert error.extensions["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "digits" in error.message


@pytest.mark.anyio
async def test_a_process_that_is_killed_costs_one_document():
    documents = DocumentStore(SCHEMA.costs, LIMITS)
    documents.begin_process(build_core_schema)
    try:
        text = "{ __typename " + " ".join(f"a{n}: __typename" for n in range(29)) + " " * 500 + "}"
        assert (await documents.read(text)).is_valid
        killed = psutil.Process(documents.process.pid)
        killed.suspend()
        reading = asyncio.create_task(documents.read(text.replace("a1:", "b1:")))
        await asyncio.sleep(0.1)
        killed.kill()
        with pytest.raises(TooBusy):
            await reading
        assert (await documents.read(text.replace("a1:", "c1:"))).is_valid
        assert documents.process.restarts == 1
        assert not psutil.pid_exists(killed.pid)
        child = documents.process.pid
    finally:
        documents.close()
    assert not psutil.pid_exists(child)


@pytest.mark.anyio
async def test_an_unknown_document_that_many_ask_for_is_read_once(with_process):
    documents, child = with_process
    with suspended(child):
        reads = [
            asyncio.create_task(documents.read(LONG + "{ viewer { scopes } }")) for _ in range(50)
        ]
        await asyncio.sleep(0.1)
        assert not any(each.done() for each in reads)
    assert len(set(map(id, await asyncio.gather(*reads)))) == 1


@pytest.mark.anyio
async def test_those_who_give_up_waiting_do_not_end_it_for_others(with_process):
    documents, child = with_process
    text = LONG + "{ viewer { scopes } }"
    with suspended(child):
        impatient, patient = (
            asyncio.create_task(documents.read(text)),
            asyncio.create_task(documents.read(text)),
        )
        await asyncio.sleep(0.1)
        impatient.cancel()
    assert not (await patient).errors
    assert impatient.cancelled()


@pytest.mark.anyio
async def test_unknown_documents_wait_in_bounded_number_and_known_ones_not_at_all(with_process):
    documents, child = with_process
    known = LONG + "{ viewer { scopes } }"
    await documents.read(known)
    with suspended(child):
        waiting = [
            asyncio.create_task(documents.read(f"{LONG}{{ a{number} }}"))
            for number in range(MAX_WAITING)
        ]
        await asyncio.sleep(0.1)
        with pytest.raises(TooBusy) as refused:
            await documents.read(LONG + "{ b }")
        assert refused.value.extensions == {"code": "TOO_BUSY"}
        assert not (await documents.read(known)).errors
        one_of_them = asyncio.create_task(documents.read(LONG + "{ a1 }"))
        await asyncio.sleep(0)
    assert (await one_of_them) is (await waiting[1])
    found = await asyncio.gather(*waiting)
    assert [each.is_valid for each in found] == [False] * MAX_WAITING


@pytest.mark.anyio
async def test_documents_that_wait_are_given_up_at_the_end(with_process):
    documents, child = with_process
    with suspended(child):
        waiting = [
            asyncio.create_task(documents.read(f"{LONG}{{ a{number} }}")) for number in range(5)
        ]
        await asyncio.sleep(0.1)
        documents.close()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(each, TooBusy | asyncio.CancelledError) for each in ends), ends


@pytest.mark.anyio
async def test_known_documents_are_found_while_another_is_read(with_process):
    documents, child = with_process
    await documents.read("{ __typename }")
    with suspended(child):
        reading = asyncio.create_task(
            documents.read("{ viewer { athlete { " + "id firstName " * 900 + "} } }")
        )
        await asyncio.sleep(0.1)
        assert documents.known("{ __typename }").is_valid
        assert not reading.done()
    assert not (await reading).is_valid


@pytest.mark.anyio
async def test_a_caller_does_not_wait_behind_all_documents_of_another(with_process):
    documents, child = with_process
    ended: list[str] = []

    async def read(text: str, caller: str) -> None:
        await documents.read(text, caller)
        ended.append(caller)

    with suspended(child):
        reads = [read(f"{LONG}{{ a{number} }}", "many") for number in range(50)]
        tasks = [asyncio.create_task(each) for each in reads]
        await asyncio.sleep(0.05)
        tasks += [asyncio.create_task(read(LONG + "{ b }", "few"))]
        # the same as one that waits: it comes with whichever turn is first
        tasks += [asyncio.create_task(read(LONG + "{ a49 }", "another"))]
        await asyncio.sleep(0.05)
    await asyncio.gather(*tasks)
    assert max(ended.index("few"), ended.index("another")) <= 3
    assert documents.waiting == 0


@pytest.mark.anyio
async def test_questions_about_the_schema_wait_in_the_same_lines(with_process):
    documents, child = with_process
    document = await documents.read("query($n: String!) { __type(name: $n) { name } }")
    operation = document.operation(None)
    ended: list[str] = []

    async def ask(name: str, caller: str) -> None:
        variables = operation.prepare({"n": name}).variables
        assert await documents.introspect(operation, variables, caller) is not None
        ended.append(caller)

    with suspended(child):
        tasks = [asyncio.create_task(ask(f"T{number}", "many")) for number in range(30)]
        await asyncio.sleep(0.05)
        tasks.append(asyncio.create_task(ask("Query", "few")))
        await asyncio.sleep(0.05)
    await asyncio.gather(*tasks)
    assert ended.index("few") <= 2


@pytest.mark.anyio
async def test_a_full_line_makes_room_for_a_caller_who_has_none_waiting(with_process):
    documents, child = with_process
    with suspended(child):
        many = [
            asyncio.create_task(documents.read(f"{LONG}{{ a{number} }}", "many"))
            for number in range(MAX_WAITING)
        ]
        await asyncio.sleep(0.05)
        with pytest.raises(TooBusy):
            await documents.read(LONG + "{ b }", "many")
        other = asyncio.create_task(documents.read(LONG + "{ c }", "other"))
        await asyncio.sleep(0.05)
    ended = await asyncio.gather(*many, return_exceptions=True)
    assert [number for number, each in enumerate(ended) if isinstance(each, TooBusy)] == [
        MAX_WAITING - 1
    ]
    assert not (await other).is_valid
    assert documents.refused == 2


@pytest.mark.anyio
async def test_long_documents_of_who_had_many_do_not_hold_up_the_others(with_process):
    documents, child = with_process
    long = "{ viewer { athlete { " + "id firstName " * 900 + "} } }"
    for number in range(6):
        await documents.read(f"{long} #{number}", "many")
    with suspended(child):  # their next does not need this process
        assert not (await documents.read(f"{long} #6", "many")).is_valid
        short = asyncio.create_task(documents.read(LONG[:-20] + "\n{ b }", "many"))
        await asyncio.sleep(0.1)
        assert not short.done()
    await short


@pytest.mark.anyio
async def test_what_is_not_answered_beside_the_event_loop_is_not_answered_on_it(with_process):
    documents, child = with_process
    planner = Planner(SCHEMA, documents)
    operation = (await documents.read("{ __schema { types { name } } }")).operation(None)
    with suspended(child):
        waiting = [
            asyncio.create_task(documents.read(f"{LONG}{{ a{number} }}", f"{number}"))
            for number in range(MAX_WAITING)
        ]
        await asyncio.sleep(0.1)
        with pytest.raises(TooBusy):
            await planner.answer(SimpleNamespace(caller_key="x"), operation.prepare({}))
    await asyncio.gather(*waiting)
    assert not planner.fallbacks
