"""Statements of slow operations: which ones ran, and PostgreSQL's plan of one, without values."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from db.statements.server.plan import planned
from runtime.ran_statements import RanStatement
from runtime.work_meter import begin_statement

_PATIENCE_S = 2.0
_MOST_CHARACTERS = 4000
"""Of a plan in the log: a line has less than 16 KiB."""
_LONGEST_CONDITION = 400
_RUN = "run_of_statement"
_CONDITIONS = (
    "Index Cond",
    "Recheck Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Filter",
    "One-Time Filter",
    "Order By",
    "Sort Key",
    "Group Key",
)
_VALUES = re.compile(
    r"E?'(?:[^'\\]|''|\\.)*'|(?<![\w$.\"])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.DOTALL
)
"""Values as PostgreSQL writes them into conditions."""


def record_statements(engine: AsyncEngine) -> None:
    """Note what SQLAlchemy runs on an engine, for the operation under way."""

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def begin(_: Any, __: Any, statement: str, values: Any, context: Any, is_many: Any) -> None:
        run = begin_statement(statement, values[0] if is_many and values else values)
        if run is not None and context is not None:
            setattr(context, _RUN, run)

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def end(_: Any, __: Any, ___: str, ____: Any, context: Any, _____: Any) -> None:
        if (run := getattr(context, _RUN, None)) is not None:
            run.end()

    @event.listens_for(engine.sync_engine, "handle_error")
    def fail(failure: Any) -> None:
        if (run := getattr(failure.execution_context, _RUN, None)) is not None:
            run.end()


async def plan_of(engine: AsyncEngine, ran: RanStatement) -> str:
    """Get the plan that PostgreSQL makes for a statement now, without running it.

    It takes 2 s at most. Raises the driver's errors, TimeoutError, and ValueError where the
    statement has no plan.
    """
    statement = planned(ran.text)
    if statement is None:
        raise ValueError("the statement has no plan")
    async with asyncio.timeout(_PATIENCE_S), engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        [found] = await driver.fetchrow(statement, *ran.values)
    if isinstance(found, str):
        found = json.loads(found)
    return _written(found[0]["Plan"])


def _written(plan: dict[str, Any]) -> str:
    """Write a plan, a line for each step, those that feed it below.

    It ends where it is too long.
    """
    lines, size = list[str](), 0
    steps = list(_steps(plan, 0))
    for number, line in enumerate(steps):
        size += len(line) + 1
        if size > _MOST_CHARACTERS:
            return "\n".join([*lines, f"… {len(steps) - number} more lines"])
        lines.append(line)
    return "\n".join(lines)


def _steps(node: dict[str, Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    words = [node.get("Operation") or node["Node Type"]]
    for name, word in (("Relation Name", "on"), ("Index Name", "by"), ("CTE Name", "of")):
        if name in node:
            words += [word, node[name]]
    told = f"(cost={node['Total Cost']:.0f} rows={node['Plan Rows']})"
    yield f"{indent}{' '.join(words)} {told}"
    for name in _CONDITIONS:
        if name in node:
            yield f"{indent}  {name}: {_without_values(node[name])}"
    for below in node.get("Plans", ()):
        yield from _steps(below, depth + 1)


def _without_values(condition: str | list[str]) -> str:
    text = condition if isinstance(condition, str) else ", ".join(condition)
    masked = _VALUES.sub("?", text)
    return masked if len(masked) <= _LONGEST_CONDITION else f"{masked[:_LONGEST_CONDITION]}…"
