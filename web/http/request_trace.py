"""The step of a trace that a request is, and what its client and log lines are told of it."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from logs import bind
from runtime import tracing
from runtime.tracing import Span
from web.http.security_headers import Headers

_HEADER = b"traceparent"
_SERVER_ERROR = 500


def request_step(method: str, headers: Mapping[bytes, bytes], route: str | None = None) -> Span:
    """Begin a request's step, in the client's trace if it names one.

    `route` is its path, None where a path has ids or secrets.
    """
    if not tracing.is_on():
        return tracing.NO_SPAN
    attributes = {"http.request.method": method}
    if route is not None:
        attributes["http.route"] = route
    given = headers.get(_HEADER)
    return tracing.root(
        method if route is None else f"{method} {route}",
        None if given is None else given.decode("latin-1"),
        attributes=attributes,
    )


class EarlyStep:
    """The step of an operation over a WebSocket, which may end before its block does.

    A subscription may last for days.
    """

    __slots__ = ("_step",)

    def __init__(self, route: str, payload: Mapping[str, Any]) -> None:
        self._step = _operation_step(route, payload)

    def __enter__(self) -> Self:
        told(self._step.__enter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        step, self._step = self._step, tracing.NO_SPAN
        step.__exit__(kind, error, traceback)

    def end(self) -> None:
        """End it now, well."""
        self.__exit__(None, None, None)


def _operation_step(route: str, payload: Mapping[str, Any]) -> Span:
    """Begin the step of an operation over a WebSocket, which has no headers of its own.

    Its client names a trace by `extensions.traceparent`.
    """
    if not tracing.is_on():
        return tracing.NO_SPAN
    extensions = payload.get("extensions")
    given = extensions.get("traceparent") if isinstance(extensions, dict) else None
    return tracing.root(
        f"SUBSCRIBE {route}",
        given if isinstance(given, str) else None,
        attributes={"http.route": route, "network.protocol.name": "websocket"},
    )


def told(step: Span) -> Headers:
    """Name the trace in the task's log lines; gives the field that tells it to the client.

    That is `traceresponse`, of W3C Trace Context Level 2. Empty where nothing is traced.
    """
    if (trace_id := step.trace_id) is None:
        return []
    bind(trace_id=trace_id)
    return [(b"traceresponse", (tracing.traceparent() or "").encode())]


def end_step(step: Span, status: int | None, fields: Mapping[str, Any]) -> None:
    """Say how a request ended; `fields` are those of its log line."""
    if step is tracing.NO_SPAN:
        return
    if status is not None:
        step.add(http_response_status__code=status)
        if status >= _SERVER_ERROR:
            step.fail(str(status))
    if (name := fields.get("operation")) is not None:
        step.add(graphql_operation_name=name)


def note_ended(method: str, route: str, seconds: float, operation: str | None) -> None:
    """Trace a request that was answered well in one go, by its chance."""
    if not tracing.is_chosen():
        return
    attributes = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": 200,
        **({} if operation is None else {"graphql.operation.name": operation}),
    }
    tracing.record(f"{method} {route}", seconds, attributes)
