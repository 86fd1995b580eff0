"""A span for each request where OpenTelemetry is set up, and nothing where it is not.

The span's parent is the caller's, from `traceparent` (W3C Trace Context, 2021); what the tasks or the store trace lies
within it. The API alone traces nothing: a provider must have been set, by `opentelemetry-instrument` or by code.
"""

from typing import Any

from shelfspace.service.edge.asgi import App, Message, Receive, Scope, Send
from shelfspace.service.edge.watching import method_of, route_of

try:
    from opentelemetry import context, propagate, trace
except ImportError:
    trace = None  # type: ignore[assignment]


def tracer() -> Any | None:
    """Return what makes spans, None where nothing collects them."""
    if trace is None or isinstance(trace.get_tracer_provider(), _SILENT):
        return None
    return trace.get_tracer("shelfspace")


def traced(app: App, made: Any | None) -> App:
    """Return an app with a span around each request; the app itself where there is no tracer."""
    return app if made is None else Traced(app, made)


class Traced:
    """A span around each request, named for its method and route.

    Args:
        app: what answers.
        tracer: makes the spans.
    """

    def __init__(self, app: App, tracer: Any) -> None:
        self.app, self.tracer = app, tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method = method_of(scope)
        span = self.tracer.start_span(
            method,
            context=propagate.extract(given),
            kind=trace.SpanKind.SERVER,
            attributes=_about(scope, method),
        )
        token = context.attach(trace.set_span_in_context(span))

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    span.set_status(trace.Status(trace.StatusCode.ERROR))
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except BaseException as problem:
            span.set_attribute("error.type", type(problem).__name__)
            span.set_status(trace.Status(trace.StatusCode.ERROR))
            raise
        finally:
            context.detach(token)
            route = route_of(scope)
            span.update_name(f"{method} {route}")
            span.set_attribute("http.route", route)
            span.end()


def _about(scope: Scope, method: str) -> dict[str, str]:
    """Return what a span says from the start; no path and no query, for they hold ids."""
    return {"http.request.method": method, "shelfspace.request_id": scope["state"]["request_id"]}


_SILENT: tuple[type, ...] = () if trace is None else (trace.ProxyTracerProvider, trace.NoOpTracerProvider)
