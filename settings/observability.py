"""What is logged, and how, and where metrics, traces and errors go."""

from typing import Literal

from pydantic import Field, SecretStr

from settings.part import SettingsPart
from settings.value_types import LogLevel, LogLevels, PathSecret, WebUrl


class ObservabilitySettings(SettingsPart):
    """Logs, metrics, traces and reports of errors."""

    log_level: LogLevel = Field("INFO", description="Lowest level that is logged.")
    log_levels: LogLevels = Field(
        {},
        description="Levels for single loggers and their children, such as "
        "pacegraph.request=WARNING,jobs=DEBUG.",
    )
    log_format: Literal["json", "text"] = Field(
        "json", description="json: one object per line. text: for a terminal."
    )
    slow_operation_ms: int = Field(
        1000,
        ge=0,
        description="Operations that take this many milliseconds or more are logged with their statements and "
        "PostgreSQL's plan of one. 0: none.",
    )
    otlp_endpoint: WebUrl | None = Field(
        None,
        description="Collector that gets traces by OTLP over HTTP, such as http://127.0.0.1:4318; "
        "needs the extra `traces`. OpenTelemetry's own variables hold too, such as "
        "OTEL_EXPORTER_OTLP_HEADERS. Unset: nothing is traced.",
    )
    traces_ratio: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Share of requests and jobs that are traced, beside those whose client asks "
        "for it by `traceparent`.",
    )
    sentry_dsn: SecretStr | None = Field(
        None,
        description="Sentry project that gets errors, as https://key@host/1; needs the extra "
        "`sentry`. They have places in the code, and no data of athletes. Unset: errors "
        "are only logged.",
    )
    sentry_environment: str = Field(
        "production", description="What Sentry calls this installation."
    )
    metrics_token: PathSecret | None = Field(
        None,
        description="What /metrics asks for, as `Authorization: Bearer METRICS_TOKEN`: 16 to 200 "
        "letters, digits, - and _. Unset: anybody may read it.",
    )
