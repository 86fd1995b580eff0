"""The routes: three for each task, made from its signature, and those of writing; and what the OpenAPI page says."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from shelfspace import doors
from shelfspace.service import pages
from shelfspace.service.asking import Asking
from shelfspace.service.bodies import EVENT, IMPRESSION, PROFILE, listing
from shelfspace.service.direct import Direct
from shelfspace.service.persons import Persons
from shelfspace.service.questions import Question
from shelfspace.service.shapes import ANSWERS, Accepted, Exported, Forgotten, Hits
from shelfspace.service.writing import Written
from shelfspace.tasks import TASKS

Endpoint = Callable[[Request], Awaitable[Response]]


def add_asking(router: APIRouter, asking: Asking) -> None:
    """Add the routes of every task."""
    questions = [Question.of(name, task, asking.settings) for name, task in TASKS.items()]
    for question in questions:
        subject = question.subject.name
        answer = ANSWERS.get(question.name, Hits)
        add = partial(_add, router, tag="asking", summary=doors.summary(question.ask), answer=answer)
        add(
            "GET",
            f"/{question.name}/{{{subject}:path}}",
            partial(asking.about_one, question),
            f"{question.name}_of",
            extra=pages.asked_of_one(question),
            errors=(404, 422, 503, 504),
        )
    for question in questions:
        answer = ANSWERS.get(question.name, Hits)
        add = partial(_add, router, tag="asking", summary=doors.summary(question.ask), answer=answer)
        add(
            "GET",
            f"/{question.name}",
            partial(asking.about_any, question),
            question.name,
            extra=pages.asked_of_any(question),
            errors=(404, 422, 503, 504),
        )
        add(
            "POST",
            f"/{question.name}",
            partial(asking.about_many, question),
            f"{question.name}_many",
            extra=pages.asked_of_many(question),
            errors=(404, 413, 415, 422, 503, 504),
        )


def add_writing(router: APIRouter, written: Written, persons: Persons) -> None:
    """Add the routes of writing, and those of a shopper's own data."""
    add = partial(_add, router, tag="writing", answer=Accepted)
    body_errors, most = (413, 415, 422, 503), written.settings.max_events
    columns, _ = listing(written.live.space.catalogue.table.schema)
    add(
        "POST",
        "/events",
        written.events,
        "events",
        "Keep what shoppers did.",
        pages.rows(EVENT, most),
        body_errors,
    )
    add(
        "POST",
        "/impressions",
        written.impressions,
        "impressions",
        "Keep what shoppers were shown.",
        pages.rows(IMPRESSION, most),
        body_errors,
    )
    item, user = pages.identified("item_id", "sku-42"), pages.identified("user_id", "user-7")
    new, some = (
        pages.columns(item, columns, {"title": "red wool scarf", "price": 12.5}),
        pages.columns(item, columns, {"available": False}),
    )
    add(
        "PUT", "/items/{item_id:path}", written.put_item, "put_item", "Put a whole listing.", new, body_errors
    )
    add(
        "PATCH",
        "/items/{item_id:path}",
        written.patch_item,
        "patch_item",
        "Change columns.",
        some,
        body_errors,
    )
    add(
        "DELETE",
        "/items/{item_id:path}",
        written.delete_item,
        "delete_item",
        "Take an item out of every answer at once.",
        item,
        (422, 503),
    )
    profile = pages.columns(user, PROFILE, {"age": "25-34"})
    add("PUT", "/users/{user_id:path}", written.put_user, "put_user", "Put a profile.", profile, body_errors)
    add(
        "PATCH", "/users/{user_id:path}", written.patch_user, "patch_user", "Change it.", profile, body_errors
    )
    own = partial(_add, router, tag="shoppers' own data", extra=user, errors=(422, 503))
    own(
        "DELETE",
        "/users/{user_id:path}",
        persons.forget,
        "forget_user",
        summary="Forget a shopper: events, history, profile.",
        answer=Forgotten,
    )
    own(
        "GET",
        "/users/{user_id:path}/export",
        persons.export,
        "export_user",
        summary="Return everything held of a shopper.",
        answer=Exported,
    )


def _add(
    router: APIRouter,
    method: str,
    path: str,
    endpoint: Endpoint,
    name: str,
    summary: str,
    extra: Mapping[str, Any],
    errors: Iterable[int],
    *,
    tag: str,
    answer: type[Any],
) -> None:
    router.add_api_route(
        path,
        endpoint,
        methods=[method],
        operation_id=name,
        name=name,
        tags=[tag],
        summary=summary,
        response_class=Response,
        responses=pages.responses(answer, errors),
        openapi_extra=dict(extra),
        route_class_override=Direct,
    )
