"""A request to run an operation, and its result."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from db.errors import DatabaseError
from graph.cost.budget import BudgetState
from graph.cost.charge import Charge
from graph.errors import CallerError


@dataclass(slots=True)
class OperationRequest:
    """A request to run an operation.

    `is_safe_only`: only a query may run. `is_dry_run`: only the cost is wanted. `is_explained`: an
    administrator wants the statement and its plan instead of the answer. `size` is how many bytes
    reading its JSON counts as, `weight` about how many it takes in memory.
    """

    text: str
    variables: Mapping[str, Any] | None = None
    operation_name: str | None = None
    is_safe_only: bool = False
    is_dry_run: bool = False
    size: int = 0
    weight: int = 0
    is_explained: bool = False

    def __post_init__(self) -> None:
        self.operation_name = self.operation_name or None  # some clients send an empty one


class FailedFetch(NamedTuple):
    """An operation that was charged and fetched, and failed as it would again (`graph/at_hand.py`)."""

    name: str | None
    charge: Charge
    error: CallerError | DatabaseError | TimeoutError


@dataclass(slots=True)
class OperationResult:
    """The result of an operation. `body` is the response's JSON.

    `is_executed` is False where the body has no `data`; `code` is that of its first error then, and
    None otherwise. `has_errors` tells that an operation that ran has errors beside its data.
    `status` is the HTTP status where `code` does not say it, `retry_after_s` goes with it.
    `public_s` is for how many seconds shared caches may keep it, None where it is the caller's own,
    and `age_s` how old it is already. `has_next`: it is a part of the answer, and others follow.
    """

    body: bytes
    is_executed: bool = True
    status: int | None = None
    retry_after_s: int | None = None
    budget: BudgetState | None = None
    public_s: int | None = None
    age_s: int = 0
    is_query: bool = False
    code: str | None = None
    has_errors: bool = False
    has_next: bool = False
