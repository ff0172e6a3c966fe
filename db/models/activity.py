"""Activities."""

from datetime import datetime, time
from enum import StrEnum

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    DateTime,
    Double,
    FetchedValue,
    ForeignKey,
    Index,
    Text,
    Time,
    UniqueConstraint,
    and_,
    case,
    cast,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, column_property, mapped_column

from db.models.base import (
    Base,
    BigId,
    CreatedAt,
    Instant,
    PrimaryKey,
    leads_to,
    not_negative,
    one_of,
)

_HIDDEN_START = time(0, 0, 1)
_PUBLIC = "visibility = 'EVERYONE'"
LEAST_PACED_M = 0.001
"""Over less than this there is no pace, and quotients may be beyond the range of their type."""
LONGEST_PACED_S = 1e12
"""Beyond it a pace may be beyond the range of its type."""


class ActivitySource(StrEnum):
    """Where an activity came from."""

    STRAVA = "STRAVA"
    FILE = "FILE"


class Visibility(StrEnum):
    """The audience of an activity on Strava.

    Pacegraph never shows it more widely: users other than the athlete see EVERYONE only.
    """

    EVERYONE = "EVERYONE"
    FOLLOWERS_ONLY = "FOLLOWERS_ONLY"
    ONLY_ME = "ONLY_ME"


class StreamsState(StrEnum):
    """Whether an activity's streams are stored, still to be fetched, or not available.

    UNREAD: Strava had none when asked, or sent what cannot be used, and is asked again. ABSENT: it
    said several times, over more than a day, that it has none, or there can be none, as for manual
    entries.
    """

    PENDING = "PENDING"  # to be fetched
    STORED = "STORED"
    UNREAD = "UNREAD"
    ABSENT = "ABSENT"
    UNWANTED = "UNWANTED"  # not a run, so its streams are not needed


class RecordingChoice(StrEnum):
    """What the athlete said of a recording among those of its run."""

    BY_RULES = "BY_RULES"
    CHOSEN = "CHOSEN"
    SEPARATE = "SEPARATE"


class Activity(Base):
    """One recorded activity.

    `started_at_local` is the athlete's local wall time, without an offset. `duplicate_of_id` is the
    activity that represents this one when a run was recorded twice, and `run_id` that one or, if it
    is its own, this one. `confirmed_at` is when its source last listed it, to about a day.
    `given_efforts` are Strava's own best efforts, kept when there are no streams or these lack
    some: `[{"distance_m", "elapsed_s", "start_offset_s"}]`. `timezone_text` is the time zone as
    Strava writes it. `trainer`: recorded indoors, say on a treadmill. `is_race`: marked as one on
    Strava. `description`, `calories_kcal` and laps come from files or Strava's details, which were
    read at `details_at`; where they could not be read, they are asked for again at
    `details_retry_at`. `efforts_version` is the version of the derivation rules
    (`jobs/sync/derived_rows.py`) that its best efforts follow; null if none were derived yet.
    `streams_tries` are the jobs that asked Strava for streams in vain, `streams_asked_by_job_id` is
    the last of them, and `streams_retry_at` is when to ask again. Versions before 0.3 left rows
    ABSENT with 0 tries. `edited` are the columns that the athlete changed here: what the source
    tells of them does not count. `excluded`: none of its efforts counts. `notes` are the athlete's
    own. Where the athlete hides it, `visibility` is ONLY_ME and `source_visibility` what it would
    be otherwise; else that is null. A trigger writes `listed_json` (`db/statements/listed_row.py`).
    """

    __tablename__ = "activities"

    id: Mapped[PrimaryKey] = mapped_column()
    athlete_id: Mapped[int] = mapped_column(ForeignKey("athletes.id", ondelete="CASCADE"))
    source: Mapped[str] = mapped_column()
    strava_id: Mapped[BigId | None]
    name: Mapped[str]
    sport_type: Mapped[str]
    started_at: Mapped[Instant]
    started_at_local: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    timezone: Mapped[str]
    timezone_text: Mapped[str | None]
    distance_m: Mapped[float] = mapped_column(Double)
    moving_time_s: Mapped[int] = mapped_column()
    elapsed_time_s: Mapped[int]
    elevation_gain_m: Mapped[float | None]
    average_heart_rate_bpm: Mapped[float | None]
    max_heart_rate_bpm: Mapped[float | None]
    average_cadence_rpm: Mapped[float | None]
    visibility: Mapped[str] = mapped_column()
    flagged: Mapped[bool] = mapped_column(server_default="false")
    manual: Mapped[bool] = mapped_column(server_default="false")
    trainer: Mapped[bool] = mapped_column(server_default="false")
    is_race: Mapped[bool] = mapped_column(server_default="false")
    description: Mapped[str | None]
    device_name: Mapped[str | None]
    calories_kcal: Mapped[float | None]
    gear_id: Mapped[BigId | None] = mapped_column()
    details_at: Mapped[Instant | None]
    details_retry_at: Mapped[Instant | None]
    duplicate_of_id: Mapped[BigId | None] = mapped_column()
    recording_choice: Mapped[str] = mapped_column(server_default=RecordingChoice.BY_RULES.value)
    streams_state: Mapped[str]
    streams_tries: Mapped[int] = mapped_column(server_default="0")
    streams_retry_at: Mapped[Instant | None]
    streams_asked_by_job_id: Mapped[BigId | None]
    given_efforts: Mapped[list[dict[str, float]] | None] = mapped_column(JSONB(none_as_null=True))
    efforts_version: Mapped[int | None]
    edited: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    excluded: Mapped[bool] = mapped_column(server_default="false")
    notes: Mapped[str | None]
    source_visibility: Mapped[str | None] = mapped_column()
    seen_by_job_id: Mapped[BigId | None]
    confirmed_at: Mapped[CreatedAt]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    listed_json: Mapped[str | None] = mapped_column(FetchedValue())

    run_id: Mapped[int] = column_property(func.coalesce(duplicate_of_id, id))  # noqa: A003
    visibility_at_source: Mapped[str] = column_property(
        func.coalesce(source_visibility, visibility)
    )
    # Strava shows the start of a run whose start the athlete hides as this, by the local clock.
    started_at_is_hidden: Mapped[bool] = column_property(
        and_(source == ActivitySource.STRAVA, cast(started_at_local, Time) == _HIDDEN_START)
    )
    average_speed_m_per_s: Mapped[float | None] = column_property(
        case(
            (
                and_(moving_time_s > 0, distance_m >= LEAST_PACED_M),
                distance_m / cast(moving_time_s, Double),
            ),
            (moving_time_s > 0, 0.0),
            else_=None,
        )
    )
    average_pace_s_per_km: Mapped[float | None] = column_property(
        # A moving time of 0 means that it is not known.
        case(
            (
                and_(moving_time_s > 0, distance_m >= LEAST_PACED_M),
                cast(moving_time_s, Double) * 1000 / distance_m,
            ),
            else_=None,
        )
    )

    __table_args__ = (
        # Rows of an activity refer to it together with its athlete.
        UniqueConstraint("athlete_id", "id"),
        UniqueConstraint("athlete_id", "strava_id"),
        leads_to("gear_id", "gear"),
        leads_to("duplicate_of_id", "activities"),
        one_of("source", ActivitySource),
        one_of("visibility", Visibility),
        one_of("source_visibility", Visibility),
        CheckConstraint(
            "source_visibility IS NULL OR visibility = 'ONLY_ME'", name="hidden_from_others"
        ),
        one_of("streams_state", StreamsState),
        one_of("recording_choice", RecordingChoice),
        *not_negative("distance_m", "moving_time_s", "elapsed_time_s", "calories_kcal"),
        CheckConstraint(
            "(source = 'STRAVA') = (strava_id IS NOT NULL)", name="strava_id_of_strava"
        ),
        CheckConstraint("duplicate_of_id <> id", name="not_duplicate_of_itself"),
        Index("ix_activities_athlete_id_started_at", "athlete_id", "started_at", "id"),
        Index("ix_activities_started_at", "started_at", "id"),
        Index("ix_activities_athlete_id_started_at_local", "athlete_id", "started_at_local"),
        Index("ix_activities_athlete_id_distance_m", "athlete_id", "distance_m", "id"),
        Index("ix_activities_distance_m", "distance_m", "id"),
        Index("ix_activities_moving_time_s", "moving_time_s", "id"),
        Index("ix_activities_elapsed_time_s", "elapsed_time_s", "id"),
        Index(
            "ix_activities_confirmed_at",
            "confirmed_at",
            postgresql_where=text("source = 'STRAVA'"),
        ),
        Index("ix_activities_sport_type", "sport_type", "started_at", "id"),
        Index("ix_activities_source", "source", "started_at", "id"),
        Index(
            "ix_activities_name_trigrams",
            func.lower(text("name")).label("lower_name"),
            postgresql_using="gin",
            postgresql_ops={"lower_name": "gin_trgm_ops"},
        ),
        Index(
            "ix_activities_duplicate_of_id",
            "duplicate_of_id",
            postgresql_where=text("duplicate_of_id IS NOT NULL"),
        ),
        Index(
            "ix_activities_gear_id",
            "gear_id",
            "started_at",
            "id",
            postgresql_where=text("gear_id IS NOT NULL"),
        ),
        # Others' rows, without hidden ones: what others ask takes no longer where there are more.
        *(
            Index(f"ix_activities_public_{name}", *columns, postgresql_where=text(_PUBLIC))
            for name, columns in {
                "started_at": ("started_at", "id"),
                "distance_m": ("distance_m", "id"),
                "moving_time_s": ("moving_time_s", "id"),
                "elapsed_time_s": ("elapsed_time_s", "id"),
                "sport_type": ("sport_type", "started_at", "id"),
                "source": ("source", "started_at", "id"),
                "athlete_id_started_at": ("athlete_id", "started_at", "id"),
                "athlete_id_distance_m": ("athlete_id", "distance_m", "id"),
            }.items()
        ),
        # Sums of an athlete's runs are read from it alone.
        Index(
            "ix_activities_public_athlete_id_started_at_local",
            "athlete_id",
            "started_at_local",
            postgresql_include=[
                "id",
                "sport_type",
                "duplicate_of_id",
                "distance_m",
                "moving_time_s",
                "elapsed_time_s",
                "elevation_gain_m",
            ],
            postgresql_where=text(_PUBLIC),
        ),
        Index(
            "ix_activities_public_name_trigrams",
            func.lower(text("name")).label("lower_name"),
            postgresql_using="gin",
            postgresql_ops={"lower_name": "gin_trgm_ops"},
            postgresql_where=text(_PUBLIC),
        ),
        *(
            Index(
                f"ix_activities_public_{column}",
                column,
                "started_at",
                "id",
                postgresql_where=text(f"{_PUBLIC} AND {column} IS NOT NULL"),
            )
            for column in ("gear_id", "duplicate_of_id")
        ),
    )
