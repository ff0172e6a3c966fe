"""Strava: addresses, the application, bounds of its answers, and what syncs may ask it."""

from pydantic import Field, SecretStr

from settings.part import SettingsPart
from settings.value_types import PathSecret, WebUrl


class StravaSettings(SettingsPart):
    strava_api_url: WebUrl = Field(
        "https://www.strava.com/api/v3", description="Base URL of Strava's API."
    )
    strava_oauth_url: WebUrl = Field(
        "https://www.strava.com/oauth", description="Base URL of Strava's authorization pages."
    )
    strava_client_id: str | None = Field(
        None, description="Client ID of your Strava API application."
    )
    strava_client_secret: SecretStr | None = Field(
        None, description="Client secret of your Strava API application."
    )
    strava_timeout_s: float = Field(
        20,
        gt=0,
        le=300,
        description="Seconds that a response from Strava may take as a whole.",
    )
    strava_refresh_timeout_s: float = Field(
        120,
        gt=0,
        le=3600,
        description="Seconds to wait for new tokens from Strava. What is issued later is lost, and "
        "the athlete has to connect again. At least STRAVA_TIMEOUT_S.",
    )
    strava_max_answer_bytes: int = Field(
        16 * 1024 * 1024,
        ge=1024,
        le=2_000_000_000,
        description="Maximum bytes of a response from Strava, after decompression.",
    )
    strava_page_size: int = Field(
        100,
        ge=1,
        le=200,
        description="Activities to request from Strava per page. Strava allows at most 200.",
    )
    strava_details_per_sync: int = Field(
        50,
        ge=0,
        le=100_000,
        description="Activities of which one sync asks Strava for the details: description, "
        "calories, laps. Each is a request; the next sync goes on. 0: none.",
    )

    strava_quota_reserve_percent: int = Field(
        20,
        ge=0,
        le=90,
        description="Percent of Strava's quota, in 15 minutes and in a day, that backfills leave "
        "to webhooks and incremental syncs.",
    )
    strava_quota_turn: int = Field(
        20,
        ge=1,
        le=10_000,
        description="Requests that the backfill of one athlete makes before it is another's turn. "
        "Fewer where little is left.",
    )
    strava_quota_assumed_quarter_hour: int = Field(
        100,
        ge=1,
        le=1_000_000,
        description="Requests in 15 minutes that are assumed to be allowed until Strava tells its "
        "limits.",
    )
    strava_quota_assumed_day: int = Field(
        1000, ge=1, le=100_000_000, description="The same for a day (UTC)."
    )

    strava_webhook_secret: PathSecret | None = Field(
        None,
        description="Secret end of the address to which Strava reports changes, "
        "/strava/webhook/SECRET: 16 or more letters, digits, - and _. Unset: /strava/webhook. "
        "Strava signs nothing, so anyone who knows the address can send events.",
    )
    strava_webhook_verify_token: SecretStr | None = Field(
        None,
        description="Token by which Strava's first request is recognized. Default: derived from "
        "SECRET_KEY.",
    )

    strava_retention_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Days to keep activities of Strava after it last confirmed them. Syncs confirm "
        "them; what is not confirmed is deleted (docs/sources.md). 0: no limit.",
    )
    sync_budget_requests: int = Field(
        50,
        ge=0,
        le=1_000_000,
        description="Requests to Strava that an athlete's syncs may make in a burst, apart from "
        "those that bring new data. 0: no limit.",
    )
    sync_budget_refill_per_h: float = Field(
        20,
        gt=0,
        le=1_000_000,
        description="Requests that this budget regains per hour.",
    )

    nightly_sync_hours: float = Field(
        6,
        ge=0,
        le=24,
        description="Hours over which each night's syncs of everything are spread, one an athlete. "
        "They find what Strava reports to nobody. 0: none; then an athlete's first sync of a day "
        "lists everything.",
    )
    nightly_sync_from_utc_hour: int = Field(
        0, ge=0, le=23, description="Hour in UTC at which the night begins."
    )
