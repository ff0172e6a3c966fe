"""Athletes' connections to their Strava accounts, and those that ended."""

from sqlalchemy import ARRAY, ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, BigId, CreatedAt, Instant, PrimaryKey

PROFILE_SCOPE = "profile:read_all"
"""Strava's permission to read the athlete's heart rate zones."""
ASKED_SCOPES = ("read", "activity:read_all", PROFILE_SCOPE)
"""The permissions that a sign-in asks for, in Strava's words."""


class StravaConnection(Base):
    """One athlete's grant. Both tokens are encrypted (`db/encryption.py`) and change together.

    `history_complete_at` is when a sync first covered the whole history; until then every sync
    covers all of it. `history_walked_at` is when a sync that covered all of it last began.
    `refused_at` is when Strava last rejected the tokens permanently; the athlete
    must sign in again. `refreshing_until` is when the refresh under way has ended, whatever becomes
    of it; null if there is none. `night_begun_at` is when a night's sync of everything was last
    started. `zones_read_at` is when Strava was last asked for the athlete's heart rate zones.
    """

    __tablename__ = "strava_connections"

    id: Mapped[PrimaryKey]
    athlete_id: Mapped[int] = mapped_column(
        ForeignKey("athletes.id", ondelete="CASCADE"), unique=True
    )
    strava_athlete_id: Mapped[BigId] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    access_token: Mapped[bytes] = mapped_column(LargeBinary)
    refresh_token: Mapped[bytes] = mapped_column(LargeBinary)
    token_expires_at: Mapped[Instant]
    connected_at: Mapped[CreatedAt]
    last_synced_at: Mapped[Instant | None]
    history_complete_at: Mapped[Instant | None]
    history_walked_at: Mapped[Instant | None]
    refused_at: Mapped[Instant | None]
    refreshing_until: Mapped[Instant | None]
    night_begun_at: Mapped[Instant | None]
    zones_read_at: Mapped[Instant | None]


class FormerConnection(Base):
    """Whose connection ended while something of theirs stayed here.

    Signing in needs Strava, so by this number a returning athlete finds what is there.
    """

    __tablename__ = "former_connections"

    athlete_id: Mapped[int] = mapped_column(
        ForeignKey("athletes.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    strava_athlete_id: Mapped[BigId] = mapped_column(unique=True)
    ended_at: Mapped[CreatedAt]
