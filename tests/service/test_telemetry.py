import pytest

from shelfspace.service import telemetry
from shelfspace.service.edge.watching import Watch
from shelfspace.service.telemetry import Traced, traced, tracer
from tests.service.edge.asking import ask, fine

trace = pytest.importorskip("opentelemetry.trace")

TRACE = 0x4BF92F3577B34DA6A3CE929D0E0E4736


class Span(trace.NonRecordingSpan):
    def __init__(self, parent):
        super().__init__(trace.SpanContext(TRACE, 5, is_remote=False))
        self.parent, self.said, self.name, self.ended, self.state = parent, {}, "", False, None

    def set_attribute(self, key, value):
        self.said[key] = value

    def update_name(self, name):
        self.name = name

    def set_status(self, status, description=None):
        self.state = status.status_code

    def end(self, end_time=None):
        self.ended = True


class Tracer:
    def __init__(self):
        self.spans = []

    def start_span(self, name, context=None, kind=None, attributes=None):
        span = Span(trace.get_current_span(context).get_span_context())
        span.said.update(attributes)
        self.spans.append(span)
        return span


def test_where_nothing_collects_spans_there_are_none():
    assert tracer() is None
    assert traced(fine, None) is fine


def test_a_span_has_the_callers_trace_and_says_no_id():
    made = Tracer()
    parent = f"00-{TRACE:032x}-00f067aa0ba902b7-01"
    assert (
        ask(Traced(fine, made), path="/similar/user-7?a=b", headers={"traceparent": parent}).status_code
        == 200
    )
    (span,) = made.spans
    assert span.parent.trace_id == TRACE
    assert span.ended
    assert span.said["http.response.status_code"] == 200
    assert span.name == "GET other"
    assert "user-7" not in str(span.said)


def test_what_happens_within_lies_within_the_span():
    seen = []

    async def within(scope, receive, send):
        seen.append(trace.get_current_span().get_span_context().span_id)
        await fine(scope, receive, send)

    ask(Traced(within, Tracer()))
    assert seen == [5]
    assert trace.get_current_span().get_span_context().span_id == 0


def test_a_fault_marks_the_span():
    async def failing(scope, receive, send):
        raise ValueError("no")

    made = Tracer()
    assert ask(Watch(Traced(failing, made))).status_code == 500
    assert made.spans[0].said["error.type"] == "ValueError"
    assert made.spans[0].state is trace.StatusCode.ERROR


def test_without_the_library_nothing_is_traced(monkeypatch):
    monkeypatch.setattr(telemetry, "trace", None)
    assert tracer() is None
