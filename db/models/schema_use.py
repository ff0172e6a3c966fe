"""Which members of the schema clients use."""

from datetime import date

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId


class SchemaUse(Base):
    """How many operations of a client used a member of the schema on a day (UTC).

    `coordinate` is a schema coordinate, such as `Activity.name`. The client's name and version are
    as it says, empty where it says nothing. Nothing tells which callers' operations they were.
    """

    __tablename__ = "schema_uses"

    coordinate: Mapped[str] = mapped_column(primary_key=True)
    client_name: Mapped[str] = mapped_column(primary_key=True)
    client_version: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    operations: Mapped[BigId]

    __table_args__ = (Index("ix_schema_uses_day", "day"),)
