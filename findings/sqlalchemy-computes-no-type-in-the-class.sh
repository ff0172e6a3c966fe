#!/usr/bin/env bash
# SQLAlchemy 2.1.9: a column that takes its type from `Mapped[float]` and the registry's
# type_annotation_map has no type yet in the body of its class. What a column_property computes of such
# columns there gets NullType for ever, although the columns themselves become DOUBLE PRECISION, and the
# property is annotated too. Whatever goes by the type of an expression (rounding, casts, result
# processors) passes it over, without an error or a warning. A type in mapped_column() is there at once.
#
# Seen: "columns: Double; computed in the class: NullType; of mapped_column(Double): Double".
# For pacegraph: tests/graph/test_scalars.py holds that each number of the schema has a known type; age-graded
# times were sent with the noise of floating point (3730.1746152000005).
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sqlalchemy==2.1.9
seen=$("$folder/venv/bin/python" - <<'PYTHON'
from sqlalchemy import Double
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column


class Base(DeclarativeBase):
    type_annotation_map = {float: Double}


class Lap(Base):
    __tablename__ = "laps"
    id: Mapped[int] = mapped_column(primary_key=True)
    meters: Mapped[float] = mapped_column()
    seconds: Mapped[float] = mapped_column()
    speed: Mapped[float] = column_property(meters / seconds)


class TypedLap(Base):
    __tablename__ = "typed_laps"
    id: Mapped[int] = mapped_column(primary_key=True)
    meters: Mapped[float] = mapped_column(Double)
    seconds: Mapped[float] = mapped_column(Double)
    speed: Mapped[float] = column_property(meters / seconds)


def kind(expression):
    return type(expression.type).__name__


print(
    f"columns: {kind(Lap.__table__.c.meters)}; computed in the class: {kind(Lap.speed)}; "
    f"of mapped_column(Double): {kind(TypedLap.speed)}"
)
PYTHON
)
echo "$seen"
[ "$seen" = "columns: Double; computed in the class: NullType; of mapped_column(Double): Double" ]
