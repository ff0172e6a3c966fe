"""What all tables share: naming of constraints, instants, the check that a text column holds an enum's value."""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Double, Identity, Integer, MetaData, Text, func
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
PrimaryKey = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
BigId = Annotated[int, mapped_column(BigInteger)]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]


class Base(DeclarativeBase):
    """Base of all models. Relationships are not mapped: related rows are reached through statements and loaders."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: dict[Any, Any] = {int: Integer, str: Text, float: Double}  # noqa: RUF012 - SQLAlchemy's form


class ApplicationBase(DeclarativeBase):
    """Base for the tables of an application that runs beside pacegraph, in the same database or another.

    It has names, metadata and migrations of its own: an `Athlete` here is not pacegraph's. Constraints have the names
    that PostgreSQL gives, and annotations need not be `Mapped`.
    """

    __allow_unmapped__ = True


def quoted(members: Iterable[Enum]) -> str:
    """Values of the enum's members as a list of SQL literals."""
    return ", ".join(f"'{member.value}'" for member in members)


def one_of(column: str, enum: type[Enum]) -> CheckConstraint:
    """Check that `column` (text) holds the value of one of the enum's members; NULL passes."""
    return CheckConstraint(f"{column} IN ({quoted(enum)})", name=column)


def not_negative(*columns: str) -> list[CheckConstraint]:
    """Check that each of `columns` (numbers) is at least 0 and finite; NULL passes."""
    # NaN sorts above Infinity in PostgreSQL, so one comparison keeps both out.
    return [
        CheckConstraint(f"{column} >= 0 AND {column} < 'Infinity'::float8", name=f"{column}_range")
        for column in columns
    ]
