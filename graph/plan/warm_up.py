"""What a process does once before its first plan, and each new connection before it is used.

The first plan of a process takes 20 times what the next ones take: SQLAlchemy and Strawberry look at
their declarations when these are first used. Nobody pays for that, and the event loop does not wait.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextvars import Context as Variables
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from graphql import parse

from db.models.base import FIRST_RANDOM_ID
from db.new_connections import WarmStatement
from db.statements.data_version import OF_ATHLETES_AND_ALL
from db.statements.visibility import Viewer
from graph.context import Caller
from graph.document.limits import DocumentLimits
from graph.document.operation import Document
from graph.document.validation import ValidationResult
from graph.global_id import encode_id
from graph.plan.plan import compile_plan
from graph.plan.query_tree import QueryTree
from graph.schema.build import Schema
from runtime.work_meter import WorkMeter

_ACTIVITY = encode_id("Activity", FIRST_RANDOM_ID)
_ATHLETE = encode_id("Athlete", FIRST_RANDOM_ID)
_QUERIES = (
    f"""{{ activity(id: "{_ACTIVITY}") {{
        id name startedAt athlete {{ id displayName }} bestEfforts {{ distance elapsedTimeSeconds }} }} }}""",
    f"""{{ athlete(id: "{_ATHLETE}") {{
        id personalBests {{ distance }} activities(first: 1) {{ totalCount nodes {{ id name }} }} }} }}""",
    """{ activities(first: 1, filter: { nameContains: "no such title" }) { nodes { id } } }""",
)
"""Queries that find nothing. Their statements read the tables that clients ask for most."""
_VIEWER = Viewer(account_id=0, athlete_id=0, sharing=True)
"""Whose statements ask for most: what others may see of a row, too."""
_CALLER = Caller(_VIEWER)
_MOST = 2**31
_NO_LIMITS = DocumentLimits(_MOST, _MOST, _MOST, _MOST, _MOST, _MOST, suggests_names=False)
_VERSIONS = WarmStatement(OF_ATHLETES_AND_ALL, ([], True))

logger = logging.getLogger(__name__)


class WarmUp:
    """The warm-up of one process."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._making: asyncio.Task[Sequence[WarmStatement]] | None = None

    async def statements(self) -> Sequence[WarmStatement]:
        """Warm this process up, once, and get what new connections are to run."""
        if self._making is None:
            made = asyncio.to_thread(self._make)
            # it belongs to no single request
            loop = asyncio.get_running_loop()
            self._making = loop.create_task(made, context=Variables())
        return await asyncio.shield(self._making)

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._making is not None:
            await asyncio.wait([self._making])

    def _make(self) -> Sequence[WarmStatement]:
        try:
            return _statements(self._schema)
        except Exception:
            # the first plans and connections are only slower, but the warm-up needs mending
            logger.exception("the warm-up failed")
            return ()


@cache
def _statements(schema: Schema) -> Sequence[WarmStatement]:
    return (_VERSIONS, *(_compiled(schema, text) for text in _QUERIES))


def _compiled(schema: Schema, text: str) -> WarmStatement:
    read = ValidationResult(parse(text), (), tokens=0)
    operation = Document(read, schema.costs, _NO_LIMITS, text).operation(None)
    assert operation is not None
    prepared = operation.prepare({})
    assert not isinstance(prepared, list)
    tree, asker = QueryTree.from_operation(schema, operation, prepared.variables), _Asker()
    asked = tree.read(prepared.variables)
    plan = compile_plan(asker, tree, asked, range(len(tree.roots)))
    assert plan.statement is not None
    return WarmStatement(plan.statement.text, plan.values(asked, asker))


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who asks, as plans need it."""

    viewer: Viewer = _VIEWER
    caller: Caller = _CALLER
    answer_max_bytes: int = 2**20
    database_work: WorkMeter = field(default_factory=WorkMeter)
    link_parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def originals(self) -> "_Asker":
        return self
