"""Puts the server together: a knowledge base in, an ASGI application out."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ragedge.serve import ollama_dialect, openai_dialect, page, ragedge_v1
from ragedge.serve.access import Access, Gate
from ragedge.serve.refusals import RefusedError
from ragedge.serve.responses import ErrorForm, plain_error, refuse, route
from ragedge.serve.service import Service

if TYPE_CHECKING:
    from ragedge.knowledge_base import KnowledgeBase

log = logging.getLogger("ragedge.serve")


def create_app(kb: KnowledgeBase, access: Access | None = None) -> Starlette:
    """Return the application that serves a knowledge base; closing that is the caller's.

    Args:
        kb: Open; nothing else may change its documents meanwhile.
        access: Who may ask; None takes loopback without a key.
    """
    service = Service(kb)
    forms: dict[str, ErrorForm] = {
        "/v1": openai_dialect.error_form, "/api": ollama_dialect.error_form, "": plain_error,
    }  # fmt: skip

    async def root(request: Request, service: Service) -> Response:
        # Ollama's clients look here for a server; a browser wants the page.
        if "text/html" in request.headers.get("accept", ""):
            return await page.index(request, service)
        return PlainTextResponse("Ollama is running")

    async def http_error(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        refusal = RefusedError(
            exc.status_code,
            f"{exc.detail}: see /ragedge/v1/openapi.json and docs/serving.md",
            code="not_found",
        )
        prefix = next((p for p in forms if p and request.url.path.startswith(p)), "")
        response = refuse(refusal, forms[prefix])
        response.headers.update(exc.headers or {})
        return response

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            service.stopping.set()
            service.close()

    app = Starlette(
        routes=[
            route("/", root, service, methods=("GET", "HEAD")),
            *page.routes(service),
            *ragedge_v1.routes(service),
            *openai_dialect.routes(service),
            *ollama_dialect.routes(service),
        ],
        middleware=[
            Middleware(Gate, access=access or Access(), metrics=service.metrics, form_of=forms),
        ],
        exception_handlers={HTTPException: http_error},
        lifespan=lifespan,
    )
    app.state.service = service
    return app
