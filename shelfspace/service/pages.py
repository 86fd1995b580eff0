"""What the OpenAPI page says of a route: what it takes, what comes back, every error, with examples."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter

from shelfspace.service.bodies import Rows
from shelfspace.service.photos import FIELD
from shelfspace.service.problems import CODES
from shelfspace.service.questions import Question
from shelfspace.service.reading import ID_PATTERN, MAX_ID
from shelfspace.service.shapes import (
    Accepted,
    Answered,
    Exported,
    Forgotten,
    Groups,
    Hits,
    Home,
    Labels,
    Offers,
    Problem,
    Shoppers,
)

Json = dict[str, Any]

SECURITY = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of the shop, `Authorization: Bearer ss_…`. Asking needs the scope `read`, writing "
        "`write`, a shopper's own data `admin`.",
    }
}

SUBJECTS: Mapping[str, str] = {"item": "sku-42", "user": "user-7", "phrase": "red wool scarf"}

EVERYWHERE = (401, 403, 429)
"""Errors that the edge may answer to anything."""

MESSAGES: Mapping[int, str] = {
    401: "a key is needed: send it as Authorization: Bearer ss_…",
    403: "this key has no scope for that",
    404: "unknown item 'sku-43'; did you mean 'sku-42'?",
    408: "the body came too slowly",
    413: "a body has at most 10,485,760 bytes",
    415: "a body is application/json, not text/plain",
    422: "k: Input should be less than or equal to 1000",
    429: "too many requests; wait a second",
    500: "the server could not answer; its log says why under this request_id",
    503: "the store cannot be written now: the disk is full; free some space",
    504: "no answer within 10 s; ask for less at once",
}

_HIT = {"subject": "sku-42", "rank": 1, "item_id": "sku-7", "title": "blue wool scarf", "score": 0.83}

EXAMPLES: Mapping[type[BaseModel], Json] = {
    Hits: {"hits": [_HIT], "notes": []},
    Shoppers: {
        "hits": [{"subject": "user-7", "rank": 1, "user_id": "user-9", "title": "user-9", "score": 1.4}],
        "notes": [],
    },
    Offers: {
        "hits": [
            {
                "subject": "user-7",
                "rank": 1,
                "offer_id": "c-12",
                "title": "c-12",
                "score": 0.2,
                "campaign": "spring",
            }
        ],
        "notes": [],
    },
    Groups: {
        "groups": [
            [
                {"group": 1, "item_id": i, "title": "red scarf", "catalogue": "own", "score": 0.97}
                for i in ("sku-42", "sku-43")
            ]
        ],
        "pairs": [],
        "notes": [],
    },
    Labels: {
        "labels": [
            {
                "subject": "sku-42",
                "title": "red scarf",
                "column": "category",
                "rank": 1,
                "label": "scarves",
                "score": 0.95,
                "given": None,
            }
        ],
        "notes": [],
    },
    Accepted: {"accepted": 1, "duplicates": 0, "seq": 1042, "unknown_items": []},
    Forgotten: {"forgotten": True, "seq": 1043, "note": "weights forget at the next training"},
    Exported: {
        "user_id": "user-7",
        "history": [
            {"item_id": "sku-42", "timestamp": "2026-05-01T10:00:00+00:00", "event": "view", "weight": 1.0}
        ],
        "profile": {},
        "records": [],
    },
    Home: {
        "name": "shelfspace",
        "version": "0.1.0",
        "space_version": 3,
        "seq": 1042,
        "num_items": 92353,
        "num_users": 2469,
        "tasks": {"similar": "/similar/{item}"},
        "docs": "/docs",
        "openapi": "/openapi.json",
    },
}


def responses(answer: type[BaseModel], errors: Iterable[int]) -> dict[int | str, Json]:
    """Return what a route may answer, with an example of each."""
    found: dict[int | str, Json] = {
        200: {
            "model": answer,
            "description": (answer.__doc__ or "").strip(),
            "content": {"application/json": {"example": EXAMPLES[answer]}},
        }
    }
    if issubclass(answer, Answered):
        found[200]["headers"] = {
            "X-Space-Version": {"description": "of the space that answered", "schema": {"type": "string"}},
            "X-List-Id": {"description": "what this answer is called", "schema": {"type": "string"}},
            "X-Variant": {
                "description": "which of two spaces answered, where there are two",
                "schema": {"type": "string"},
            },
        }
    for status in sorted({*errors, *EVERYWHERE, 500}):
        code = {404: "unknown_id"}.get(status, CODES[status])
        error = {"code": code, "message": MESSAGES[status], "request_id": "f00d"}
        found[status] = {
            "model": Problem,
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"example": {"error": error}}},
        }
        if status in (429, 503):
            found[status]["headers"] = {
                "Retry-After": {"description": "seconds", "schema": {"type": "string"}}
            }
    return found


def asked_of_one(question: Question) -> Json:
    """Return the parameters of `GET /TASK/SUBJECT`."""
    subject = question.subject
    path = {
        "name": subject.name,
        "in": "path",
        "required": True,
        "description": f"{subject.description} Percent-encoded; it may hold slashes.",
        "schema": {"type": "string", "minLength": 1},
        "example": SUBJECTS[subject.name],
    }
    return {"parameters": [path, *_query(question, but=subject.name)], **_text(question)}


def asked_of_any(question: Question) -> Json:
    """Return the parameters of `GET /TASK`."""
    found = _query(question)
    for parameter in found:
        if parameter["name"] == question.subject.name:
            parameter["example"] = SUBJECTS[question.subject.name]
            parameter["required"] = question.subject.required
    return {"parameters": found, **_text(question)}


def asked_of_many(question: Question) -> Json:
    """Return the body of `POST /TASK`."""
    schema = inlined(question.of_body)
    if question.subject.required:
        schema["required"] = [question.subject.name]
    example: Json = {question.subject.name: SUBJECTS[question.subject.name], "k": 5}
    example = {name: value for name, value in example.items() if name in schema["properties"]}
    content = {"application/json": {"schema": schema, "example": example}}
    if question.takes_photo:
        photo = {
            "type": "string",
            "format": "binary",
            "description": "a photo: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF",
        }
        form = {**schema, "properties": {**_plain(schema["properties"]), FIELD: photo}, "required": [FIELD]}
        content["multipart/form-data"] = {"schema": form}
    return {"requestBody": {"required": True, "content": content}, **_text(question)}


def rows(kind: Rows, most: int) -> Json:
    """Return the body of a route that takes one row or many."""
    one = inlined(kind.one)
    schema = {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": most}]}
    example: Json = {"item_id": "sku-42", "user_id": "user-7"}
    example |= {"list_id": "l-1", "place": 1} if "list_id" in kind.required else {"event_id": "e-1"}
    return _body(schema, [example])


def identified(name: str, example: str) -> Json:
    """Return the parameter of a path that names an item or a shopper."""
    schema = {"type": "string", "minLength": 1, "maxLength": MAX_ID, "pattern": ID_PATTERN}
    path = {"name": name, "in": "path", "required": True, "schema": schema, "example": example}
    return {
        "parameters": [{**path, "description": "Percent-encoded; it may hold slashes."}],
        "security": [{"key": []}],
    }


def columns(path: Json, adapter: TypeAdapter[Any], example: Json) -> Json:
    """Return what a route takes that puts or changes columns."""
    return {**path, **_body(inlined(adapter), example)}


def inlined(adapter: TypeAdapter[Any]) -> Json:
    """Return the schema of a type, whole where it stands."""
    schema = adapter.json_schema()
    definitions = schema.pop("$defs", {})

    def whole(part: Any) -> Any:
        if isinstance(part, dict):
            if "$ref" in part:
                rest = {key: value for key, value in part.items() if key != "$ref"}
                return {**whole(definitions[part["$ref"].rpartition("/")[2]]), **whole(rest)}
            return {
                key: whole(value) for key, value in part.items() if key != "title" or isinstance(value, dict)
            }
        return [whole(one) for one in part] if isinstance(part, list) else part

    found: Json = whole(schema)
    return found


def _query(question: Question, *, but: str | None = None) -> list[Json]:
    found = []
    for name, schema in inlined(question.of_query)["properties"].items():
        if name != but:
            said = schema.pop("description", "")
            found.append(
                {"name": name, "in": "query", "required": False, "description": said, "schema": schema}
            )
    return found


def _plain(properties: Json) -> Json:
    """Return the fields of a form: texts, numbers, flags, and lists of texts."""
    found = {}
    for name, schema in properties.items():
        kinds = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
        plain = {**{k: v for k, v in schema.items() if k != "anyOf"}, **kinds[0]}
        found[name] = {k: v for k, v in plain.items() if k not in ("minItems", "maxItems")}
    return found


def _body(schema: Json, example: Any) -> Json:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}, "security": [{"key": []}]}


def _text(question: Question) -> Json:
    return {"security": [{"key": []}]}
