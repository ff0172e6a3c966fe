"""What a request's resolvers are given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from strawberry.types import Info as StrawberryInfo

from db.models import Scope
from db.session import AsyncDatabase
from db.statements.visibility import Viewer
from graph.budget import Budget, BudgetState
from graph.cost import Path, TooExpensive
from graph.fetch import Fetcher
from graph.job_queue import JobQueue
from graph.loaders import Loaders


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes the request: what they see (`viewer`) and what they may do (`scopes`; none when signed out)."""

    viewer: Viewer
    scopes: frozenset[Scope] = frozenset()


@dataclass
class Context:
    """One operation's surroundings. `loaders` remember what was read, so each operation, and each event of a
    subscription, has its own.

    `begin_sign_in` makes the address of Strava's authorization page and ties it to this browser; `note_operation` is
    told the operation's name, None for one without. `budget` gets the caller's budget, and `budget_state` is how it
    stands since the operation was charged (`is_charged`). `connection` is the
    HTTP request or WebSocket, `connection_params` the payload of a WebSocket's `connection_init`.
    """

    database: AsyncDatabase
    jobs: JobQueue
    caller: Caller
    request_id: str
    begin_sign_in: Callable[[], str]
    budget: Callable[[], Budget]
    note_operation: Callable[[str | None], None]
    callers_changed: Callable[[], None]
    connection: Any = None
    connection_params: dict[str, object] | None = None
    budget_state: BudgetState | None = None
    is_charged: bool = False
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.forget()

    @property
    def viewer(self) -> Viewer:
        return self.caller.viewer

    async def charge(self, cost: int, path: Path) -> None:
        """Take an operation's cost from the caller's budget. Raises TooExpensive naming `path`, BudgetExhausted."""
        budget = self.budget()
        if cost > budget.operation_limit:
            raise TooExpensive(cost, budget.operation_limit, path)
        if cost > 0:
            self.budget_state = await budget.charge(cost)

    def forget(self) -> None:
        """Begin with fresh loaders: after a write, and for each event of a subscription."""
        self.loaders = Loaders(Fetcher(self.database, self.caller.viewer))


Info = StrawberryInfo[Context, Any]
