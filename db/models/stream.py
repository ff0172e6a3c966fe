"""The streams of activities."""

from enum import Enum

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, not_negative, of_activity, one_of


class ActivityStreams(Base):
    """The samples of one activity, compressed (`db/stream_codec.py`).

    `athlete_id` is the activity's: a trigger writes it where a version before migration 0056 does
    not. `positions` are apart from the other columns, null if not recorded. `duration_s` is the
    time of the last sample. `is_complete`: all columns were asked for. `marks` say which samples a
    chart of few points needs (`db/chart_samples.py`). Rows of versions before 0.3 are not complete
    and have neither positions nor a duration nor marks. `samples`, `positions` and `marks` that are
    in a file (`MovedSamples`) are empty here.
    """

    __tablename__ = "activity_streams"

    activity_id: Mapped[BigId] = mapped_column(primary_key=True, autoincrement=False)
    athlete_id: Mapped[BigId]
    sample_count: Mapped[int]
    samples: Mapped[bytes] = mapped_column(LargeBinary)
    positions: Mapped[bytes | None] = mapped_column(LargeBinary)
    marks: Mapped[bytes | None] = mapped_column(LargeBinary)
    duration_s: Mapped[float | None]
    is_complete: Mapped[bool] = mapped_column(server_default="false")

    __table_args__ = (
        of_activity(),
        UniqueConstraint("athlete_id", "activity_id"),
        *not_negative("sample_count"),
    )


class ActivityStreamLevel(Base):
    """The `points` most important samples of one activity, with their marks (`db/chart_samples.py`).

    `positions` are apart from the other columns, null if not recorded. `athlete_id` is as that of
    `ActivityStreams`.
    """

    __tablename__ = "activity_stream_levels"

    activity_id: Mapped[BigId] = mapped_column(primary_key=True, autoincrement=False)
    athlete_id: Mapped[BigId]
    points: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    samples: Mapped[bytes] = mapped_column(LargeBinary)
    positions: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = (
        ForeignKeyConstraint(
            ["athlete_id", "activity_id"],
            ["activity_streams.athlete_id", "activity_streams.activity_id"],
            ondelete="CASCADE",
        ),
    )


class SamplesPlace(Enum):
    """Where samples outside of the database are: a place of originals."""

    FOLDER = "FOLDER"
    S3 = "S3"


class MovedSamples(Base):
    """The samples of one activity are in a file or object, beside originals (`db/moved_samples.py`).

    `file_id` names it among originals, whose ids are as random, and `digest` is the SHA-256 of its
    `packed_bytes` bytes. A trigger notes it for removal as the row goes; another deletes the row as
    other samples are written.
    """

    __tablename__ = "moved_samples"

    athlete_id: Mapped[BigId] = mapped_column(primary_key=True, autoincrement=False)
    activity_id: Mapped[BigId] = mapped_column(primary_key=True, autoincrement=False)
    file_id: Mapped[BigId]
    place: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    packed_bytes: Mapped[BigId]

    __table_args__ = (
        ForeignKeyConstraint(
            ["athlete_id", "activity_id"],
            ["activity_streams.athlete_id", "activity_streams.activity_id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("length(digest) = 32", name="digest_length"),
        one_of("place", SamplesPlace),
        *not_negative("packed_bytes"),
        Index("ix_moved_samples_file_id", "file_id"),
    )
