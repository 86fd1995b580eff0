"""The order in which the layers stand around the app."""

from collections.abc import Callable

from starlette.middleware.cors import CORSMiddleware

from shelfspace.service.edge.asgi import App
from shelfspace.service.edge.keys import Keyring, Keys, RateLimit
from shelfspace.service.edge.limits import Limits
from shelfspace.service.edge.lines import request_lines
from shelfspace.service.edge.rates import Rates
from shelfspace.service.edge.watching import Watch
from shelfspace.service.metrics import Metrics
from shelfspace.service.settings import Serving
from shelfspace.service.telemetry import traced, tracer


def guarded(
    app: App,
    *,
    ring: Keyring,
    settings: Serving,
    metrics: Metrics,
    rates: Rates,
    put: Callable[[bytes], None],
    version: Callable[[], int],
) -> App:
    """Return an app with everything around it: who asks is known before a body is read.

    Args:
        app: what answers.
        ring: the store's keys.
        settings: the server's.
        metrics: counts requests.
        rates: the table that workers share.
        put: takes the log's lines.
        version: says the version of the space that answers.

    Raises:
        ConfigError: others can reach the server, and the store has no key.
    """
    inner: App = Limits(app, settings)
    if settings.rate is not None:
        inner = RateLimit(inner, rates, settings.rate, settings.burst_size)
    inner = Keys(inner, ring, settings, rates)
    if settings.cors:  # outside the keys: a browser asks for leave before it sends one
        inner = CORSMiddleware(
            inner,
            allow_origins=settings.cors,
            allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("authorization", "content-type", "x-api-key", "x-request-id"),
            expose_headers=("retry-after", "x-request-id", "x-space-version"),
        )
    inner = traced(inner, tracer())
    return Watch(inner, metrics.request, request_lines(put, version))
