"""Which steps are traced, and what they tell."""

from contextvars import copy_context
from threading import Event
from time import monotonic

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from runtime import tracing
from runtime.span_export import SpanExport
from settings import load_settings
from tests.runtime.traced import traced

__all__ = ["traced"]

TRACE = "0af7651916cd43dd8448eb211c80319c"
KEPT, LEFT_OUT = f"00-{TRACE}-b7ad6b7169203331-01", f"00-{TRACE}-b7ad6b7169203331-00"


def test_without_a_collector_nothing_is_made():
    tracing.begin(load_settings(None), "tests", "0")
    assert not tracing.is_on()
    with tracing.root("a request", KEPT) as step:
        assert step is tracing.NO_SPAN
        assert tracing.span("a step") is tracing.NO_SPAN
        assert tracing.traceparent() is None
        tracing.note(a_b=1)
        tracing.rename("another")
    assert not tracing.is_chosen()
    tracing.flush()


class _Silent(InMemorySpanExporter):
    """Sends to a collector that does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.is_over = Event()

    def export(self, spans):
        self.is_over.wait(10)
        return super().export(spans)


def test_a_collector_that_does_not_answer_holds_up_no_end(monkeypatch):
    exporter = _Silent()
    export = SpanExport(BatchSpanProcessor(exporter), Resource.create({}))
    monkeypatch.setattr(tracing, "_tracing", tracing._Tracing(export, 0))
    monkeypatch.setattr(tracing, "_FLUSH_S", 0.2)
    with tracing.root("a request", KEPT):
        pass
    began = monotonic()
    tracing.flush()
    assert 0.1 < monotonic() - began < 5
    exporter.is_over.set()


@pytest.mark.parametrize(
    ("given", "ratio", "is_kept"),
    [(KEPT, 0, True), (LEFT_OUT, 1, False), (None, 0, False), (None, 1, True), ("00-x", 0, False),
     ("00-x", 1, True), (f"00-{'0' * 32}-b7ad6b7169203331-01", 0, False)],
)  # fmt: skip
def test_the_client_or_chance_decides(traced, given, ratio, is_kept):
    spans = traced(ratio)
    with tracing.root("a request", given) as step, tracing.span("a step"):
        assert (step.trace_id is not None) == is_kept
    assert [each.name for each in spans.get_finished_spans()] == (
        ["a step", "a request"] if is_kept else []
    )


def test_steps_are_parts_of_the_one_around_them(traced):
    spans = traced(0)
    with tracing.root("a request", KEPT) as step:
        assert step.trace_id == TRACE
        with tracing.span("a step", tracing.SpanKind.CLIENT, {"server.address": "x"}):
            tracing.note(http_response_status__code=404)
            tracing.rename("a known step")
            inner = tracing.traceparent()
        outer = tracing.traceparent()
    assert tracing.traceparent() is None
    step, request = spans.get_finished_spans()
    assert step.name == "a known step"
    assert dict(step.attributes) == {"server.address": "x", "http.response.status_code": 404}
    assert step.parent.span_id == request.context.span_id
    assert request.parent.span_id == 0xB7AD6B7169203331
    assert outer == f"00-{TRACE}-{request.context.span_id:016x}-01"
    assert inner == f"00-{TRACE}-{step.context.span_id:016x}-01"


def test_an_error_tells_its_type_and_not_its_text(traced):
    spans = traced(1)
    with pytest.raises(ValueError, match="secret"), tracing.root("a request"):
        raise ValueError("a secret")
    [span] = spans.get_finished_spans()
    assert dict(span.attributes) == {"error.type": "ValueError"}
    assert span.status.is_ok is False
    assert "secret" not in span.to_json()


def test_what_ended_is_traced_with_its_time(traced):
    spans = traced(1)
    tracing.record("at once", 0.25, {"http.route": "/graphql"})
    [span] = spans.get_finished_spans()
    assert span.end_time - span.start_time == 250_000_000
    assert span.parent is None


def test_what_outlives_a_step_does_not_change_it(traced):
    spans, late = traced(1), []
    with tracing.root("a request"):
        late.append(copy_context())
        tracing.note(known=1)
    late[0].run(tracing.note, late=2)
    [span] = spans.get_finished_spans()
    assert dict(span.attributes) == {"known": 1}


def test_steps_share_what_they_were_given_and_not_what_they_add(traced):
    spans, given = traced(1), {"db.system.name": "postgresql"}
    for number in range(2):
        with tracing.root("a step", attributes=given):
            tracing.note(**{f"of_{number}": number})
    found = [dict(each.attributes) for each in spans.get_finished_spans()]
    assert found == [{**given, f"of.{number}": number} for number in range(2)]
