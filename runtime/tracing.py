"""Traces by OpenTelemetry, where OTLP_ENDPOINT is set. Elsewhere a span is a look at a variable.

A trace begins with a request, or with a job that no traced request made. What runs inside adds
spans only where its trace is kept: as the client's `traceparent` says, or one of 1 / TRACES_RATIO.
Attributes are named by OpenTelemetry's conventions. None has anything of an athlete, nor what a
client wrote, but for an operation's name.
"""

from collections.abc import Callable
from contextvars import ContextVar, Token
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from random import random
from threading import Thread
from time import time_ns
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from settings import InvalidSettings, Settings

_FLUSH_S = 2.0
_FIELD = "traceparent"

_current: ContextVar[Any] = ContextVar("span", default=None)
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

    provider: Any
    tracer: Any
    ratio: float
    kinds: dict[SpanKind, Any]
    """OpenTelemetry's own."""
    with_span: Callable[[Any], Any]
    """Makes the context in which a span is under way."""
    empty: Any
    """The context without one."""

    @classmethod
    def of(cls, provider: Any, ratio: float, version: str = "") -> Self:
        """Make it. OpenTelemetry is there, and is not looked for again at each step."""
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind as Kind
        from opentelemetry.trace import set_span_in_context

        kinds = {each: Kind[each.value] for each in SpanKind}
        tracer = provider.get_tracer("pacegraph", version)
        return cls(provider, tracer, ratio, kinds, set_span_in_context, Context())


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
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON
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
    provider = TracerProvider(resource=resource, sampler=ALWAYS_ON, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracing = _Tracing.of(provider, settings.traces_ratio, version)


def flush() -> None:
    """Send what is not sent yet: before a process ends. It takes 2 s at most.

    OpenTelemetry waits for a collector that does not answer, whatever time it is given.
    """
    if _tracing is not None:
        sending = Thread(target=_tracing.provider.force_flush, daemon=True)
        sending.start()
        sending.join(_FLUSH_S)


class Span:
    """One step of a trace, open in its block. Errors give it a type, never their text."""

    __slots__ = ("_attributes", "_kind", "_name", "_parent", "_span", "_token")

    def __init__(self, name: str, kind: SpanKind, parent: Any, attributes: dict[str, Any]) -> None:
        """Prepare it; `parent` is an OpenTelemetry context."""
        self._name, self._kind, self._parent = name, kind, parent
        self._attributes = attributes
        self._span: Any = None
        self._token: Token[Any] | None = None

    def __enter__(self) -> Self:
        assert _tracing is not None
        self._span = _tracing.tracer.start_span(
            self._name, self._parent, _tracing.kinds[self._kind], self._attributes
        )
        self._token = _current.set(self._span)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is not None:
            self.fail(kind.__name__)
        assert self._token is not None
        _current.reset(self._token)
        self._span.end()

    def add(self, **attributes: Any) -> None:
        """Set attributes; `_` in their names stands for `.`, and `__` for `_`."""
        for name, value in attributes.items():
            self._span.set_attribute(_dotted(name), value)

    def fail(self, error_type: str) -> None:
        """Say that the step failed."""
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("error.type", error_type)
        self._span.set_status(Status(StatusCode.ERROR))

    @property
    def trace_id(self) -> str | None:
        """The trace's id, in 32 hexadecimal digits; None where nothing is traced."""
        return format(self._span.get_span_context().trace_id, "032x")


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

    @property
    def trace_id(self) -> str | None:
        return None


NO_SPAN = _NoSpan()
"""What there is where nothing is traced."""


def is_on() -> bool:
    """Tell whether this process traces."""
    return _tracing is not None


def root(
    name: str,
    traceparent: str | None = None,
    kind: SpanKind = SpanKind.SERVER,
    attributes: dict[str, Any] | None = None,
) -> Span:
    """Begin what has no span around it: a trace, or a part of that which `traceparent` names."""
    if _tracing is None:
        return NO_SPAN
    parent = None
    if traceparent is not None:
        parent, is_kept = _remote(traceparent)
        if is_kept is False:
            return NO_SPAN
    if parent is None:
        if random() >= _tracing.ratio:  # noqa: S311 - chance, no secret
            return NO_SPAN
        parent = _tracing.empty
    return Span(name, kind, parent, attributes or {})


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: dict[str, Any] | None = None
) -> Span:
    """Begin a step of the trace under way, if it is kept."""
    parent = _current.get()
    if parent is None:
        return NO_SPAN
    assert _tracing is not None
    return Span(name, kind, _tracing.with_span(parent), attributes or {})


def record(name: str, seconds: float, attributes: dict[str, Any]) -> None:
    """Add a trace of one step of a server, which ends now and took `seconds`, by its chance."""
    if _tracing is None or random() >= _tracing.ratio:  # noqa: S311 - as above
        return
    ended = time_ns()
    began = ended - round(seconds * 1e9)
    made = _tracing.tracer.start_span(
        name, _tracing.empty, _tracing.kinds[SpanKind.SERVER], attributes, start_time=began
    )
    made.end(ended)


def note(**attributes: Any) -> None:
    """Set attributes of the step under way; `_` in their names stands for `.`, and `__` for `_`."""
    if (current := _current.get()) is not None:
        for name, value in attributes.items():
            current.set_attribute(_dotted(name), value)


def rename(name: str) -> None:
    """Give the step under way a name that was not known when it began."""
    if (current := _current.get()) is not None:
        current.update_name(name)


def traceparent() -> str | None:
    """Get the step under way in the form of W3C Trace Context; None where nothing is traced."""
    if (current := _current.get()) is None:
        return None
    facts = current.get_span_context()
    return f"00-{facts.trace_id:032x}-{facts.span_id:016x}-01"


@lru_cache(maxsize=64)  # names of attributes in the code
def _dotted(name: str) -> str:
    return ".".join(part.replace("\0", "_") for part in name.replace("__", "\0").split("_"))


def _remote(traceparent: str) -> tuple[Any, bool | None]:
    """Read a field: OpenTelemetry's context, and whether it is kept; None for both if it is bad."""
    from opentelemetry.context import Context
    from opentelemetry.trace import get_current_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    found = TraceContextTextMapPropagator().extract({_FIELD: traceparent}, Context())
    facts = get_current_span(found).get_span_context()
    return (found, facts.trace_flags.sampled) if facts.is_valid else (None, None)
