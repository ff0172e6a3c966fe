"""What an export has of an athlete, table by table, in pages.

Every table stands either in `EXPORTED` or in `LEFT_OUT`; a test holds that. What an erasure deletes
is in `db/statements/athletes/erasure.py` and in the modules of the rows; `jobs/tasks/disconnect.py`
runs it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Executable,
    Integer,
    Select,
    Table,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)

from db.models import (
    Account,
    Activity,
    ActivityHeartRates,
    ActivityLap,
    ActivityRoute,
    ActivitySplit,
    ActivityStreams,
    ApiToken,
    Athlete,
    Base,
    BestEffort,
    DeletedActivity,
    EventBudget,
    Feedback,
    FormerConnection,
    Gear,
    HeartRateZone,
    ImportedFile,
    ImportEntry,
    Job,
    JobProblem,
    KeptChoice,
    MovedSamples,
    Original,
    PersonalBest,
    StravaConnection,
    StravaEvent,
    SyncBudget,
    SyncProblem,
    Upload,
)
from db.statements.activities.moved_samples import FILE, OF_ACTIVITY, OF_STREAMS

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_MOST = bindparam("most", type_=Integer)
_ACCOUNTS = select(Account.id).where(Account.athlete_id == _ATHLETE_ID)
_CONNECTIONS = select(StravaConnection.id).where(StravaConnection.athlete_id == _ATHLETE_ID)


@dataclass(frozen=True, eq=False)
class ExportedTable:
    """A table with data of athletes. `owned` finds an athlete's rows, None: by `athlete_id`.

    Columns in `secret` are of no use outside of this server, or would give access to it.
    """

    model: type[Base]
    owned: ColumnElement[bool] | None = None
    secret: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return str(self.model.__table__.name)  # type: ignore[attr-defined]

    @property
    def columns(self) -> Sequence[Column[Any]]:
        """The columns that are exported, in the table's order."""
        return [each for each in self._all if each.name not in self.secret]

    @property
    def key(self) -> Sequence[Column[Any]]:
        return [each for each in self._all if each.primary_key]

    @property
    def _all(self) -> Sequence[Column[Any]]:
        table = cast(Table, self.model.__table__)
        return list(table.columns)

    @property
    def condition(self) -> ColumnElement[bool]:
        if self.owned is not None:
            return self.owned
        mine: ColumnElement[bool] = self.model.__table__.c.athlete_id == _ATHLETE_ID
        return mine


def _without(*names: str) -> frozenset[str]:
    return frozenset(names)


ORIGINALS = ExportedTable(Original, secret=_without("content", "place", "packed_bytes"))
"""Their content is in the archive as files."""

EXPORTED = (
    ExportedTable(Athlete, Athlete.id == _ATHLETE_ID, _without("data_version")),
    ExportedTable(Account, secret=_without("session_epoch")),
    ExportedTable(ApiToken, ApiToken.account_id.in_(_ACCOUNTS), _without("secret_sha256")),
    ExportedTable(Feedback, Feedback.account_id.in_(_ACCOUNTS), _without("sender")),
    ExportedTable(
        StravaConnection, secret=_without("access_token", "refresh_token", "refreshing_until")
    ),
    ExportedTable(FormerConnection),
    ExportedTable(StravaEvent, StravaEvent.connection_id.in_(_CONNECTIONS)),
    ExportedTable(SyncBudget),
    ExportedTable(EventBudget),
    ExportedTable(Gear),
    ExportedTable(HeartRateZone),
    ExportedTable(Activity, secret=_without("listed_json")),
    ExportedTable(DeletedActivity),
    ExportedTable(KeptChoice),
    ExportedTable(ActivityLap),
    ExportedTable(ActivitySplit),
    ExportedTable(ActivityHeartRates),
    ExportedTable(ActivityRoute),
    ExportedTable(BestEffort),
    ExportedTable(PersonalBest),
    ExportedTable(Job, secret=_without("checkpoint", "idempotency_key")),
    ExportedTable(JobProblem),
    ExportedTable(ImportEntry),
    ExportedTable(ImportedFile),
    ORIGINALS,
    ExportedTable(SyncProblem),
    ExportedTable(Upload),
)
"""The tables with rows that are written as they are, in this order."""

STREAMS = ExportedTable(ActivityStreams)
"""The table with rows that are written as the samples in them."""

LEFT_OUT: Mapping[str, str] = {
    "activity_stream_levels": "made of activity_streams, which are exported",
    "athlete_changes": "for a week, which of the rows that are exported changed",
    "browser_sessions": "cookies of browsers; says nothing but when each signed in",
    "data_changes": "counters of the whole server",
    "erasures": "receipts without a trace of an athlete",
    "exports": "addresses of archives, of which this is one",
    "idempotency_keys": "keys that programs chose, for a day",
    "moved_samples": "files that hold samples of activity_streams, which are exported",
    "old_ids": "numbers that older links used for rows that are exported",
    "original_removals": "names of files that are being deleted, without an athlete",
    "original_rooms": "the sum of sizes in originals, which are exported",
    "schema_uses": "counters of the whole server",
    "strava_quotas": "counters of the whole server",
    "strava_troubles": "counters of the whole server",
    "used_sign_ins": "digests of sign-ins, without an athlete",
}
"""The other tables, and why."""


def counts() -> Executable:
    """Select how many rows of each table `athlete` has, by table, `recordings` with positions, `files`.

    The latter are the originals again.
    """
    counted = [
        select(func.count())
        .select_from(each.model)
        .where(each.condition)
        .scalar_subquery()
        .label(each.name)
        for each in (*EXPORTED, STREAMS)
    ]
    located = (
        select(func.count())
        .select_from(ActivityStreams)
        .where(STREAMS.condition, ActivityStreams.positions.is_not(None))
    )
    files = select(func.count()).select_from(Original).where(ORIGINALS.condition)
    return select(
        *counted,
        located.scalar_subquery().label("recordings"),
        files.scalar_subquery().label("files"),
    )


@lru_cache
def page(table: ExportedTable, *, is_first: bool) -> Executable:
    """Select the next `most` rows of `athlete`, in the order of the key.

    Unless it is the first page: after the row with the key in the parameters `after_0`, `after_1`,
    …
    """
    return _after(select(*table.columns).where(table.condition), table.key, is_first=is_first)


@lru_cache
def stream_page(*, is_first: bool, with_positions: bool) -> Executable:
    """Select as `page` the samples of activities, with what a recording tells of its activity.

    `with_positions`: only of those that have any.
    """
    statement: Select[*tuple[Any, ...]] = (
        select(
            ActivityStreams.activity_id,
            ActivityStreams.samples,
            ActivityStreams.marks,
            ActivityStreams.positions,
            *(value.label(name) for name, value in FILE.items()),
            Activity.name,
            Activity.sport_type,
            Activity.started_at,
        )
        .join(Activity, OF_ACTIVITY)
        .outerjoin(MovedSamples, OF_STREAMS)
        .where(Activity.athlete_id == _ATHLETE_ID)
    )
    if with_positions:
        statement = statement.where(ActivityStreams.positions.is_not(None))
    return _after(statement, STREAMS.key, is_first=is_first)


@lru_cache
def originals_page(*, is_first: bool) -> Executable:
    """Select as `page` the ids of originals."""
    return _after(select(Original.id).where(ORIGINALS.condition), ORIGINALS.key, is_first=is_first)


def exists() -> Executable:
    """Select whether there is `athlete`."""
    return select(literal_column("1")).where(Athlete.id == _ATHLETE_ID)


def _after(
    statement: Select[*tuple[Any, ...]], key: Sequence[Column[Any]], *, is_first: bool
) -> Executable:
    if not is_first:
        marks = [bindparam(f"after_{n}", type_=each.type) for n, each in enumerate(key)]
        statement = statement.where(tuple_(*key) > tuple_(*marks))
    return statement.order_by(*key).limit(_MOST)
