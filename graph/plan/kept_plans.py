"""What the planner keeps for an operation, beside its document."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from db.snapshot import RowReader
from db.statements.visibility import Audience
from graph.cache.data_versions import DataVersions
from graph.cache.key import CacheKey, SharedSubject, Subject
from graph.context import Caller
from graph.delivery.parts import SplitOperation
from graph.document.operation import Operation, PreparedOperation
from graph.plan.plan import QueryPlan, asked_type
from graph.plan.query_tree import QueryTree, RequestArguments
from runtime.bounded_map import LruMap

_MAX_VARIANTS = 8  # trees, plans and splits of an operation
_MAX_ANSWERS = 4  # introspection answers of an operation

PlanKey = tuple[
    Audience, tuple[Any, ...], tuple[int, ...], tuple[Hashable, ...], tuple[str | None, ...]
]
"""What a plan depends on beyond its operation: audience, values of directives, indexes of root
fields, shapes of arguments and types of ids.
"""


@dataclass(eq=False, slots=True)
class OperationPlans:
    """What is kept for one operation.

    Trees are by the values of directives, splits by these and sizes of lists, answers about the
    schema by the variables. A split that is None: the operation is answered at once.
    """

    trees: LruMap[tuple[Any, ...], QueryTree] = field(default_factory=lambda: LruMap(_MAX_VARIANTS))
    plans: LruMap[PlanKey, QueryPlan] = field(default_factory=lambda: LruMap(_MAX_VARIANTS))
    answers: LruMap[tuple[Any, ...], bytes] = field(default_factory=lambda: LruMap(_MAX_ANSWERS))
    splits: LruMap[tuple[Any, ...], SplitOperation | None] = field(
        default_factory=lambda: LruMap(_MAX_VARIANTS)
    )

    @classmethod
    def of(cls, operation: Operation) -> "OperationPlans":
        """Get what is kept for an operation, made when first asked for."""
        if operation.derived is None:
            operation.derived = cls()
        kept: OperationPlans = operation.derived
        return kept

    @property
    def bytes(self) -> int:
        """Approximate size."""
        trees = sum([each.bytes for each in self.trees.values()])
        plans = sum([each.bytes for each in self.plans.values()])
        answers = sum([len(answer) + len(repr(key)) for key, answer in self.answers.items()])
        splits = sum([each.bytes for each in self.splits.values() if each is not None])
        return trees + plans + answers + splits


class KnownRoot(NamedTuple):
    """A root field whose answer is known: its JSON, or the key that the cache has it by."""

    name: bytes
    json: bytes | None
    key: CacheKey | None = None
    subject: Subject = SharedSubject.NO_ATHLETE
    lifetime_s: float = 0.0


class ReadSource(NamedTuple):
    """Where a query is read. The versions are those of the rows, which must not be older."""

    versions: DataVersions
    rows: RowReader


class ReadyQuery(NamedTuple):
    """A plan for the root fields of a query at some indexes, and the arguments of a request."""

    tree: QueryTree
    asked: RequestArguments
    plan: QueryPlan
    indexes: tuple[int, ...]


def plan_key(
    caller: Caller, prepared: PreparedOperation, asked: RequestArguments, indexes: tuple[int, ...]
) -> PlanKey:
    """Make the key of the plan for root fields at some indexes. Raises CallerError, NotPlanned."""
    directives = prepared.operation.directives(prepared.variables)
    shapes = tuple([each.shape for each in asked.arguments.values()])
    types = tuple([asked_type(field, values) for field, values in asked.roots.items()])
    return caller.viewer.audience, directives, indexes, shapes, types
