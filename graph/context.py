"""What a request's resolvers are given."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from strawberry.types import Info as StrawberryInfo

from db.models import Scope
from db.session import AsyncDatabase
from db.statements.visibility import Viewer
from flags.switches import ALL_ON, Switches
from graph.budget import Budget
from graph.fetch import Fetcher
from graph.job_queue import JobQueue
from graph.loaders import Loaders

if TYPE_CHECKING:
    from graph.charge import Charge
    from graph.documents import Document
    from graph.execution import Executor


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes the request: what they see (`viewer`) and what they may do (`scopes`; none when signed out).

    `token_id` is the API token's, None for a session; `works_until` is when token or session ends, None for never.
    """

    viewer: Viewer
    scopes: frozenset[Scope] = frozenset()
    token_id: int | None = None
    works_until: datetime | None = None


@dataclass
class Context:
    """One operation's surroundings. `loaders` remember what was read, so each operation, and each event of a
    subscription, has its own.

    `begin_sign_in` makes the address of Strava's authorization page and ties it to this browser; `note_operation` is
    told the operation's name, None for one without. `budget` gets the caller's budget, and `charge` is what the
    operation was charged, once it is. `document` is the operation's, where it was read already.
    `switches` say what is switched on for the caller; `renew` gets the caller and the switches as they are now, for
    operations that go on: None where they stay.
    """

    database: AsyncDatabase
    jobs: JobQueue
    caller: Caller
    request_id: str
    begin_sign_in: Callable[[], str]
    budget: Callable[[], Budget]
    note_operation: Callable[[str | None], None]
    callers_changed: Callable[[], None]
    executor: "Executor"
    switches: Switches = ALL_ON
    renew: Callable[[], tuple[Caller, Switches]] | None = None
    document: "Document | None" = None
    charge: "Charge | None" = None
    _loaders: Loaders | None = None

    @property
    def loaders(self) -> Loaders:
        """Made when first needed: a query that has a plan needs none."""
        if self._loaders is None:
            self._loaders = Loaders(Fetcher(self.database, self.caller.viewer))
        return self._loaders

    @property
    def viewer(self) -> Viewer:
        return self.caller.viewer

    def forget(self) -> None:
        """Begin with fresh loaders: after a write, and for each event of a subscription."""
        self._loaders = None
        if self.renew is not None:
            self.caller, self.switches = self.renew()


Info = StrawberryInfo[Context, Any]
