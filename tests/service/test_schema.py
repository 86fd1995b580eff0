"""What the OpenAPI page says is so: schemathesis asks all of it, well and badly, and finds nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("schemathesis")

from schemathesis import openapi
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import from_schema
from schemathesis.engine.events import NonFatalError, ScenarioFinished
from schemathesis.schemas import BaseSchema

REFUSED = [404, 405, 413, 415, 422]

CHECKS = {
    "enabled": False,
    "not_a_server_error": {"enabled": True},
    "status_code_conformance": {"enabled": True},
    "content_type_conformance": {"enabled": True},
    "response_headers_conformance": {"enabled": True},
    "response_schema_conformance": {"enabled": True},
    "negative_data_rejection": {"enabled": True, "expected-statuses": REFUSED},
    "unsupported_method": {"enabled": True},
}

SETTINGS = {
    "seed": 7,
    "checks": CHECKS,
    "generation": {"max-examples": 3, "deterministic": True, "no-shrink": True},
    "phases": {"stateful": {"enabled": False}},
}

UNASKED = "^/(ads|bundle|match)"
"""Tasks that are not fitted here; their routes are made as those of the others."""

KNOWN = frozenset({("GET /users/{user_id}/export", "unsupported_method")})
"""An id may end in `/export`: a profile may be put at that path."""


def test_nothing_is_found_that_the_page_does_not_say(served):
    config = SchemathesisConfig.from_dict(SETTINGS)
    schema = openapi.from_dict(_as_asked(served.app.openapi()), config=config)
    schema.app = served.app
    assert dict(_found(schema.exclude(path_regex=UNASKED))) == {}


def _found(schema: BaseSchema) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield what was found: the route and the check, and what was said of it."""
    for event in from_schema(schema).execute():
        if isinstance(event, NonFatalError):
            yield (event.label, "error"), str(event.info)
        elif isinstance(event, ScenarioFinished):
            for check in (check for checks in event.recorder.checks.values() for check in checks):
                place = (event.recorder.label, check.name)
                if check.failure_info is not None and place not in KNOWN:
                    failure = check.failure_info.failure
                    yield (
                        place,
                        f"{failure.title}: {failure.message}\n{check.failure_info.code_sample}"[:3_000],
                    )


def _as_asked(page: Any) -> Any:
    """Return the page with an item that this shop knows, and without keys, which the edge asks for."""
    if isinstance(page, dict):
        return {key: _as_asked(value) for key, value in page.items() if not key.startswith("security")}
    if isinstance(page, list):
        return [_as_asked(value) for value in page]
    return "sku-042" if page == "sku-42" else page
