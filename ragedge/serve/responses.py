"""Responses, and how a handler becomes a route: its errors take the form that its clients read."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ragedge.serve.jobs import Job
from ragedge.serve.refusals import RefusedError, as_refusal
from ragedge.serve.service import Service

log = logging.getLogger("ragedge.serve")

Handler = Callable[[Request, Service], Awaitable[Response]]
ErrorForm = Callable[[RefusedError], dict[str, Any]]

ROUTE = "ragedge.route"  # in a request's scope: the pattern it matched, for counting
_CLIENT_GONE = 499  # nginx's; nobody reads it, it only tells the counts apart


def dumps(value: Any) -> str:
    """Return JSON on one line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class JsonResponse(Response):
    """JSON as ``--json`` prints it: no NaN, nothing escaped that UTF-8 can say."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the bytes."""
        return dumps(content).encode()


class JobResponse(StreamingResponse):
    """Streams what a job hands out, and stops the job when the client is gone."""

    def __init__(self, job: Job[Any], content: AsyncIterator[str], media_type: str) -> None:
        # A proxy would hold back what it thinks is a file.
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(content, media_type=media_type, headers=headers)
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._job.stop()


def event(data: Any, name: str = "") -> str:
    """Return a server-sent event; data is a string that is sent as it is, or something for JSON."""
    text = data if isinstance(data, str) else dumps(data)
    return f"event: {name}\ndata: {text}\n\n" if name else f"data: {text}\n\n"


def plain_error(refusal: RefusedError) -> dict[str, Any]:
    """Return an error as ``--json`` prints it."""
    kind = refusal.code if refusal.code and not refusal.code.islower() else "RefusedError"
    return {"schema": 1, "error": {"type": kind, "message": refusal.message, "hint": refusal.hint}}


def refuse(refusal: RefusedError, form: ErrorForm) -> Response:
    """Return a refusal as a response."""
    headers: Mapping[str, str] = {}
    if refusal.retry_after_s is not None:
        headers = {"retry-after": str(refusal.retry_after_s)}
    if refusal.status == 401:
        headers = {"www-authenticate": "Bearer"}
    return JsonResponse(form(refusal), status_code=refusal.status, headers=dict(headers))


def noted(error: Exception) -> RefusedError:
    """Return what a client is told of an error, after logging one that is ours by its kind alone."""
    refusal = as_refusal(error)
    if refusal.status >= 500:
        log.error("request failed: %s", type(error).__name__)
    return refusal


def route(
    path: str, handler: Handler, service: Service, form: ErrorForm = plain_error, methods: tuple[str, ...] = ("GET",)
) -> Route:  # fmt: skip
    """Return a route whose handler gets the service, and whose errors take a dialect's form."""

    async def endpoint(request: Request) -> Response:
        request.scope[ROUTE] = path
        try:
            return await handler(request, service)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_GONE)
        except HTTPException:
            raise
        except Exception as exc:
            return refuse(noted(exc), form)

    return Route(path, endpoint, methods=list(methods))
