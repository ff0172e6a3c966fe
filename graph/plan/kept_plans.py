"""What the planner keeps for an operation, beside its document."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from db.statements.visibility import Audience
from graph.delivery.parts import SplitOperation
from graph.document.operation import Operation
from graph.plan.plan import QueryPlan
from graph.plan.query_tree import QueryTree
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
