"""Defaults of feature flags, and the end of the migration."""

from datetime import date
from typing import Literal

from pydantic import Field

from settings.part import SettingsPart


class FeatureFlagSettings(SettingsPart):
    background_sync: Literal["on", "off"] = Field(
        "on",
        description="off: syncs wait until it is on again; none is lost. Default of the flag "
        "background-sync.",
    )
    rate_limiting: Literal["on", "off"] = Field(
        "on",
        description="off: limit neither the rate of requests nor concurrent operations. Default "
        "of the flag rate-limiting.",
    )
    feature_flags_refresh_s: float = Field(
        1,
        ge=0.1,
        le=60,
        description="Seconds between two reads of the feature flags in Redis.",
    )
    legacy: Literal["on", "off"] = Field(
        "on",
        description="off: the older service's REST routes answer 410 and its import names fail. "
        "Default of the flag legacy-rest.",
    )
    legacy_deprecated_on: date = Field(
        date(2026, 11, 23),
        description="Day since which the REST routes are deprecated, sent in the header "
        "`Deprecation`.",
    )
    legacy_sunset_on: date = Field(
        date(2027, 5, 31),
        description="Day after which `legacy/` may be removed, sent in the header `Sunset`.",
    )
