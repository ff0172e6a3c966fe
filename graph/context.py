"""What a request's resolvers are given."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from strawberry.types import Info as StrawberryInfo

from db.models import Scope
from db.moved_samples import PackedSamples, SamplesFile
from db.session import AsyncDatabase
from db.statements.visibility import Viewer
from flags.switches import ALL_ON, Switches
from graph.cost.budget import Budget
from graph.cost.charge import Charge
from graph.document.operation import Document, Operation, PreparedOperation
from graph.errors import SIGN_IN, AnswerTooLong
from graph.job_interface import JobFeeds, JobQueue
from graph.mapping.batch_queries import BatchQueries
from graph.mapping.loaders import Loaders
from runtime.loop_turns import LoopTurns
from runtime.work_meter import WorkMeter


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller: what they see (`viewer`) and what they may do (`scopes`; none when signed out).

    `token_id` is the API token's, None for a session. `works_until` is when token or session ends,
    None for never.
    """

    viewer: Viewer
    scopes: frozenset[Scope] = frozenset()
    token_id: int | None = None
    works_until: datetime | None = None


class Client(NamedTuple):
    """What a program says it is; empty where it says nothing."""

    name: str = ""
    version: str = ""


NOBODY = Client()


@dataclass(frozen=True, slots=True)
class UploadRules:
    """How much may be staged, and `url_of`: the address of an upload's id until a moment."""

    max_bytes: int
    all_max_bytes: int
    per_athlete: int
    lifetime_s: float
    url_of: Callable[[int, datetime], str]


@dataclass(frozen=True, slots=True)
class WriteRules:
    """What mutations have to know of the caller and the settings.

    `sender` names the caller in the database: an account, or an address by a keyed digest. A sync
    budget of 0 requests is no limit. `count_export` counts an archive of an athlete, or tells when one
    may be started; None: no limit.
    """

    sender: str
    idempotency_key_lifetime_s: float
    feedback_per_caller: int
    feedback_max: int
    uploads: UploadRules
    sync_budget_requests: int
    sync_budget_refill_per_h: float
    count_export: Callable[[int], Awaitable[datetime | None]] | None


class OriginalFiles(Protocol):
    """The files that recordings were read from, seen from the schema."""

    @property
    def link_parameters(self) -> Mapping[str, Any]:
        """Values of the parameters of `db.statements.files.original.download_url`."""

    def remove(self, place: str, original_id: int) -> None:
        """Delete the file of an original, which takes a while. Raises OriginalUnreachable."""

    async def samples(self, file: SamplesFile) -> PackedSamples:
        """Fetch samples from where originals are. Raises SamplesUnavailable, CorruptStreams."""


class OperationSteps(Protocol):
    """The steps around an operation that runs on graphql-core."""

    async def read(self, context: "Context", text: str) -> Document:
        """Get a document, valid or not. Raises BudgetExhausted, TooBusy."""

    async def admit(self, context: "Context", prepared: PreparedOperation) -> Charge:
        """Charge an operation before it runs. Raises CallerError."""

    def settle(self, context: "Context", operation: Operation, data: Any) -> None:
        """Settle the charge by what the operation returned and what it took."""


@dataclass
class Context:
    """The context of one operation.

    `loaders` remember what was read, so each operation, and each event of a subscription, has its
    own.

    `caller_key` names the account that the operation counts for, or the address when signed out.
    `begin_sign_in` makes the address of Strava's authorization page and ties it to this browser,
    which goes on to the given address, or to the usual one.
    `record_operation` takes the operation's name, None for one without. `budget` gets the caller's
    budget, and `charge` is set once the operation was charged. `document` is the operation's, if it
    was read already. `switches` say what is switched on for the caller. `renew` gets the caller and
    the switches as they are now, for operations that go on; None where they stay. The sender of a
    subscription's events sets `is_event_lost` when an event lacks data because the database was
    busy or away. The subscription then repeats the event. `unread_credential` gets the name of a
    header that seems to have a signed-out caller's credential, but is not read. `database_work` meters the operation's
    time in the database. `strava_quota` reads Strava's quota (`graph/types/strava_quota.py`), and
    raises DatabaseError; None where there is no application. `last_event_id` is the event after which
    a client goes on, and a subscription sets `event_id` to that of its present event; None for events
    without. `points` are those of streams that resolvers have returned, without one for each object;
    they are part of the cost, and `reading` is what reading the document cost. `client` is the
    program that asks. No answer, and no part of one, has more than `answer_max_bytes`. `turns` are
    those of graphql-core in the event loop.
    """

    database: AsyncDatabase
    jobs: JobQueue
    job_feeds: JobFeeds
    caller: Caller
    request_id: str
    begin_sign_in: Callable[[str | None], str]
    budget: Callable[[], Budget]
    record_operation: Callable[[str | None], None]
    callers_changed: Callable[[], None]
    write_rules: Callable[[], WriteRules]
    executor: OperationSteps
    originals: OriginalFiles
    caller_key: str = ""
    strava_quota: Callable[[], Awaitable[Any]] | None = None
    switches: Switches = ALL_ON
    renew: Callable[[], tuple[Caller, Switches]] | None = None
    document: Document | None = None
    charge: Charge | None = None
    last_event_id: str | None = None
    event_id: str | None = None
    is_event_lost: bool = False
    unread_credential: Callable[[], str | None] | None = None
    database_work: WorkMeter = field(default_factory=WorkMeter)
    points: int = 0
    reading: int = 0
    client: Client = NOBODY
    answer_max_bytes: int = 12 * 2**20
    is_in_parts: bool = False
    _turns: LoopTurns | None = None
    _loaders: Loaders | None = None

    @property
    def turns(self) -> LoopTurns:
        """The turns, made when first needed: most operations and subscriptions take none."""
        if self._turns is None:
            self._turns = LoopTurns()
        return self._turns

    @property
    def loaders(self) -> Loaders:
        """The loaders, made when first needed: a planned query needs none."""
        if self._loaders is None:
            self._loaders = Loaders(
                BatchQueries(self.database, self.caller.viewer, self.originals.link_parameters),
                self.turns,
            )
        return self._loaders

    @property
    def how_to_sign_in(self) -> str:
        """What to tell a signed-out caller."""
        name = self.unread_credential and self.unread_credential()
        return f"`{name}` is not read. {SIGN_IN}" if name else SIGN_IN

    @property
    def viewer(self) -> Viewer:
        return self.caller.viewer

    def check_size(self, body: bytes) -> None:
        """Raise AnswerTooLong if an answer has more bytes than it may have."""
        if len(body) > self.answer_max_bytes:
            raise AnswerTooLong(self.answer_max_bytes)

    def forget(self) -> None:
        """Start with new loaders: after a write, and for each event of a subscription."""
        self._loaders, self.is_event_lost = None, False
        if self.renew is not None:
            self.caller, self.switches = self.renew()


Info = StrawberryInfo[Context, Any]
