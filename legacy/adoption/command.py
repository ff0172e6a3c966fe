"""The command `pacegraph adopt`: its options, its steps and its output."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

import logs
from db.encryption import KeyRing
from db.errors import DatabaseError, TransactionConflict
from db.models import JobKind, JobStatus
from db.session import SyncDatabase
from db.statements.jobs import job
from db.transaction_runner import ATTEMPTS, LOCK_NOT_AVAILABLE, TransactionRunner
from legacy.adoption import ledger
from legacy.adoption.batch import Adopter
from legacy.adoption.erasure import create_function
from legacy.adoption.old_table import OldTable, by_kind, old_tables
from legacy.adoption.report import dry_run_report, report
from legacy.adoption.undo import undo
from legacy.adoption.verification import lines_of, verify
from legacy.adoption.walk import NotFinished, TableWalk
from settings import InvalidSettings, Settings

_NO_PRIVILEGE = "42501"
_STILL_LOCKED = (
    f"another transaction held a table of the older service for more than {ATTEMPTS} s "
    "(pg_stat_activity and pg_blocking_pids() tell which): end it, and run this again, which goes "
    "on where it stopped"
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AdoptionOptions:
    """Options of the command line; at most one flag is true.

    `naive_zone` None means the zone of the run before, or UTC.
    """

    batch_size: int = 500
    naive_zone: str | None = None
    dry_run: bool = False
    rescan: bool = False
    finish: bool = False
    verify: bool = False
    undo: bool = False


class NothingToAdopt(Exception):
    """The database is not ready for an adoption. The message says what to do."""


def adopt(settings: Settings, wanted: AdoptionOptions) -> int:
    """Run the command. Returns 0, or 1 on failure or if `--verify` finds a difference."""
    settings.require("database_url", "token_encryption_keys")
    if wanted.batch_size < 1:
        raise InvalidSettings("--batch-size: must be 1 or more")
    if wanted.naive_zone and wanted.naive_zone not in available_timezones():
        raise InvalidSettings("--naive-times: must be an IANA time zone, as UTC or Europe/Lisbon")
    # Rows per step and lock_timeout bound a step, so statements need no timeout.
    unbounded = settings.past_pooler().model_copy(update={"database_statement_timeout_ms": 0})
    database = SyncDatabase(unbounded, application_name="pacegraph-adopt")
    try:
        return _AdoptionRun(database, settings, wanted).run()
    except (DatabaseError, NothingToAdopt, NotFinished) as error:
        is_locked = isinstance(error, TransactionConflict) and error.sqlstate == LOCK_NOT_AVAILABLE
        logs.tell(_STILL_LOCKED if is_locked else str(error))
        return 1
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _NO_PRIVILEGE:
            raise
        logs.tell(f"{error.orig}: the role of DATABASE_URL must own the older service's tables")
        return 1
    finally:
        database.close()


class _AdoptionRun:
    def __init__(self, database: SyncDatabase, settings: Settings, wanted: AdoptionOptions) -> None:
        self._settings = settings
        self._wanted = wanted
        self._transactions = TransactionRunner(database)

    def run(self) -> int:
        tables, begun, zone_before = self._transactions.read(_state_of)
        zone = self._wanted.naive_zone or zone_before or "UTC"
        adopter = Adopter(
            by_kind(tables), KeyRing(self._settings.token_encryption_keys), ZoneInfo(zone)
        )
        if self._wanted.dry_run:
            print_lines(
                self._transactions.read(partial(dry_run_report, adopter=adopter, tables=tables))
            )
            return 0
        if self._wanted.verify or self._wanted.undo:
            if not begun:
                raise NothingToAdopt("nothing was adopted here: run `pacegraph adopt` first")
            return self._verify(adopter) if self._wanted.verify else self._undo(adopter)
        return self._adopt(adopter, tables, zone)

    def _adopt(self, adopter: Adopter, tables: list[OldTable], zone: str) -> int:
        copy = TableWalk(self._transactions, adopter, self._wanted.batch_size)
        self._transactions.write(ledger.prepare)
        self._transactions.write(lambda connection: ledger.set_naive_zone(connection, zone))
        self._transactions.write(partial(create_function, tables=by_kind(tables)))
        copy.run(rescan=self._wanted.rescan)
        if self._wanted.finish:
            copy.finish()
        self._recalculate()
        print_lines(self._transactions.read(partial(report, adopter=adopter, tables=tables)))
        return 0

    def _verify(self, adopter: Adopter) -> int:
        days = self._settings.feedback_retention_days
        verdict = self._transactions.read(partial(verify, adopter=adopter, feedback_days=days))
        print_lines(lines_of(verdict))
        return 1 if verdict.number else 0

    def _undo(self, adopter: Adopter) -> int:
        print_lines(undo(self._transactions, adopter, self._wanted.batch_size))
        left = self._transactions.read(ledger.exists)
        self._recalculate(is_undone=not left)  # joined athletes lost activities
        if left:
            print_lines(
                ["what is left keeps its old ids in legacy.ids, so adopting again finds it"]
            )
        return 0

    def _recalculate(self, *, is_undone: bool = False) -> None:
        """Create or find the job that derives efforts and bests, if activities changed."""
        job_id, status = self._transactions.write(
            _new_recalculation if is_undone else _recalculation
        )
        if job_id is None:
            return
        if status == JobStatus.RUNNING:
            print_lines([_running_job_line(job_id, is_undone=is_undone)])
            return
        line = f"job {job_id} recalculates best efforts and personal bests"
        print_lines([f"{line} (`pacegraph worker` runs it)"])
        if self._settings.redis_url is not None:
            from jobs.enqueue import enqueue
            from runtime.redis_clients import redis_client

            with redis_client(self._settings) as redis:
                enqueue(redis, job_id)


def _running_job_line(job_id: int, *, is_undone: bool) -> str:
    """Say that a running job may miss changes, and how to start the next one."""
    then = (
        "an administrator asks for `recalculatePersonalBests(input: {})`"
        if is_undone
        else "run `pacegraph adopt`"
    )
    return (
        f"job {job_id} recalculates personal bests since before this: once it has ended, {then}, "
        "because its result may be stale"
    )


def _recalculation(connection: Connection) -> tuple[int | None, str | None]:
    """Create the requested job for all athletes, or find the active one. Returns id and status."""
    ledger.lock_adoption(connection)
    if not ledger.recalculation_is_requested(connection):
        return None, None
    job_id, status = _new_recalculation(connection)
    # A running job may have passed the athletes that changed.
    if job_id is not None and status != JobStatus.RUNNING:
        ledger.request_recalculation(connection, wanted=False)
    return job_id, status


def _new_recalculation(connection: Connection) -> tuple[int | None, str | None]:
    """Create the job, or find the active one, whether it is requested or not."""
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


def _state_of(connection: Connection) -> tuple[list[OldTable], bool, str | None]:
    """Find the old tables, whether an adoption has begun, and the zone of the run before.

    Raises NothingToAdopt.
    """
    tables = _tables_of(connection)
    begun = ledger.exists(connection)
    return tables, begun, ledger.naive_zone(connection) if begun else None


def _tables_of(connection: Connection) -> list[OldTable]:
    """Find the old tables. Raises NothingToAdopt."""
    if connection.execute(text("SELECT to_regclass('public.athletes') IS NULL")).scalar_one():
        raise NothingToAdopt("pacegraph's tables are not there: run `pacegraph migrate` first")
    tables = old_tables(connection)
    found = by_kind(tables)
    missing = [kind for kind in ("athlete", "activity") if kind not in found]
    if missing:
        raise NothingToAdopt(
            f"the older service's table {missing[0]!r} (with a primary key of one column) is "
            "neither in schema public nor in legacy: restore its dump into this database"
        )
    return tables


def print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
