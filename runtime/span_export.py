"""Gives ended steps of traces to OpenTelemetry, which sends them in batches from its own thread.

Its tracer is left out: a span of that has a lock, limits, and a bounded copy of its attributes, which
costs more than all else of a step. Imported only where OTLP_ENDPOINT is set.
"""

from collections.abc import Mapping
from random import getrandbits
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_FIELD = "traceparent"
_KEPT = TraceFlags(TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID)
_STATUSES = {False: Status(StatusCode.UNSET), True: Status(StatusCode.ERROR)}
_ERROR_TYPE = "error.type"


class SpanExport:
    """Where ended steps go to."""

    def __init__(self, processor: SpanProcessor, resource: Resource, version: str = "") -> None:
        """Take what sends them, and whose they are."""
        self._processor, self._resource = processor, resource
        self._scope = InstrumentationScope("pacegraph", version)
        self._kinds = {each.name: each for each in SpanKind}
        self._fields = TraceContextTextMapPropagator()

    def remote(self, traceparent: str) -> SpanContext | None:
        """Read the field by which a client names the step around its request; None if it is bad."""
        found = self._fields.extract({_FIELD: traceparent}, Context())
        context = get_current_span(found).get_span_context()
        return context if context.is_valid else None

    def context_in(self, parent: SpanContext | None) -> SpanContext:
        """Make the ids of a step in another one's trace; None begins a trace."""
        if parent is None:
            return SpanContext(_number(128), _number(64), is_remote=False, trace_flags=_KEPT)
        return SpanContext(
            parent.trace_id,
            _number(64),
            is_remote=False,
            trace_flags=parent.trace_flags,
            trace_state=parent.trace_state,
        )

    def take(
        self,
        name: str,
        kind: str,
        context: SpanContext,
        *,
        parent: SpanContext | None,
        attributes: Mapping[str, Any],
        began_ns: int,
        ended_ns: int,
    ) -> None:
        """Take a step that ended; times are nanoseconds since 1970.

        It has failed if it has an `error.type`. `kind` is a name of OpenTelemetry's.
        """
        self._processor.on_end(
            ReadableSpan(
                name,
                context,
                parent,
                self._resource,
                attributes,
                kind=self._kinds[kind],
                status=_STATUSES[_ERROR_TYPE in attributes],
                start_time=began_ns,
                end_time=ended_ns,
                instrumentation_scope=self._scope,
            )
        )

    def flush(self) -> None:
        """Send what is not sent yet."""
        self._processor.force_flush()


def _number(bits: int) -> int:
    """Draw an id. None is 0, which stands for no id."""
    return getrandbits(bits) or _number(bits)
