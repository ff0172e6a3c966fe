"""Traces of the process that tests run in."""

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from runtime import tracing
from runtime.span_export import SpanExport


@pytest.fixture
def traced(monkeypatch):
    """Traces this process with a ratio; gives what was traced."""
    exporter = InMemorySpanExporter()

    def begin(ratio: float) -> InMemorySpanExporter:
        export = SpanExport(SimpleSpanProcessor(exporter), Resource.create({}))
        monkeypatch.setattr(tracing, "_tracing", tracing._Tracing(export, ratio))
        return exporter

    return begin
