"""Answers to an event that has many subscribers: equal ones share an execution."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from graphql import ExecutionResult, OperationDefinitionNode
from graphql.pyutils import AwaitableOrValue, is_awaitable

from graph.context import Context
from graph.types.athlete_change import AthleteChanges
from graph.types.job import Job

_ATTRIBUTE = "_shared_answers"
_MOST = 16
"""Answers that are kept with an event. More operations or callers are answered by themselves."""

_SHARED_S = 2.0
"""For how long an execution is shared from its beginning on. Events last longer, such as the state
of a job that waits for hours, and what is shown with them changes meanwhile."""

_Key = tuple[Any, ...]
Execute = Callable[[], Any]


@dataclass(slots=True)
class _EventAnswer:
    """A result without errors, and what its streams cost.

    `node` is kept because keys have its id.
    """

    node: OperationDefinitionNode
    result: ExecutionResult
    points: int


class SharedAnswers:
    """What was answered to one event, by the operation, its variables and what its caller may see."""

    def __init__(self, shared_s: float = _SHARED_S) -> None:
        self._shared_s = shared_s
        self._answers: dict[_Key, _EventAnswer | asyncio.Task[_EventAnswer]] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def answer(
        self, node: OperationDefinitionNode, variables: bytes, context: Context, execute: Execute
    ) -> AwaitableOrValue[ExecutionResult]:
        """Answer as an equal subscriber was answered just now, else by `execute`.

        `variables` are JSON. Errors are not shared: each tells the id of its own request.
        """
        key = (id(node), variables, context.viewer, context.switches)
        found = self._answers.get(key)
        if found is None:
            result = execute()
            if is_awaitable(result):
                return self._begin(key, node, context, result)
            if not result.errors:
                self._keep(key, _EventAnswer(node, result, context.points))
            found_result: ExecutionResult = result
            return found_result
        if isinstance(found, _EventAnswer):
            return _taken(found, context)
        return self._join(found, context, execute)

    async def _begin(
        self, key: _Key, node: OperationDefinitionNode, context: Context, result: Any
    ) -> ExecutionResult:
        async def run() -> _EventAnswer:
            return _EventAnswer(node, await result, context.points)

        def forget_failure(done: asyncio.Task[_EventAnswer]) -> None:
            if done.cancelled() or done.exception() or done.result().result.errors:
                self._forget(key, done)

        # a task of its own: others wait for it when this subscriber is gone
        task = asyncio.create_task(run())
        task.add_done_callback(forget_failure)
        self._keep(key, task)
        return (await asyncio.shield(task)).result

    async def _join(
        self, task: asyncio.Task[_EventAnswer], context: Context, execute: Execute
    ) -> ExecutionResult:
        with suppress(Exception):  # the other's
            done = await asyncio.shield(task)
            if not done.result.errors:
                return _taken(done, context)
        result = execute()
        own: ExecutionResult = await result if asyncio.iscoroutine(result) else result
        return own

    def _keep(self, key: _Key, answer: _EventAnswer | asyncio.Task[_EventAnswer]) -> None:
        if len(self._answers) < _MOST:
            self._answers[key] = answer
            asyncio.get_running_loop().call_later(self._shared_s, self._forget, key, answer)

    def _forget(self, key: _Key, answer: _EventAnswer | asyncio.Task[_EventAnswer]) -> None:
        if self._answers.get(key) is answer:
            del self._answers[key]


def shared_answers(event: object) -> SharedAnswers | None:
    """Get the answers to an event. None: it has one subscriber only."""
    if not isinstance(event, AthleteChanges | Job):
        return None
    found: SharedAnswers | None = vars(event).get(_ATTRIBUTE)
    if found is None:
        found = vars(event)[_ATTRIBUTE] = SharedAnswers()
    return found


def _taken(done: _EventAnswer, context: Context) -> ExecutionResult:
    context.points += done.points
    return ExecutionResult(done.result.data, None)
