"""Long lists on graphql-core: completed in turns, with the same answers and errors."""

import asyncio
import gc
from types import SimpleNamespace
from typing import Any

import pytest
from graphql import GraphQLError, build_schema, parse
from graphql.execution import execute, experimental_execute_incrementally
from graphql.execution.incremental.incremental_executor import IncrementalExecutor

from graph.mapping.loaders import Loaders
from graph.schema.long_lists import LongLists
from runtime.loop_turns import LoopTurns
from tests.runtime.test_loop_turns import anyio_backend, busy, longest_s

__all__ = ["anyio_backend"]
pytestmark = pytest.mark.anyio
SCHEMA = build_schema(
    "type Query { runs: [Run!] both: Both } type Both { runs: [Run!]! fails: Int! } "
    "type Run { slow: Int later: Int best: Best } type Best { slow: Int run: Run }"
)
QUERY = parse("{ runs { slow later best { slow } } }")


class Run:
    """A run whose fields take a while, now or later."""

    def __init__(self, number: int, fails: int | None = None) -> None:
        self.number, self.fails = number, fails

    def slow(self, *_: object) -> int:
        busy(0.001)
        if self.number == self.fails:
            raise GraphQLError("failed")
        return self.number

    async def later(self, *_: object) -> int:
        await asyncio.sleep(0)
        return self.number

    async def best(self, info: Any) -> "Run":
        await info.context.loaders.lookup("best", (), self.number)
        return self

    async def run(self, info: Any) -> "Run":
        await info.context.loaders.lookup("run", (), self.number)
        return self


class Numbers:
    """What is loaded: the keys themselves. Each list of `loaded` is a statement's."""

    def __init__(self) -> None:
        self.loaded: list[list[int]] = []

    async def lookup(self, _relation: object, _arguments: object, keys: list[int]) -> list[int]:
        self.loaded.append(sorted(keys))
        return keys


def new_context(numbers: Numbers | None = None) -> SimpleNamespace:
    turns = LoopTurns()
    return SimpleNamespace(turns=turns, loaders=Loaders(numbers or Numbers(), turns))


def answer(count: int, fails: int | None = None, context: SimpleNamespace | None = None):
    context = context or new_context()
    root = {"runs": [Run(number, fails) for number in range(count)]}
    return execute(SCHEMA, QUERY, root, context, executor_class=LongLists)


@pytest.mark.parametrize("count", [3, 60])
async def test_all_entries_come_in_their_order(count):
    data = (await answer(count)).data
    assert data == {
        "runs": [{"slow": n, "later": n, "best": {"slow": n}} for n in range(count)],
    }  # fmt: skip


async def test_others_have_the_loop_now_and_then():
    assert await longest_s(answer(60)) < 0.05


async def test_what_goes_on_in_turns_is_loaded_together():
    numbers = Numbers()
    fields = " ".join(
        f"a{n}: runs {{ best {{ slow run {{ slow best {{ slow }} }} }} }}" for n in range(3)
    )
    root = {"runs": [Run(number) for number in range(60)]}
    context = new_context(numbers)
    work = execute(SCHEMA, parse(f"{{ {fields} }}"), root, context, executor_class=LongLists)
    assert await longest_s(work) < 0.05
    assert numbers.loaded == [list(range(60))] * 2, "what a loader had is not loaded again"


async def test_objects_that_were_loaded_together_go_on_in_turns():
    """Also where none of their lists is long."""
    numbers = Numbers()
    fields = " ".join(f"a{n}: runs {{ best {{ slow run {{ slow }} }} }}" for n in range(10))
    root = {"runs": [Run(number) for number in range(20)]}
    context = new_context(numbers)
    work = execute(SCHEMA, parse(f"{{ {fields} }}"), root, context, executor_class=LongLists)
    assert await longest_s(work) < 0.05
    assert numbers.loaded == [list(range(20))] * 2


class InParts(LongLists, IncrementalExecutor):
    """As the schema's, for operations with @defer."""


async def test_others_have_the_loop_while_parts_are_made():
    context = new_context()
    root = {"runs": [Run(number) for number in range(60)]}
    document = parse("{ runs { slow ... @defer { best { slow } } } }")
    data: list[Any] = []

    async def in_parts() -> None:
        found = experimental_execute_incrementally(
            SCHEMA, document, root, context, executor_class=InParts
        )
        found = await found if asyncio.iscoroutine(found) else found
        data.extend(found.initial_result.data["runs"])
        async for each in found.subsequent_results:
            for made in each.incremental or ():
                data[int(made.id)] |= made.data

    assert await longest_s(in_parts()) < 0.05
    assert data == [{"slow": number, "best": {"slow": number}} for number in range(60)]


async def test_an_error_names_its_entry():
    found = await answer(60, fails=41)
    assert found.data["runs"][41] == {"slow": None, "later": 41, "best": {"slow": None}}
    assert [each.path for each in found.errors] == [
        ["runs", 41, "slow"], ["runs", 41, "best", "slow"]
    ]  # fmt: skip


class Both:
    """A long list, beside a field that fails while it is completed, and takes both away."""

    def __init__(self) -> None:
        self.runs = [Run(number) for number in range(60)]

    async def fails(self, *_: object) -> int:
        await asyncio.sleep(0.02)
        raise GraphQLError("failed")


async def test_an_error_that_takes_a_list_away_is_not_the_end_of_the_operation():
    context = new_context()
    loaders = context.loaders

    async def runs(*_: object) -> list[Run]:
        await asyncio.sleep(0.2)
        return [Run(await loaders.lookup("runs", (), 1))]

    root = {"runs": runs, "both": Both()}
    document = parse("{ runs { slow } both { runs { slow later } fails } }")
    found = await execute(SCHEMA, document, root, context, executor_class=LongLists)
    assert found.data == {"runs": [{"slow": 1}], "both": None}
    assert [each.path for each in found.errors] == [["both", "fails"]]


async def test_what_is_cancelled_leaves_nothing_behind():
    task = asyncio.ensure_future(answer(200))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gc.collect()  # a coroutine that was never awaited would be an error
