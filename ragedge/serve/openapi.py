"""The OpenAPI document of ``/ragedge/v1``, made from the same types that the routes read and write."""

from __future__ import annotations

import functools
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from ragedge import __version__
from ragedge.datatypes import Answer, IngestReport, ScoredChunk, SearchTimings
from ragedge.index.feedback import Feedback
from ragedge.serve.ragedge_v1 import PREFIX, AskRequest, FeedbackRequest, SearchRequest

_REF = "#/components/schemas/{model}"
_ASKED = (400, 409, 413, 429, 500, 503)
_JSON, _EVENTS, _TEXT, _BYTES = (
    "application/json",
    "text/event-stream",
    "text/plain",
    "application/octet-stream",
)
_PNG, _WEBP = "image/png", "image/webp"
_SCHEMA = {"schema": {"type": "integer", "const": 1}}
_STRINGS = {"type": "array", "items": {"type": "string"}}


@functools.cache
def document() -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ragedge",
            "version": __version__,
            "description": "A device's own manuals, asked on the device. Beside it the same server speaks OpenAI's "
            "format below /v1 and Ollama's below /api.",
        },
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def _paths() -> dict[str, Any]:
    source = {
        "name": "source", "in": "path", "required": True, "description": "The document's name; may hold slashes.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 512},
    }  # fmt: skip
    meta = {
        "name": "meta", "in": "query", "description": "Metadata, KEY=VALUE; repeatable.",
        "schema": _STRINGS,
    }  # fmt: skip
    number = {
        "name": "number", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0},
    }  # fmt: skip
    name = {
        "name": "name", "in": "path", "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
    }  # fmt: skip
    page: list[dict[str, Any]] = [
        {"name": "source", "in": "query", "required": True, "schema": source["schema"]},
        {
            "name": "page", "in": "query", "description": "From 1; left out for a file without pages.",
            "schema": {"type": "integer", "minimum": 1, "maximum": (1 << 31) - 1},
        },
    ]  # fmt: skip
    quote = {
        "name": "quote", "in": "query", "description": "START-END in the page's text, in code points; repeatable.",
        "schema": {"type": "array", "items": {"type": "string", "pattern": "^[0-9]{1,9}-[0-9]{1,9}$"}, "maxItems": 50},
    }  # fmt: skip
    width = {
        "name": "width", "in": "query", "description": "In pixels.",
        "schema": {"type": "integer", "minimum": 100, "maximum": 3000},
    }  # fmt: skip
    upload = {"required": True, "content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}}}
    return {
        f"{PREFIX}/health": {"get": _operation("Say whether it can answer.", "Health")},
        f"{PREFIX}/ask": {
            "post": _operation(
                "Answer a question, whole or (with `stream`) as the events sentence, answer and error.",
                "Answer", "AskRequest", also=_EVENTS, refused=_ASKED,
            )
        },
        f"{PREFIX}/search": {
            "post": _operation("Find passages.", "SearchResult", "SearchRequest", refused=_ASKED)
        },
        f"{PREFIX}/status": {"get": _operation("Show documents and settings.", "Status", refused=(409, 429, 500))},
        f"{PREFIX}/documents": {"get": _operation("List the documents.", "Documents", refused=(429, 500))},
        f"{PREFIX}/documents/{{source}}": {
            "put": _operation(
                "Take in a document; to who accepts text/event-stream as the events progress, report and error.",
                "IngestReport", also=_EVENTS, parameters=[source, meta], body=upload,
                refused=(400, 404, 409, 413, 422, 429, 500, 503),
            ),
            "delete": _operation(
                "Remove a document.", "Removed", parameters=[source], refused=(404, 409, 429, 500, 503)
            ),
        },
        f"{PREFIX}/pages": {
            "get": _operation(
                "A page's text and blocks, and where quotes stand on its picture.", "Page",
                parameters=[*page, quote], refused=(400, 404, 409, 429, 500),
            )
        },
        f"{PREFIX}/pages/picture": {
            "get": _operation(
                "A page of a PDF as a picture.", None, media=_PNG, also=_WEBP, parameters=[*page, width],
                refused=(400, 404, 409, 422, 429, 500, 501),
            )
        },
        f"{PREFIX}/tuning": {
            "get": _operation("What tuning tried and found.", "Tuning", refused=(429, 500))
        },
        f"{PREFIX}/feedback": {
            "get": _operation("List the verdicts.", "FeedbackList", refused=(409, 429, 500)),
            "post": _operation(
                "Say whether a page is right for a question.", "Added", "FeedbackRequest", status=201,
                refused=(400, 404, 409, 413, 429, 500, 503),
            ),
        },
        f"{PREFIX}/feedback/{{number}}": {
            "delete": _operation(
                "Take a verdict back.", "RemovedFeedback", parameters=[number], refused=(404, 409, 429, 500, 503)
            )
        },
        f"{PREFIX}/sessions": {"get": _operation("List the conversations.", "Sessions", refused=(409, 429, 500))},
        f"{PREFIX}/sessions/{{name}}": {
            "delete": _operation(
                "Forget a conversation.", "Cleared", parameters=[name], refused=(400, 404, 409, 429, 500, 503)
            )
        },
        f"{PREFIX}/metrics": {"get": _operation("What Prometheus reads.", None, media=_TEXT)},
        f"{PREFIX}/openapi.json": {"get": _operation("This document.", "Document")},
    }  # fmt: skip


def _operation(
    summary: str,
    result: str | None,
    request: str = "",
    *,
    status: int = 200,
    media: str = _JSON,
    also: str = "",
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
    refused: tuple[int, ...] = (),
) -> dict[str, Any]:
    schema = {"type": "string"} if result is None else {"$ref": _REF.format(model=result)}
    content: dict[str, Any] = {media: {"schema": schema}}
    if also:
        content[also] = {"schema": {"$ref": _REF.format(model="Event")}}
    error = {"content": {_JSON: {"schema": {"$ref": _REF.format(model="Error")}}}, "description": "Refused."}
    responses = {str(status): {"description": "Done.", "content": content}}
    for code in sorted({*refused, 401, 403}):
        responses[str(code)] = error
    if 429 in refused:
        retry = {"retry-after": {"schema": {"type": "integer"}, "description": "Seconds."}}
        responses["429"] = {**error, "description": "Busy.", "headers": retry}
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if parameters:
        operation["parameters"] = parameters
    if request:
        body = {"required": True, "content": {_JSON: {"schema": {"$ref": _REF.format(model=request)}}}}
    if body:
        operation["requestBody"] = body
    return operation


def _schemas() -> dict[str, Any]:
    requests = models_json_schema(
        [(model, "validation") for model in (AskRequest, SearchRequest, FeedbackRequest)], ref_template=_REF
    )[1]["$defs"]
    _, more = TypeAdapter.json_schemas(
        [
            (kind.__name__, "serialization", TypeAdapter(kind))
            for kind in (Answer, IngestReport, ScoredChunk, SearchTimings, Feedback)
        ],
        ref_template=_REF,
    )
    found: dict[str, Any] = {**requests, **more["$defs"]}
    for kind in ("Answer", "IngestReport"):
        found[kind] = {**found[kind], "properties": {**_SCHEMA, **found[kind]["properties"]}}
    # Inside alone: what as_dict leaves out, and how it names a renamed source.
    for hidden in ("context", "spans"):
        found["ScoredChunk"]["properties"].pop(hidden)
    found.pop("PlacedSpan")
    found["Renamed"] = _object({"from": {"type": "string"}, "to": {"type": "string"}})
    hits = {"type": "array", "items": {"$ref": _REF.format(model="ScoredChunk")}}
    number = {"type": "integer"}
    return {
        **found,
        "Error": _object(
            {"error": _object({"type": {"type": "string"}, "message": {"type": "string"}, "hint": {"type": "string"}})}
        ),
        "Health": _object(
            {
                "status": {"enum": ["ok", "stopping"]}, "version": {"type": "string"}, "documents": number,
                "generating": {"type": "boolean"}, "waiting": number,
            }
        ),
        "SearchResult": _object(
            {"hits": hits, "notes": _STRINGS, "timings": {"$ref": _REF.format(model="SearchTimings")}}
        ),
        "Status": {"type": "object", "description": "As `ragedge status --json` prints it."},
        "Documents": _object({"documents": {"type": "array", "items": {"$ref": _REF.format(model="Source")}}}),
        "Source": {
            "type": "object",
            "properties": {
                "source": {"type": "string"}, "sha256": {"type": "string"}, "pages": number, "chunks": number,
                "metadata": {"type": "object"}, "superseded_by": {"type": ["string", "null"]},
            },
            "required": ["source", "sha256", "pages", "chunks", "metadata", "superseded_by"],
        },
        "Page": _object(
            {
                "source": {"type": "string"}, "page": {"type": ["integer", "null"]},
                "page_label": {"type": ["string", "null"]}, "pages": number, "text": {"type": "string"},
                "blocks": {"type": "array", "items": {"type": "object"}},
                "quotes": {"type": "array", "items": {"$ref": _REF.format(model="Quote")}},
                "picture": {"type": ["object", "null"], "description": "`width` and `height` in points."},
                "picture_missing": {"type": ["object", "null"], "description": "`code` and `message`."},
            }
        ),
        "Quote": {
            "type": "object",
            "properties": {
                "start": number, "end": number,
                "boxes": {
                    "type": "array", "items": {"type": "array", "items": {"type": "number"}},
                    "description": "Left, top, right, bottom in shares of the page, one for each line; "
                    "none where it was not found.",
                },
            },
            "required": ["start", "end", "boxes"],
        },
        "Tuning": _object(
            {
                "result": {"type": ["object", "null"], "description": "As `ragedge tune --show --json` prints it."},
                "tuned": {"type": "object"}, "trials": {"type": "array", "items": {"type": "object"}},
            }
        ),
        "Event": {
            "type": "object",
            "description": "A server-sent event; its data is JSON.",
            "properties": {
                "event": {"enum": ["sentence", "answer", "progress", "report", "error"]},
                "data": {"type": "string", "contentMediaType": "application/json"},
            },
            "required": ["event", "data"],
        },
        "Removed": _object({"removed": _STRINGS}),
        "RemovedFeedback": _object({"removed": {"type": "array", "items": number}}),
        "FeedbackList": _object({"feedback": {"type": "array", "items": {"$ref": _REF.format(model="Feedback")}}}),
        "Added": _object({"id": number}),
        "Sessions": _object({"sessions": _STRINGS}),
        "Cleared": _object({"cleared": {"type": "string"}}),
        "Document": {"type": "object"},
    }  # fmt: skip


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    top = (
        _SCHEMA if "error" not in properties and "type" not in properties and "from" not in properties else {}
    )
    return {"type": "object", "properties": {**top, **properties}, "required": [*top, *properties]}
