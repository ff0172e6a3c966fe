"""What is logged, and how, and to whom metrics are shown."""

from typing import Literal

from pydantic import BaseModel, Field

from settings.value_types import LogLevel, LogLevels, PathSecret


class LogSettings(BaseModel):
    log_level: LogLevel = Field("INFO", description="Lowest level that is logged.")
    log_levels: LogLevels = Field(
        {},
        description="Levels for single loggers and their children, such as "
        "pacegraph.request=WARNING,jobs=DEBUG.",
    )
    log_format: Literal["json", "text"] = Field(
        "json", description="json: one object per line. text: for a terminal."
    )
    metrics_token: PathSecret | None = Field(
        None,
        description="What /metrics asks for, as `Authorization: Bearer METRICS_TOKEN`: 16 to 200 "
        "letters, digits, - and _. Unset: anybody may read it.",
    )
