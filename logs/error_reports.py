"""Reports errors to Sentry, or what speaks its protocol, where SENTRY_DSN is set.

An error of the log with an exception is one event. It has the types of the exceptions, places in the
code, the words of the log line without the values in them, and a few fields that name no person. It
has no text of an exception, no variable, no request and no name of a host: PostgreSQL and Strava put
data of athletes into their texts.
"""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from logs.context import surroundings
from settings import InvalidSettings, Settings

if TYPE_CHECKING:
    from sentry_sdk.client import BaseClient

_FLUSH_S = 2.0
_MOST_WAITING = 100
_NAMED = ("request_id", "trace_id", "job_id", "kind", "attempt", "operation")
"""Fields of a line that become tags."""
_OURS = frozenset(
    [
        "cli",
        "db",
        "flags",
        "graph",
        "jobs",
        "legacy",
        "local",
        "logs",
        "operator_commands",
        "pacegraph",
        "recordings",
        "runtime",
        "strava",
        "web",
    ]
)
"""Loggers of lines that have no values in their words. Those of libraries may."""
_OF_FRAMES = ("filename", "function", "module", "lineno", "in_app")


class ErrorReports:
    """What a process reports. A thread of the library sends."""

    def __init__(self, client: "BaseClient") -> None:
        self._client = client

    @classmethod
    def from_settings(cls, settings: Settings, version: str) -> "ErrorReports | None":
        """Make them; None without SENTRY_DSN. Raises InvalidSettings."""
        if settings.sentry_dsn is None:
            return None
        try:
            from sentry_sdk import Client
            from sentry_sdk.utils import BadDsn
        except ImportError:
            raise InvalidSettings(
                "SENTRY_DSN: needs Sentry's library, which is not installed. Install it: "
                "pip install 'pacegraph[sentry]'"
            ) from None
        try:
            client = Client(
                dsn=settings.sentry_dsn.get_secret_value(),
                release=f"pacegraph@{version}",
                environment=settings.sentry_environment,
                server_name="",
                default_integrations=False,
                auto_enabling_integrations=False,
                send_client_reports=False,
                auto_session_tracking=False,
                include_local_variables=False,
                include_source_context=False,
                max_request_body_size="never",
                max_breadcrumbs=0,
                transport_queue_size=_MOST_WAITING,
                shutdown_timeout=_FLUSH_S,
            )
        except BadDsn:
            raise InvalidSettings(
                "SENTRY_DSN: must be the DSN of a Sentry project, as https://key@host/1"
            ) from None
        return cls(client)

    def send(self, record: logging.LogRecord, process: str) -> None:
        """Report an error of the log of a process, if it has an exception."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None or record.name.startswith("sentry_sdk"):
            return
        from sentry_sdk.utils import event_from_exception

        event, _ = event_from_exception(error, client_options=self._client.options)
        for each in event["exception"]["values"]:
            _bare(each)
        fields: Mapping[str, Any] = {**surroundings(), **record.__dict__}
        tags = {name: str(fields[name]) for name in _NAMED if fields.get(name) is not None}
        self._client.capture_event(
            {
                **event,
                "logger": record.name,
                "level": "fatal" if record.levelno >= logging.CRITICAL else "error",
                "logentry": {"message": _words(record)},
                "tags": {**tags, "process": process},
            }
        )

    def flush(self) -> None:
        """Send what is not sent yet: before a process ends. It takes 2 s at most."""
        self._client.flush(timeout=_FLUSH_S)


def _words(record: logging.LogRecord) -> str:
    is_ours = record.name.partition(".")[0] in _OURS
    return str(record.msg) if is_ours else "an error of a library"


def _bare(exception: dict[str, Any]) -> None:
    """Leave of an exception its type and its places."""
    exception["value"] = ""
    exception.pop("mechanism", None)
    frames = exception.get("stacktrace", {}).get("frames", ())
    for frame in frames:
        for name in frame.keys() - set(_OF_FRAMES):
            del frame[name]
