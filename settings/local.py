"""What `pacegraph run` starts and keeps, and its simulated Strava."""

from pathlib import Path

from pydantic import Field

from settings.part import SettingsPart


class LocalSettings(SettingsPart):
    # --- `pacegraph run`
    embedded_redis_bytes: int = Field(
        256 * 2**20,
        ge=16 * 2**20,
        description="Memory of the Redis that `pacegraph run` starts. Beyond it cached answers are "
        "dropped.",
    )
    local_log_bytes: int = Field(
        10_000_000,
        ge=10_000,
        description="Bytes of one log file of `pacegraph run`. A longer one is renamed.",
    )
    local_logs_kept: int = Field(
        5,
        ge=0,
        le=1000,
        description="Older log files that `pacegraph run` keeps of each child.",
    )

    # --- simulated Strava
    simulator_runs: Path | None = Field(
        None,
        description="File with the simulated athlete's runs, one JSON object per line. Default: "
        "the demo runs.",
    )
    simulator_athletes: int = Field(
        1,
        ge=1,
        le=100_000,
        description="Number of athletes in the simulated Strava. All but the first have synthetic "
        "runs.",
    )
