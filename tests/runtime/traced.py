"""Traces of the process that tests run in."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from runtime import tracing


@pytest.fixture
def traced(monkeypatch):
    """Traces this process with a ratio; gives what was traced."""
    exporter = InMemorySpanExporter()

    def begin(ratio: float) -> InMemorySpanExporter:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        made = tracing._Tracing.of(provider, ratio)
        monkeypatch.setattr(tracing, "_tracing", made)
        return exporter

    return begin
