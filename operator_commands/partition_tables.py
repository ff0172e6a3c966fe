"""`pacegraph partition-tables`: puts tables in partitions by a hash of the athlete, or back in one table each.

Others read and write meanwhile. Each step is a transaction, and what is there tells the next one: a
command that was killed goes on where it was (`db/statements/server/partitions.py`).
"""

import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import partial
from typing import Any

from alembic.util import CommandError
from sqlalchemy import Connection, Executable, Table

from db.errors import DatabaseError
from db.session import SyncDatabase
from db.statements.server import backup
from db.statements.server import partitions as statements
from db.statements.server.partition_shape import GROUPS, NEXT, TABLES, linked
from db.transaction_runner import TransactionRunner
from logs import tell
from operator_commands.backups.backup import unbounded
from operator_commands.revisions import missing_revisions
from settings import Settings

_AT_ONCE = 200
_PAUSE_S = 1.0
"""After a pass over a table in which others held rows."""
_MOST_IN_VAIN = 120
"""Passes in a row that copy nothing, although rows are missing."""
_KEYS_UNCHECKED_SINCE = 18_00_00
"""The PostgreSQL that adds foreign keys of tables in partitions without a look at all rows."""
_States = dict[str, Any]
"""The rows of `statements.states`, by the name of the table."""


class NotNow(Exception):
    """What stands in the way of the command, as a sentence."""


def partition_tables(settings: Settings, options: Namespace) -> int:
    """Run the command. Returns 1 if it is not done. Raises InvalidSettings."""
    settings.require("database_url")
    try:
        with _transactions(settings) as transactions:
            if options.cancel and not options.dry_run:
                transactions.write(partial(_change, statements.cancel()))
                print("what was begun is dropped; the tables are as before")
            elif options.status or options.cancel:
                _tell_state(_states(transactions))
            else:
                _partition(transactions, options)
    except NotNow as reason:
        tell(str(reason))
        return 1
    except DatabaseError as error:
        tell(f"not done yet; run it again to go on, or with --cancel: {error}")
        return 1
    return 0


def _partition(transactions: TransactionRunner, options: Namespace) -> None:
    groups = [options.only] if options.only else list(GROUPS)
    if options.partitions == 1:
        groups.reverse()  # as before PostgreSQL 18 those that refer must
    ways = [Partitioning(transactions, each, options.partitions) for each in groups]
    if not options.dry_run:
        for each in ways:
            each.check()
        transactions.write(partial(_change, statements.drop_former(TABLES)))
        for each in ways:
            each.run()
        return
    states = _states(transactions)
    _tell_state(states)
    for each in ways:
        each.tell_plan(states)


def are_partitioned(settings: Settings) -> bool:
    """Tell whether any table is in partitions, or on the way. Raises DatabaseError."""
    with _transactions(settings) as transactions:
        states = _states(transactions)
    return any(state.partitions or _is_beside(state) for state in states.values())


def unfinished(connection: Connection) -> str | None:
    """Tell of the first table that is on its way, and how to end that; None: there is none."""
    states = _read_states(connection)
    for group, tables in GROUPS.items():
        for table in tables:
            now, following, former = (
                states[table.name + each] for each in ("", NEXT, statements.FORMER)
            )
            if not (following.is_there or former.is_there):
                continue
            there, shape, or_else = (
                (following.name, following, ", or give it up with --cancel")
                if following.is_there
                else (former.name, now, "")
            )
            return (
                f"{there} is there: partition-tables was not done. Finish it first: pacegraph "
                f"partition-tables --partitions {_partitions(shape)} --only {group}{or_else}"
            )
    return None


def give_up(settings: Settings) -> None:
    """Drop what was begun, and former tables; waits for a migration. Raises DatabaseError."""
    with _transactions(settings) as transactions:
        if any(map(_is_beside, _states(transactions).values())):
            steps = [*statements.cancel(), *statements.drop_former(TABLES)]
            # A migration is refused while they are there, so it is over soon.
            in_turn = [statements.wait_briefly(), statements.lock_in_turn(), *steps]
            transactions.write(partial(_execute, in_turn))


def held_by(table: str, in_partitions: AbstractSet[str], server_version: int) -> str | None:
    """Tell why a table cannot move yet, to which the tables `in_partitions` refer; None: it can.

    `server_version` is PostgreSQL's `server_version_num`.
    """
    if server_version >= _KEYS_UNCHECKED_SINCE or not in_partitions:
        return None
    if made := sorted(each for each in in_partitions if not each.endswith(NEXT)):
        return (
            f"before PostgreSQL 18 {table} must go before {', '.join(made)}: "
            "put these back with --partitions 1 first"
        )
    return (
        f"before PostgreSQL 18 {table} must go before {', '.join(sorted(in_partitions))}: "
        "give these up with --cancel first"
    )


@contextmanager
def _transactions(settings: Settings) -> Iterator[TransactionRunner]:
    database = SyncDatabase(unbounded(settings), application_name="pacegraph-partition-tables")
    try:
        yield TransactionRunner(database)
    finally:
        database.close()


def _is_beside(state: Any) -> bool:
    is_beside: bool = state.name.endswith((NEXT, statements.FORMER))
    return is_beside and state.is_there is True


class Partitioning:
    """The way of a group of tables into so many `partitions`; 1: one table each."""

    def __init__(self, transactions: TransactionRunner, group: str, partitions: int) -> None:
        self._transactions, self._wanted = transactions, partitions
        self._group = GROUPS[group]
        self._copied = 0

    def check(self) -> None:
        """Look whether it can be gone. Raises NotNow, DatabaseError."""
        states = _states(self._transactions)
        self._check(states)
        if self._now(states) != self._wanted:
            self._check_migrations(states)
            for table in self._group:
                self._transactions.read(partial(self._refuse, table))

    def run(self) -> None:
        """Go it. Raises NotNow, DatabaseError."""
        # All change places in one transaction.
        if (now := self._now(_states(self._transactions))) != self._wanted:
            for table in self._group:
                self._fill(table, now)
            for table in self._group:
                self._transactions.write(partial(_change, [statements.analyze(table)]))
            self._transactions.write(self._take_place)
            self._drop_former()
            if self._now(_states(self._transactions)) != self._wanted:
                raise NotNow("somebody gave it up meanwhile with --cancel: run it again")
        for table in self._group:
            self._check_references(table)
        print(f"{', '.join(table.name for table in self._group)}: {_many(self._wanted)}")

    def tell_plan(self, states: _States) -> None:
        """Tell what it takes. Raises NotNow, DatabaseError."""
        self._check(states)
        named = ", ".join(table.name for table in self._group)
        if self._now(states) == self._wanted:
            print(f"{named}: nothing is to be done")
            return
        self._check_migrations(states)
        size = sum(states[table.name].bytes for table in self._group)
        print(
            f"{named} would be copied into {_many(self._wanted)}, which takes {_megabytes(size)} "
            "more until the former tables are dropped"
        )
        for table in self._group:
            for each in self._transactions.read(partial(_obstacles, table)):
                print(f"in the way: {each} of {table.name}")

    def _now(self, states: _States) -> int:
        return _partitions(states[self._group[0].name])

    def _drop_former(self) -> None:
        self._transactions.write(partial(_change, statements.drop_former(self._group)))

    def _check(self, states: _States) -> None:
        for table in self._group:
            now, following = states[table.name], states[table.name + NEXT]
            if not now.is_there:
                raise NotNow(f"there is no table {table.name}: run pacegraph migrate first")
            if not following.is_there:
                continue
            if _partitions(following) != self._wanted:
                raise NotNow(
                    f"{table.name} is on its way to {_many(_partitions(following))}. Go on with "
                    f"--partitions {_partitions(following)}, or give that up with --cancel"
                )
            if following.columns != now.columns:
                raise NotNow(f"{table.name} was migrated meanwhile: begin again after --cancel")

    def _check_migrations(self, states: _States) -> None:
        if not all(states[table.name + NEXT].is_there for table in self._group):
            self._transactions.read(_refuse_outdated)

    # --- the copy

    def _fill(self, table: Table, now: int) -> None:
        """Copy the rows until a pass finds each of them there; those that come follow by a trigger."""
        self._transactions.write(partial(self._begin, table))
        in_vain, before = 0, self._copied
        while left := self._pass(table, now):
            in_vain = in_vain + 1 if self._copied == before else 0
            if in_vain > _MOST_IN_VAIN:
                raise NotNow(
                    f"{left} rows of {table.name} cannot be copied: others hold them, or what they "
                    "refer to is not their athlete's. Run it again to go on, or with --cancel"
                )
            before = self._copied
            time.sleep(_PAUSE_S)

    def _begin(self, table: Table, connection: Connection) -> None:
        _change([], connection)
        _referring_keys(table, connection)
        if _read_states(connection)[table.name + NEXT].is_there:
            return
        _refuse_outdated(connection)
        self._refuse(table, connection)
        present = set(connection.execute(statements.index_names(table.name)).scalars())
        grants = connection.execute(statements.grants(table)).scalars().all()
        _execute(
            [*statements.create(table, self._wanted, present), *map(statements.run, grants)],
            connection,
        )

    def _refuse(self, table: Table, connection: Connection) -> None:
        if found := _obstacles(table, connection):
            raise NotNow(f"in the way: {', '.join(found)}. Drop it, and make it again afterwards")

    def _pass(self, table: Table, now: int) -> int:
        """Copy what is missing; returns how many rows still are, because others held them."""
        left, after = 0, statements.first(table, now)
        step = statements.copy(table, now)
        while row := self._transactions.write(partial(_copy, step, tuple(after))):
            *after, absent, copied = row
            left += absent - copied
            self._copied += copied
            _show(table, self._copied)
        return left

    # --- the change of places

    def _take_place(self, connection: Connection) -> None:
        _change([], connection)
        if not _read_states(connection)[self._group[0].name + NEXT].is_there:
            return
        keys = [key for table in self._group for key in _referring_keys(table, connection)]
        others = sorted({key.name for key in keys})
        linked_to = linked(self._group, self._wanted)
        _execute(
            [
                statements.wait_briefly(len(others) + len(linked_to) + 2 * len(self._group)),
                *statements.lock_all(self._group, others, linked_to),
                *(statements.run(key.drop) for key in keys),
            ],
            connection,
        )
        self._check(_read_states(connection))
        for table in self._group:
            made = connection.execute(statements.triggers(table)).scalars().all()
            before, after = (
                connection.execute(statements.index_names(name)).scalars().all()
                for name in (table.name, table.name + NEXT)
            )
            steps = statements.take_place(table, self._wanted, before, after)
            _execute([*steps, *map(statements.run, made)], connection)
        _execute((statements.run(key.add) for key in keys), connection)

    def _check_references(self, table: Table) -> None:
        """Look whether links and references to the table hold; others read and write meanwhile."""
        statement = statements.unchecked(table, self._wanted)
        for each in self._transactions.read(lambda c: c.execute(statement).scalars().all()):
            self._transactions.write(partial(_change, [statements.run(each)]))


def _change(steps: Sequence[Executable], connection: Connection) -> None:
    """Change tables, with short waits for locks. Raises NotNow while a migration runs."""
    if not connection.execute(statements.lock()).scalar_one():
        raise NotNow("the database is being migrated: run it again afterwards")
    _execute([statements.wait_briefly(), *steps], connection)


def _execute(steps: Iterable[Executable], connection: Connection) -> None:
    for step in steps:
        connection.execute(step)


def _copy(step: Executable, after: tuple[int, ...], connection: Connection) -> Any:
    _execute(statements.copying(), connection)
    values = {f"after_{place}": each for place, each in enumerate(after)}
    return connection.execute(step, values | {"most": _AT_ONCE}).first()


def _referring_keys(table: Table, connection: Connection) -> Sequence[Any]:
    """Read the keys that are to lead to the new table. Raises NotNow where they cannot yet."""
    keys = connection.execute(statements.referring_keys(table)).all()
    in_partitions = {each.name for each in keys if each.is_in_partitions}
    version = connection.execute(backup.server_version()).scalar_one()
    if reason := held_by(table.name, in_partitions, version):
        raise NotNow(reason)
    return keys


def _refuse_outdated(connection: Connection) -> None:
    """Raises NotNow where the tables are not as this version makes them."""
    try:
        missing = missing_revisions(connection)
    except CommandError as error:
        raise NotNow(f"{error}: a newer pacegraph migrated the database. Use that one") from None
    if missing:
        raise NotNow(
            f"migrations are missing, {missing[0]} first: run pacegraph migrate. What an earlier "
            "version began, finish with that, or give it up with --cancel"
        )


def _obstacles(table: Table, connection: Connection) -> list[str]:
    return list(connection.execute(statements.obstacles(table)).scalars())


def _read_states(connection: Connection) -> _States:
    return {row.name: row for row in connection.execute(statements.states())}


def _states(transactions: TransactionRunner) -> _States:
    return transactions.read(_read_states)


def _partitions(state: Any) -> int:
    return int(state.partitions) or 1


def _tell_state(states: _States) -> None:
    for table in TABLES:
        state, following = states[table.name], states[table.name + NEXT]
        print(
            f"{table.name}: {_many(_partitions(state))}, about {state.rows} rows, "
            f"{_megabytes(state.bytes)}"
        )
        if following.is_there:
            print(f"  on its way to {_many(_partitions(following))}: about {following.rows} rows")
        if states[table.name + statements.FORMER].is_there:
            print("  the former table is still to be dropped")


def _many(partitions: int) -> str:
    return "one table" if partitions == 1 else f"{partitions} partitions"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def _show(table: Table, copied: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{table.name}: {copied} rows …", end="", file=sys.stderr, flush=True)
