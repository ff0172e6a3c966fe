"""`pacegraph adopt`: what it is asked for, and what it prints."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

import logs
from db.encryption import KeyRing
from db.errors import DatabaseError
from db.models import JobKind, JobStatus
from db.session import SyncDatabase
from db.statements import job
from legacy.adoption import bookkeeping
from legacy.adoption.adopting import Adopter
from legacy.adoption.copying import Copy, NotFinished
from legacy.adoption.old_table import OldTable, by_kind, old_tables
from legacy.adoption.reporting import rehearse, report
from legacy.adoption.steps import Steps
from legacy.adoption.undoing import undo
from legacy.adoption.verifying import lines_of, verify
from settings import InvalidSettings, Settings

__all__ = ["Wanted", "adopt"]

_NO_PRIVILEGE = "42501"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for; one of the flags at most. `naive_zone` None: as before, or UTC."""

    batch_size: int = 500
    naive_zone: str | None = None
    dry_run: bool = False
    rescan: bool = False
    finish: bool = False
    verify: bool = False
    undo: bool = False


class NothingToAdopt(Exception):  # noqa: N818
    """The database is not ready; the message says what to do."""


def adopt(settings: Settings, wanted: Wanted) -> int:
    """Do it; 0 is success, 1 is failure, a difference of `--verify` included."""
    settings.require("database_url", "token_encryption_keys")
    if wanted.batch_size < 1:
        raise InvalidSettings("--batch-size: must be 1 or more")
    if wanted.naive_zone and wanted.naive_zone not in available_timezones():
        raise InvalidSettings("--naive-times: must be an IANA time zone, as UTC or Europe/Lisbon")
    # A step is bounded by its rows, and by its lock_timeout.
    unbounded = settings.model_copy(update={"database_statement_timeout_ms": 0})
    database = SyncDatabase(unbounded, application_name="pacegraph-adopt")
    try:
        return _Adoption(database, settings, wanted).run()
    except (DatabaseError, NothingToAdopt, NotFinished) as error:
        logs.tell(str(error))
        return 1
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _NO_PRIVILEGE:
            raise
        logs.tell(f"{error.orig}: DATABASE_URL has to name a role that owns the older service's tables")
        return 1
    finally:
        database.close()


class _Adoption:
    def __init__(self, database: SyncDatabase, settings: Settings, wanted: Wanted) -> None:
        self._database = database
        self._settings = settings
        self._wanted = wanted
        self._steps = Steps(database)

    def run(self) -> int:
        with self._database.read() as connection:
            tables = _tables_of(connection)
            begun = bookkeeping.exists(connection)
            zone = self._wanted.naive_zone or (bookkeeping.naive_zone(connection) if begun else None) or "UTC"
        adopter = Adopter(by_kind(tables), KeyRing(self._settings.token_encryption_keys), ZoneInfo(zone))
        if self._wanted.dry_run:
            with self._snapshot() as connection:
                print_lines(rehearse(connection, adopter, tables))
            return 0
        if self._wanted.verify or self._wanted.undo:
            if not begun:
                raise NothingToAdopt("nothing was adopted here: run `pacegraph adopt` first")
            return self._verify(adopter) if self._wanted.verify else self._undo(adopter)
        return self._adopt(adopter, tables, zone)

    def _adopt(self, adopter: Adopter, tables: list[OldTable], zone: str) -> int:
        copy = Copy(self._steps, adopter, self._wanted.batch_size)
        self._steps.take(bookkeeping.prepare)
        self._steps.take(lambda connection: bookkeeping.set_naive_zone(connection, zone))
        copy.run(rescan=self._wanted.rescan)
        if self._wanted.finish:
            copy.finish()
        self._recalculate()
        with self._snapshot() as connection:
            print_lines(report(connection, adopter, tables))
        return 0

    def _verify(self, adopter: Adopter) -> int:
        with self._snapshot() as connection:
            verdict = verify(connection, adopter)
        print_lines(lines_of(verdict))
        return 1 if verdict.number else 0

    def _undo(self, adopter: Adopter) -> int:
        print_lines(undo(self._steps, adopter, self._wanted.batch_size))
        with self._database.read() as connection:
            left = bookkeeping.exists(connection)
        self._recalculate(is_undone=not left)  # athletes who were joined lost activities
        if left:
            print_lines(["what is left keeps its old ids in legacy.ids: adopting again meets it there"])
        return 0

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        with self._database.read() as connection:
            yield connection.execution_options(isolation_level="REPEATABLE READ")

    def _recalculate(self, *, is_undone: bool = False) -> None:
        """Have a worker derive efforts and bests, where activities changed."""
        job_id, status = self._steps.take(_new_recalculation if is_undone else _recalculation)
        if job_id is None:
            return
        if status == JobStatus.RUNNING:
            print_lines([_recalculates_already(job_id, is_undone=is_undone)])
            return
        print_lines([f"job {job_id} recalculates best efforts and personal bests (`pacegraph worker` runs it)"])
        if self._settings.redis_url is not None:
            from jobs.enqueue import connect, enqueue

            with connect(self._settings) as redis:
                enqueue(redis, job_id)


def _recalculates_already(job_id: int, *, is_undone: bool) -> str:
    """A running job may be past athletes who changed; the next adoption asks again, after an undo somebody has to."""
    then = "an administrator asks for `recalculatePersonalBests(input: {})`" if is_undone else "run `pacegraph adopt`"
    return f"job {job_id} recalculates personal bests since before this: once it has ended, {then}, for it may be stale"


def _recalculation(connection: Connection) -> tuple[int | None, str | None]:
    """Write a job for all athletes if one is wanted, or find the one in its way; its id and status."""
    bookkeeping.take_turn(connection)
    if not bookkeeping.recalculation_is_wanted(connection):
        return None, None
    job_id, status = _new_recalculation(connection)
    # One that runs may be past the athletes that changed.
    if job_id is not None and status != JobStatus.RUNNING:
        bookkeeping.want_recalculation(connection, wanted=False)
    return job_id, status


def _new_recalculation(connection: Connection) -> tuple[int | None, str | None]:
    """As `_recalculation`, whether it is wanted or not."""
    values: dict[str, Any] = {
        "athlete": None,
        "account": None,
        "job_kind": JobKind.PERSONAL_BESTS,
        "job_arguments": {},
        "key": None,
    }
    row = connection.execute(job.create(), values).one_or_none()
    row = row or connection.execute(job.existing(), values).one_or_none()
    return (None, None) if row is None else (row.id, row.status)


def _tables_of(connection: Connection) -> list[OldTable]:
    """The old tables. Raises NothingToAdopt."""
    if connection.execute(text("SELECT to_regclass('public.athletes') IS NULL")).scalar_one():
        raise NothingToAdopt("pacegraph's tables are not there: run `pacegraph migrate` first")
    tables = old_tables(connection)
    found = by_kind(tables)
    missing = [kind for kind in ("athlete", "activity") if kind not in found]
    if missing:
        raise NothingToAdopt(
            f"the older service's table {missing[0]!r} (with a primary key of one column) is neither in schema public "
            "nor in legacy: restore its dump into this database"
        )
    return tables


def print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
