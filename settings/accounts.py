"""Sessions, privacy, and the feedback of callers."""

from typing import Literal

from pydantic import Field

from settings.part import SettingsPart
from settings.value_types import Parts


class AccountSettings(SettingsPart):
    # --- identity and privacy
    session_lifetime_s: int = Field(
        30 * 86_400, ge=60, description="Seconds a session lasts without use. Use renews it."
    )
    session_max_days: float = Field(
        90,
        gt=0,
        le=36_500,
        description="Days from sign-in to the end of a session, however much it is used.",
    )
    admin_athlete_ids: Parts[int] = Field(
        (),
        description=(
            "Strava athlete ids of this server's administrators, comma separated. They "
            "can read and change everything. Takes effect at their next sign-in."
        ),
    )
    sharing: Literal["on", "off"] = Field(
        "off",
        description="on: signed-in athletes can see other athletes who agreed to it. Strava's API "
        "agreement requires off.",
    )

    # --- feedback
    feedback_retention_days: int = Field(
        365, ge=0, le=36_500, description="Days to keep feedback. 0: forever."
    )
    feedback_per_caller: int = Field(
        20,
        ge=1,
        le=1_000_000,
        description="Messages of feedback that an account, or a signed-out address, may send in 24 "
        "hours.",
    )
    feedback_max: int = Field(
        10_000,
        ge=1,
        le=100_000_000,
        description="Messages of feedback to keep, at most half of signed-out callers. More are "
        "refused.",
    )
