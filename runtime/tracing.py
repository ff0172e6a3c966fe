"""Traces by OpenTelemetry, where OTLP_ENDPOINT is set. Elsewhere a span is a look at a variable.

A trace begins with a request, or with a job that no traced request made. What runs inside adds
spans only where its trace is kept: as the client's `traceparent` says, or one of 1 / TRACES_RATIO.
Attributes are named by OpenTelemetry's conventions. None has anything of an athlete, nor what a
client wrote, but for an operation's name.
"""

from contextvars import ContextVar, Token
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from random import random
from threading import Thread
from time import time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from settings import InvalidSettings, Settings

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

    from runtime.span_export import SpanExport

_FLUSH_S = 2.0

_current: ContextVar["Span | None"] = ContextVar("span", default=None)
"""The span that is under way, of a trace that is kept."""


class SpanKind(Enum):
    """Which side of a call a span is; the values are OpenTelemetry's names."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


@dataclass(slots=True)
class _Tracing:
    """What a process that traces has."""

    export: "SpanExport"
    ratio: float


_tracing: _Tracing | None = None


def begin(settings: Settings, process: str, version: str) -> None:
    """Trace this process from now on, if OTLP_ENDPOINT is set. Raises InvalidSettings."""
    global _tracing  # noqa: PLW0603 - spans are made everywhere, as log lines are
    if settings.otlp_endpoint is None:
        _tracing = None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from runtime.span_export import SpanExport
    except ImportError:
        raise InvalidSettings(
            "OTLP_ENDPOINT: needs OpenTelemetry, which is not installed. Install it: pip install "
            "'pacegraph[traces]'"
        ) from None
    resource = Resource.create(
        {
            "service.name": f"pacegraph-{process}",
            "service.namespace": "pacegraph",
            "service.version": version,
            "service.instance.id": uuid4().hex,
        }
    )
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
    export = SpanExport(BatchSpanProcessor(exporter), resource, version)
    _tracing = _Tracing(export, settings.traces_ratio)


def flush() -> None:
    """Send what is not sent yet: before a process ends. It takes 2 s at most.

    OpenTelemetry waits for a collector that does not answer, whatever time it is given.
    """
    if _tracing is not None:
        sending = Thread(target=_tracing.export.flush, daemon=True)
        sending.start()
        sending.join(_FLUSH_S)


class Span:
    """One step of a trace, open in its block. Errors give it a type, never their text."""

    __slots__ = ("_attributes", "_began_ns", "_kind", "_name", "_parent", "_token", "context")

    def __init__(
        self,
        name: str,
        kind: SpanKind,
        parent: "SpanContext | None",
        attributes: dict[str, Any],
    ) -> None:
        """Prepare it; `parent` has OpenTelemetry's ids of the step around it, None begins a trace.

        `attributes` may be shared by steps.
        """
        self._name, self._kind, self._parent = name, kind, parent
        self._attributes = attributes
        self._token: Token[Span | None]
        self.context: SpanContext
        """OpenTelemetry's ids of it, once it began."""

    def __enter__(self) -> Self:
        assert _tracing is not None
        self._attributes = {**self._attributes}
        self.context = _tracing.export.context_in(self._parent)
        self._token = _current.set(self)
        self._began_ns = time_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None:
            self.fail(kind.__name__)
        _current.reset(self._token)
        # a task that it began may outlive it, and must not change what is being sent
        attributes, self._attributes = self._attributes, {}
        assert _tracing is not None
        _tracing.export.take(
            self._name,
            self._kind.value,
            self.context,
            parent=self._parent,
            attributes=attributes,
            began_ns=self._began_ns,
            ended_ns=time_ns(),
        )

    def add(self, **attributes: Any) -> None:
        """Set attributes; `_` in their names stands for `.`, and `__` for `_`."""
        for name, value in attributes.items():
            self._attributes[_dotted(name)] = value

    def fail(self, error_type: str) -> None:
        """Say that the step failed."""
        self._attributes["error.type"] = error_type

    def rename(self, name: str) -> None:
        """Give it a name that was not known when it began."""
        self._name = name

    @property
    def trace_id(self) -> str | None:
        """The trace's id, in 32 hexadecimal digits; None where nothing is traced."""
        return format(self.context.trace_id, "032x")


class _NoSpan(Span):
    """Stands for a step of no trace."""

    __slots__ = ()

    def __init__(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add(self, **attributes: Any) -> None:
        pass

    def fail(self, error_type: str) -> None:
        pass

    def rename(self, name: str) -> None:
        pass

    @property
    def trace_id(self) -> str | None:
        return None


NO_SPAN = _NoSpan()
"""What there is where nothing is traced."""


def is_on() -> bool:
    """Tell whether this process traces."""
    return _tracing is not None


def is_chosen() -> bool:
    """Tell, by chance, whether a trace that begins now is kept; ask once for each."""
    return _tracing is not None and random() < _tracing.ratio  # noqa: S311 - no secret


def root(
    name: str,
    traceparent: str | None = None,
    kind: SpanKind = SpanKind.SERVER,
    attributes: dict[str, Any] | None = None,
) -> Span:
    """Begin what has no span around it: a trace, or a part of that which `traceparent` names."""
    if _tracing is None:
        return NO_SPAN
    parent = None if traceparent is None else _tracing.export.remote(traceparent)
    if not (is_chosen() if parent is None else parent.trace_flags.sampled):
        return NO_SPAN
    return Span(name, kind, parent, attributes or {})


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: dict[str, Any] | None = None
) -> Span:
    """Begin a step of the trace under way, if it is kept."""
    around = _current.get()
    return NO_SPAN if around is None else Span(name, kind, around.context, attributes or {})


def record(name: str, seconds: float, attributes: dict[str, Any]) -> None:
    """Add a trace of one step of a server, which ends now and took `seconds`; see `is_chosen`."""
    assert _tracing is not None
    export, ended_ns = _tracing.export, time_ns()
    export.take(
        name,
        SpanKind.SERVER.value,
        export.context_in(None),
        parent=None,
        attributes=attributes,
        began_ns=ended_ns - round(seconds * 1e9),
        ended_ns=ended_ns,
    )


def note(**attributes: Any) -> None:
    """Set attributes of the step under way; `_` in their names stands for `.`, and `__` for `_`."""
    if (current := _current.get()) is not None:
        current.add(**attributes)


def rename(name: str) -> None:
    """Give the step under way a name that was not known when it began."""
    if (current := _current.get()) is not None:
        current.rename(name)


def traceparent() -> str | None:
    """Get the step under way in the form of W3C Trace Context; None where nothing is traced."""
    if (current := _current.get()) is None:
        return None
    return f"00-{current.context.trace_id:032x}-{current.context.span_id:016x}-01"


@lru_cache(maxsize=64)  # names of attributes in the code
def _dotted(name: str) -> str:
    return ".".join(part.replace("\0", "_") for part in name.replace("__", "\0").split("_"))
