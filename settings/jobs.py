"""Workers, and how long jobs and their keys live."""

from pydantic import Field

from settings.part import SettingsPart


class JobSettings(SettingsPart):
    workers: int = Field(2, ge=1, le=64, description="Worker processes of `pacegraph worker`.")
    job_lease_s: float = Field(
        15,
        ge=1,
        le=3600,
        description="Seconds without a heartbeat after which another worker takes over a job.",
    )
    job_max_attempts: int = Field(
        5,
        ge=1,
        le=100,
        description="Attempts before a job becomes FAILED, for errors that may be temporary.",
    )
    job_reconcile_interval_s: float = Field(
        1, ge=0.1, le=60, description="Seconds between two searches for lost and due jobs."
    )

    job_attempt_max_s: float = Field(
        21_600,
        ge=1,
        le=31_536_000,
        description="Seconds that one attempt at a job may run. Then it is ended and tried again, "
        "as a failure. Waiting for Strava's quota does not count.",
    )
    job_max_life_s: float = Field(
        2_592_000,
        ge=60,
        le=315_360_000,
        description="Seconds from a job's start or retry to its end, all waiting included. Then it "
        "becomes FAILED with TIMED_OUT.",
    )
    job_retention_days: int = Field(
        90, ge=0, le=36_500, description="Days to keep ended jobs. 0: forever."
    )
    idempotency_key_lifetime_s: float = Field(
        86_400,
        ge=60,
        le=31_536_000,
        description="Seconds for which a mutation repeated with its idempotency key has no effect.",
    )
