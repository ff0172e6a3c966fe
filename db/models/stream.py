"""The streams of activities."""

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, not_negative


class ActivityStreams(Base):
    """The samples of one activity, compressed (`db/stream_codec.py`).

    `positions` are apart from the other columns, null if not recorded. `duration_s` is the time of
    the last sample. `is_complete`: all columns were asked for. `marks` say which samples a chart of
    few points needs (`db/chart_samples.py`). Rows of versions before 0.3 are not complete and have
    neither positions nor a duration nor marks.
    """

    __tablename__ = "activity_streams"

    activity_id: Mapped[int] = mapped_column(
        ForeignKey("activities.id", ondelete="CASCADE"), primary_key=True
    )
    sample_count: Mapped[int]
    samples: Mapped[bytes] = mapped_column(LargeBinary)
    positions: Mapped[bytes | None] = mapped_column(LargeBinary)
    marks: Mapped[bytes | None] = mapped_column(LargeBinary)
    duration_s: Mapped[float | None]
    is_complete: Mapped[bool] = mapped_column(server_default="false")

    __table_args__ = (*not_negative("sample_count"),)


class ActivityStreamLevel(Base):
    """The `points` most important samples of one activity, with their marks (`db/chart_samples.py`).

    `positions` are apart from the other columns, null if not recorded.
    """

    __tablename__ = "activity_stream_levels"

    activity_id: Mapped[int] = mapped_column(
        ForeignKey("activity_streams.activity_id", ondelete="CASCADE"), primary_key=True
    )
    points: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    samples: Mapped[bytes] = mapped_column(LargeBinary)
    positions: Mapped[bytes | None] = mapped_column(LargeBinary)
