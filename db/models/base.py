"""What all tables share: constraint names, the type of instants, and checks for enum columns."""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Identity,
    Integer,
    MetaData,
    Text,
    func,
    text,
    type_coerce,
)
from sqlalchemy.orm import DeclarativeBase, mapped_column

# Migrations name constraints to drop them, so the names must not be PostgreSQL's choice.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# An instant. The drivers return aware datetimes; a naive one is refused by the column's type.
Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]

FIRST_RANDOM_ID = 2**62
# The last 64 bits of a random UUID are two fixed ones and 62 from the system's generator of keys.
# `random()` would not do: a few of its numbers tell the next ones.
RANDOM_ID = (
    "('x' || right(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint"
    f" & {FIRST_RANDOM_ID - 1} | {FIRST_RANDOM_ID}"
)
"""SQL of a new id: random, from FIRST_RANDOM_ID to 2⁶³ - 1. Clients see ids, so an id must tell
neither order nor number (docs/decisions/0018-random-ids.md).
"""
PrimaryKey = Annotated[
    int, mapped_column(BigInteger, server_default=text(RANDOM_ID), primary_key=True)
]
# For rows in an order that matters, and with ids that no client sees.
SerialKey = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
BigId = Annotated[int, mapped_column(BigInteger)]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]


class Base(DeclarativeBase):
    """Base of all models.

    Relationships are not mapped: statements and loaders fetch related rows.
    """

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: dict[Any, Any] = {int: Integer, str: Text, float: Double}  # noqa: RUF012 - SQLAlchemy's form


class ApplicationBase(DeclarativeBase):
    """Base for tables of an application beside pacegraph, in the same or another database.

    It has its own registry and metadata, so an `Athlete` here is not pacegraph's. PostgreSQL names
    the constraints, and annotations need not use `Mapped`.
    """

    __allow_unmapped__ = True


def quoted(members: Iterable[Enum]) -> str:
    """Format the values of enum members as a list of SQL literals."""
    return ", ".join(f"'{member.value}'" for member in members)


def later(instant: Any, seconds: Any) -> ColumnElement[datetime]:
    """An instant so many seconds after another."""
    shifted = instant + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    return type_coerce(shifted, DateTime(timezone=True))


def one_of(column: str, enum: type[Enum]) -> CheckConstraint:
    """Check that a text column holds the value of one of the enum's members; NULL passes."""
    return CheckConstraint(f"{column} IN ({quoted(enum)})", name=column)


def of_activity() -> ForeignKeyConstraint:
    """Refer to the activity `activity_id` of `athlete_id`, and go with it.

    The athlete leads, so that all rows of an athlete may lie together (docs/partitions.md).
    """
    return ForeignKeyConstraint(
        ["athlete_id", "activity_id"],
        ["activities.athlete_id", "activities.id"],
        ondelete="CASCADE",
    )


def leads_to(column: str, table: str) -> ForeignKeyConstraint:
    """Let `column` lead to a row of `table` with the same athlete; null once that is gone."""
    return ForeignKeyConstraint(
        ["athlete_id", column],
        [f"{table}.athlete_id", f"{table}.id"],
        ondelete=f"SET NULL ({column})",
    )


def not_negative(*columns: str) -> list[CheckConstraint]:
    """Check that each of the numeric `columns` is at least 0 and finite; NULL passes."""
    # NaN sorts above Infinity in PostgreSQL, so one comparison excludes both.
    return [
        CheckConstraint(f"{column} >= 0 AND {column} < 'Infinity'::float8", name=f"{column}_range")
        for column in columns
    ]
