"""``/api``: Ollama's wire format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.routing import Route

    from ragedge.serve.refusals import RefusedError
    from ragedge.serve.service import Service


def error_form(refusal: RefusedError) -> dict[str, Any]:
    """Return an error as Ollama's clients read it."""
    return {"error": str(refusal)}


def routes(_service: Service) -> list[Route]:
    """Return the routes below ``/api``."""
    return []
