"""Logs operations that take long (SLOW_OPERATION_MS): who asked, what it cost, and its statements.

One line has all of it, with PostgreSQL's plan of the statement that took longest. The plan is made
after the operation, for one operation in ten seconds. No line has a value: statements have $1, $2, …,
and the plan `?`.
"""

import asyncio
import logging
from dataclasses import dataclass
from time import monotonic, perf_counter
from types import TracebackType
from typing import Any

from db.session import AsyncDatabase
from db.slow_statements import plan_of, record_statements
from graph.context import Caller, Context
from graph.cost.charge import Charge
from graph.operation_request import OperationRequest
from runtime.ran_statements import RanStatement, RanStatements
from runtime.work_meter import WorkMeter
from settings import Settings
from web.documents.trusted_documents import hash_of

_PLAN_EVERY_S = 10.0
_MOST_STATEMENTS = 5
_MOST_CHARACTERS = 4000
"""Of all statements of a line."""
_LEAST_CHARACTERS = 200

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EndedOperation:
    """What a line tells of. `text` is the document's."""

    text: str
    name: str | None
    caller: Caller
    charge: Charge | None
    work: WorkMeter


class SlowOperations:
    """Those of one process."""

    def __init__(self, settings: Settings, database: AsyncDatabase) -> None:
        self._limit_s = settings.slow_operation_ms / 1000
        self._engine = database.engine
        self.is_on = self._limit_s > 0
        self.logged = 0
        """How many there were, since the process started."""
        self._next_plan_at = 0.0
        self._explaining: asyncio.Task[None] | None = None
        if self.is_on:
            record_statements(self._engine)

    def meter(self) -> WorkMeter:
        """Make the meter of an operation."""
        made = WorkMeter()
        if self.is_on:
            made.statements = RanStatements()
        return made

    def watched(self, context: Context, request: OperationRequest) -> "_Watched":
        """Surround the execution of an operation."""
        return _Watched(self, context, request)

    def is_slow(self, seconds: float) -> bool:
        """Tell whether an operation that took so long is to be logged."""
        return self.is_on and seconds >= self._limit_s

    def tell(self, seconds: float, ended: EndedOperation) -> None:
        """Log a slow operation, with the fields of this task, perhaps after a moment."""
        self.logged += 1
        statements = ended.work.statements
        ran = statements.by_time() if statements is not None else []
        facts = _facts(seconds, ended, ran)
        now = monotonic()
        if not ran:
            self._write(facts, None, "it ran no statement")
        elif now < self._next_plan_at:
            self._write(facts, None, f"another one was made within {_PLAN_EVERY_S:g} s")
        else:
            self._next_plan_at = now + _PLAN_EVERY_S
            longest = max(ran, key=lambda each: each.longest_s)
            self._explaining = asyncio.create_task(self._explain(facts, longest))

    async def close(self) -> None:
        if self._explaining is not None:
            await asyncio.wait([self._explaining])

    async def _explain(self, facts: dict[str, Any], longest: RanStatement) -> None:
        try:
            plan, reason = await plan_of(self._engine, longest), None
        except TimeoutError:
            plan, reason = None, "the database was busy"
        except ValueError as error:
            plan, reason = None, str(error)
        except Exception as error:  # noqa: BLE001 - the driver's; the line is worth more
            plan, reason = None, type(error).__name__
        self._write(facts, plan, reason)

    def _write(self, facts: dict[str, Any], plan: str | None, reason: str | None) -> None:
        logger.warning(
            "an operation was slow", extra=facts | {"plan": plan, "plan_left_out": reason}
        )


class _Watched:
    __slots__ = ("_began_s", "_context", "_of", "_request")

    def __init__(self, of: SlowOperations, context: Context, request: OperationRequest) -> None:
        self._of, self._context, self._request = of, context, request
        self._began_s = perf_counter()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        seconds = perf_counter() - self._began_s
        if not self._of.is_slow(seconds):
            return
        context, request = self._context, self._request
        document = context.document
        operation = document.operation(request.operation_name) if document is not None else None
        name = operation.name if operation is not None else None
        ended = EndedOperation(
            request.text, name, context.caller, context.charge, context.database_work
        )
        self._of.tell(seconds, ended)


def _facts(seconds: float, ended: EndedOperation, ran: list[RanStatement]) -> dict[str, Any]:
    charge, statements = ended.charge, ended.work.statements
    told = ran[:_MOST_STATEMENTS]
    others = sum(each.times for each in ran[_MOST_STATEMENTS:])
    return {
        "operation": ended.name,
        "document": hash_of(ended.text),
        "caller": _kind_of(ended.caller),
        "is_admin": ended.caller.viewer.is_admin,
        "duration_ms": round(1000 * seconds, 1),
        "database_ms": round(ended.work.total_ms, 1),
        "cost_requested": charge and charge.requested,
        "cost_actual": charge and charge.actual,
        "cost_work": charge and charge.work,
        "statements": _written(told),
        "further_statements": others + (statements.left_out if statements is not None else 0),
    }


def _kind_of(caller: Caller) -> str:
    if caller.viewer.account_id is None:
        return "signed out"
    return "session" if caller.token_id is None else "token"


def _written(ran: list[RanStatement]) -> list[dict[str, Any]]:
    """Write statements, each as long as a line has room for."""
    room, written = _MOST_CHARACTERS, []
    for number, each in enumerate(ran):
        kept = room - _LEAST_CHARACTERS * (len(ran) - number - 1)
        sql = " ".join(each.text.split())
        if len(sql) > kept:
            half = kept // 2
            sql = f"{sql[:half]} … {len(sql) - 2 * half} characters … {sql[-half:]}"
        room -= min(len(sql), kept)
        written.append({"sql": sql, "times": each.times, "ms": round(1000 * each.seconds, 1)})
    return written
