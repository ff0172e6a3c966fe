"""Keys, indexes and references of tables that may be in partitions by a hash of the athlete, in both shapes.

In partitions every key and every reference to another such table leads with the athlete. A key that
did not has an index of its first column there, for statements that know no athlete. `partitions` is
how many a table has; 1: it is one table.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from sqlalchemy import Index, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.schema import CreateIndex

from db.models import (
    Activity,
    ActivityStreamLevel,
    ActivityStreams,
    Base,
    BestEffort,
    MovedSamples,
    PersonalBest,
)

ATHLETE = "athlete_id"
NEXT = "_next"
Group = tuple[Table, ...]
"""Tables that change places together, each after those that it refers to."""


def _group(*models: Any) -> Group:
    return tuple(cast(Table, model.__table__) for model in models)


GROUPS: dict[str, Group] = {
    "activities": _group(Activity),
    "samples": _group(ActivityStreams, ActivityStreamLevel, MovedSamples),
    "efforts": _group(BestEffort, PersonalBest),
}
"""Each after those that it refers to."""
TABLES: Group = tuple(table for group in GROUPS.values() for table in group)


class Key(NamedTuple):
    """`kind` is SQL."""

    name: str
    kind: str
    columns: tuple[str, ...]


class Reference(NamedTuple):
    """`action` is the SQL of what happens when the row goes that it leads to, and when it is checked."""

    name: str
    columns: tuple[str, ...]
    table: str
    there: tuple[str, ...]
    action: str

    @property
    def definition(self) -> str:
        return (
            f"FOREIGN KEY ({', '.join(self.columns)}) "
            f"REFERENCES {self.table} ({', '.join(self.there)}) {self.action}"
        )


def group_of(table: Table) -> Group:
    return next(group for group in GROUPS.values() if table in group)


def identity(table: Table, partitions: int) -> tuple[str, ...]:
    """Name the columns of the key that leads to one row of a table with so many partitions."""
    return row(table) if partitions > 1 else names(table.primary_key.columns)


def row(table: Table) -> tuple[str, ...]:
    """Name the columns that tell a row, the athlete first where the key does not have it."""
    return _with_athlete(names(table.primary_key.columns))


def keys(table: Table, partitions: int) -> Iterator[Key]:
    """Tell the primary and the unique keys. They are named alike in both shapes: so `ON CONFLICT` finds them."""
    primary = identity(table, partitions)
    yield Key(f"pk_{table.name}", "PRIMARY KEY", primary)
    for name, columns in sorted(_unique(table)):
        led = _with_athlete(columns) if partitions > 1 else columns
        if led != primary:
            yield Key(name, "UNIQUE", led)


def indexes(table: Table, partitions: int) -> Iterator[tuple[str, str]]:
    """Tell the names of all other indexes, with the SQL that makes them for `…_next`."""
    for each in sorted(table.indexes, key=lambda index: str(index.name)):
        yield str(each.name), _of_next(each)
    if partitions == 1:
        return
    for columns in sorted({names(table.primary_key.columns), *dict(_unique(table)).values()}):
        if ATHLETE not in columns:
            name = f"ix_{table.name}_{columns[0]}"
            yield name, f"CREATE INDEX {name}{NEXT} ON {table.name}{NEXT} ({columns[0]})"


def references(table: Table, partitions: int) -> list[Reference]:
    """Tell the foreign keys, but the links."""
    return [each for each in _references(table, partitions) if not _is_link(table, each)]


def links(table: Table, partitions: int) -> list[Reference]:
    """Tell the foreign keys to the table itself, and those that may be null.

    In partitions each partition has them, to itself or to another table. So they may be added
    without a look at the rows, by any PostgreSQL, and until then rows may be written in any order.
    """
    return [each for each in _references(table, partitions) if _is_link(table, each)]


def linked(group: Group, partitions: int) -> list[str]:
    """Name the tables of other groups, or of none, that links of these lead to."""
    led_to = {each.table for table in group for each in links(table, partitions)}
    return sorted(led_to.difference(names(group)))


def referring(table: Table) -> list[str]:
    """Name the tables that refer to it."""
    return [
        each.name
        for each in Base.metadata.tables.values()
        if any(key.referred_table is table for key in each.foreign_key_constraints)
    ]


def _is_link(table: Table, reference: Reference) -> bool:
    may_be_null = any(table.c[each].nullable for each in reference.columns)
    return reference.table == table.name or may_be_null


def parts(table: Table, partitions: int) -> list[str]:
    """Name the tables that hold the rows."""
    if partitions == 1:
        return [table.name]
    return [f"{table.name}_{partitions}_{number:03}" for number in range(partitions)]


def names(columns: Any) -> tuple[str, ...]:
    return tuple(each.name for each in columns)


def _references(table: Table, partitions: int) -> Iterator[Reference]:
    for each in sorted(table.foreign_key_constraints, key=lambda one: str(one.name)):
        name, here = str(each.name), tuple(each.column_keys)
        there = names(element.column for element in each.elements)
        action = f"ON DELETE {each.ondelete}"
        if partitions > 1 and ATHLETE not in here:
            name = name.replace(f"fk_{table.name}_", f"fk_{table.name}_{ATHLETE}_")
            if each.ondelete == "SET NULL":
                action += f" ({', '.join(here)})"
            here, there = (ATHLETE, *here), (ATHLETE, *there)
        if each.deferrable:
            action += f" DEFERRABLE INITIALLY {each.initially}"
        yield Reference(name, here, each.referred_table.name, there, action)


def _unique(table: Table) -> Iterator[tuple[str, tuple[str, ...]]]:
    for each in table.constraints:
        if isinstance(each, UniqueConstraint):
            yield str(each.name), names(each.columns)


def _with_athlete(columns: tuple[str, ...]) -> tuple[str, ...]:
    return columns if ATHLETE in columns else (ATHLETE, *columns)


def _of_next(index: Index) -> str:
    assert index.table is not None
    here = index.table.name
    statement = str(CreateIndex(index).compile(dialect=dialect()))  # type: ignore[no-untyped-call]
    head = f"INDEX {index.name} ON {here} "
    assert head in statement
    return statement.replace(head, f"INDEX {index.name}{NEXT} ON {here}{NEXT} ", 1)
