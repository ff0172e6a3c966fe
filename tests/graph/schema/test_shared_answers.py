"""Equal subscribers to an event share one execution, and others do not."""

import asyncio
from types import SimpleNamespace

import orjson
import pytest
from graphql import build_schema, parse
from graphql.execution import Executor

from db.statements.visibility import Viewer
from graph.schema.shared_answers import SharedAnswers

pytestmark = pytest.mark.anyio

SCHEMA = build_schema("type Query { a: Int } type Subscription { a: Int b(c: Int): Int }")
QUERY = parse("subscription($c: Int) { a b(c: $c) }")
OWNER, ADMIN = Viewer(account_id=1, athlete_id=1), Viewer(account_id=2, is_admin=True)


class Event:
    """An event whose field `a` is executed by `run`, in a moment or at once."""

    def __init__(
        self, *, fails: bool = False, at_once: bool = False, shared_s: float = 60.0
    ) -> None:
        self.executed, self.fails = 0, fails
        self.answers = SharedAnswers(shared_s)
        self.a = self._run if at_once else self._wait

    def _run(self, info) -> int:
        self.executed += 1
        info.context.points += 5
        if self.fails:
            raise ValueError
        return self.executed

    async def _wait(self, info) -> int:
        await asyncio.sleep(0.01)
        return self._run(info)

    def answer(self, viewer: Viewer = OWNER, document=QUERY, points=None, **variables):
        context = SimpleNamespace(viewer=viewer, switches=None, points=0)
        executor = Executor.build(SCHEMA, document, self, context, variables)
        assert isinstance(executor, Executor), executor

        async def settled():
            result = self.answers.answer(
                executor.operation, orjson.dumps(variables), context, executor.execute_operation
            )
            result = await result if executor.is_awaitable(result) else result
            return result.data["a"], len(result.errors or ()), context.points

        return settled()


@pytest.mark.parametrize("at_once", [True, False])
async def test_equal_ones_share_an_execution_and_pay_for_its_points(at_once):
    event = Event(at_once=at_once)
    assert await asyncio.gather(*(event.answer(c=1) for _ in range(5))) == [(1, 0, 5)] * 5
    assert await event.answer(c=1) == (1, 0, 5)
    assert event.executed == 1


async def test_other_callers_variables_and_operations_have_their_own():
    event = Event()
    others = (
        event.answer(),
        event.answer(ADMIN),
        event.answer(c=2),
        event.answer(document=parse("subscription { a }")),
    )
    await asyncio.gather(*others)
    assert event.executed == 4


async def test_errors_are_not_shared():
    event = Event(fails=True)
    assert await asyncio.gather(*(event.answer() for _ in range(3))) == [(None, 1, 5)] * 3
    assert event.executed == 3


async def test_who_leaves_takes_nobody_along():
    event = Event()
    first, second = (asyncio.create_task(event.answer()) for _ in range(2))
    await asyncio.sleep(0.005)
    first.cancel()
    assert await second == (1, 0, 5)
    assert event.executed == 1


@pytest.mark.parametrize("at_once", [True, False])
async def test_who_comes_later_gets_what_is_there_then(at_once):
    """An event may be a job's state for hours. What it shows of other rows changes meanwhile."""
    event = Event(at_once=at_once, shared_s=0.05)
    assert await event.answer(c=1) == (1, 0, 5)
    assert len(event.answers) == 1
    await asyncio.sleep(0.1)
    assert len(event.answers) == 0
    assert await event.answer(c=1) == (2, 0, 5)
