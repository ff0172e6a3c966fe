"""What athletes chose for activities and efforts of Strava that are not here at the moment."""

from typing import Any

from sqlalchemy import ARRAY, ForeignKey, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.activity import RecordingChoice
from db.models.base import Base, BigId, CreatedAt, one_of


class KeptChoice(Base):
    """What the athlete chose for an activity that went, for when a sync brings it back.

    It may go because Strava does not find it for a while, or does not confirm it in time.
    Activities without choices have no row. `excluded_efforts` are the distances of efforts that
    were excluded one by one; the row stays until the efforts are derived again. Of an activity that
    is here they are those without an effort at the moment, as while the run is a ride. `edits` are
    the columns of `activities` that the athlete changed, with their values.
    """

    __tablename__ = "kept_choices"

    athlete_id: Mapped[BigId] = mapped_column(
        ForeignKey("athletes.id", ondelete="CASCADE"), primary_key=True
    )
    strava_id: Mapped[BigId] = mapped_column(primary_key=True)
    hidden: Mapped[bool]
    excluded: Mapped[bool]
    recording_choice: Mapped[str] = mapped_column(server_default=RecordingChoice.BY_RULES.value)
    excluded_efforts: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    edits: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    kept_at: Mapped[CreatedAt]

    __table_args__ = (one_of("recording_choice", RecordingChoice),)
