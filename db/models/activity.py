"""Activities and their streams."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    case,
    cast,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, column_property, mapped_column

from db.models.base import Base, BigId, CreatedAt, Instant, PrimaryKey, not_negative, one_of


class ActivitySource(StrEnum):
    """Where an activity came from."""

    STRAVA = "STRAVA"
    FILE = "FILE"


class Visibility(StrEnum):
    """Who may see an activity on Strava. Here too nobody sees more; others than the athlete see EVERYONE only."""

    EVERYONE = "EVERYONE"
    FOLLOWERS_ONLY = "FOLLOWERS_ONLY"
    ONLY_ME = "ONLY_ME"


class StreamsState(StrEnum):
    """What is known of an activity's streams."""

    PENDING = "PENDING"  # to be fetched
    STORED = "STORED"
    ABSENT = "ABSENT"  # the source has none
    UNWANTED = "UNWANTED"  # not a run: nothing is derived from them


class Activity(Base):
    """One recorded activity.

    `started_at_local` is the wall clock at the athlete's place, without offset. `duplicate_of_id` names the activity
    that stands for this one where a run was recorded twice. `given_efforts` are Strava's own best efforts, kept where
    there are no streams: `[{"distance_m", "elapsed_s", "start_offset_s"}]`.
    `efforts_version` is the version of the rules (`jobs/derive.py`) its best efforts follow; null: not derived yet.
    """

    __tablename__ = "activities"

    id: Mapped[PrimaryKey]
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    source: Mapped[str]
    strava_id: Mapped[BigId | None]
    name: Mapped[str]
    sport_type: Mapped[str]
    started_at: Mapped[Instant]
    started_at_local: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    timezone: Mapped[str]
    distance_m: Mapped[float] = mapped_column(Double)
    moving_time_s: Mapped[int] = mapped_column()
    elapsed_time_s: Mapped[int]
    elevation_gain_m: Mapped[float | None]
    average_heart_rate_bpm: Mapped[float | None]
    max_heart_rate_bpm: Mapped[float | None]
    average_cadence_rpm: Mapped[float | None]
    visibility: Mapped[str]
    flagged: Mapped[bool] = mapped_column(server_default="false")
    manual: Mapped[bool] = mapped_column(server_default="false")
    duplicate_of_id: Mapped[int | None] = mapped_column(ForeignKey("activities.id", ondelete="SET NULL"))
    streams_state: Mapped[str]
    given_efforts: Mapped[list[dict[str, float]] | None] = mapped_column(JSONB(none_as_null=True))
    efforts_version: Mapped[int | None]
    seen_by_job_id: Mapped[BigId | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]

    average_speed_m_per_s: Mapped[float | None] = column_property(
        case((moving_time_s > 0, distance_m / cast(moving_time_s, Double)), else_=None)
    )
    average_pace_s_per_km: Mapped[float | None] = column_property(
        case((distance_m > 0, cast(moving_time_s, Double) * 1000 / distance_m), else_=None)
    )

    __table_args__ = (
        UniqueConstraint("athlete_id", "strava_id"),
        one_of("source", ActivitySource),
        one_of("visibility", Visibility),
        one_of("streams_state", StreamsState),
        *not_negative("distance_m", "moving_time_s", "elapsed_time_s"),
        CheckConstraint("(source = 'STRAVA') = (strava_id IS NOT NULL)", name="strava_id_of_strava"),
        CheckConstraint("duplicate_of_id <> id", name="not_duplicate_of_itself"),
        Index("ix_activities_athlete_id_started_at", "athlete_id", "started_at", "id"),
        Index("ix_activities_started_at", "started_at", "id"),
        Index("ix_activities_duplicate_of_id", "duplicate_of_id", postgresql_where=text("duplicate_of_id IS NOT NULL")),
        Index("ix_activities_streams_pending", "athlete_id", postgresql_where=text("streams_state = 'PENDING'")),
    )


class ActivityStreams(Base):
    """The samples of one activity, compressed (`db/stream_codec.py`)."""

    __tablename__ = "activity_streams"

    activity_id: Mapped[int] = mapped_column(ForeignKey("activities.id", ondelete="CASCADE"), primary_key=True)
    sample_count: Mapped[int]
    samples: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (*not_negative("sample_count"),)
