"""What PostgreSQL does for a query, for administrators: the statement, and the plan it ran by."""

import orjson
from graphql import GraphQLError

from graph.context import Context
from graph.document.operation import PreparedOperation
from graph.plan.planner import Planner
from graph.plan.selection import NotPlanned

_MOST_CHARACTERS = 100_000
"""What is longer is left out: of the statement, and of the plan."""


async def explain(planner: Planner, context: Context, prepared: PreparedOperation) -> bytes:
    """Run a query's statement and make `{"statement", "plan", "reason"}`, not its answer.

    `plan` is that of `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)`. `reason` says why one is null.
    Raises CallerError, DatabaseError.
    """
    try:
        if prepared.operation.is_introspection:
            raise NotPlanned("introspection")
        ready = await planner.ready(context, prepared)
    except NotPlanned as error:
        return _written(
            reason=f"It has no single statement ({error.reason}): graphql-core runs it."
        )
    except GraphQLError as error:  # values of arguments do not fit
        return _written(reason=error.message)
    if ready.plan.statement is None:
        return _written(reason="It reads nothing from the database.")
    text = ready.plan.statement.text
    statement: str | None = text
    found = orjson.dumps(await ready.plan.explain(context, ready.asked))
    reasons = []
    if len(text) > _MOST_CHARACTERS:
        reasons.append(f"The statement has {len(text)} characters.")
        statement = None
    if len(found) > _MOST_CHARACTERS:
        reasons.append(f"The plan has {len(found)} characters.")
        found = b"null"
    return _written(statement, found, " ".join(reasons) or None)


def _written(
    statement: str | None = None, plan: bytes = b"null", reason: str | None = None
) -> bytes:
    told = {"statement": statement, "plan": orjson.Fragment(plan), "reason": reason}
    return orjson.dumps(told)
