"""``/v1``: OpenAI's wire format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.routing import Route

    from ragedge.serve.refusals import RefusedError
    from ragedge.serve.service import Service

_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    429: "rate_limit_error",
}  # fmt: skip


def error_form(refusal: RefusedError) -> dict[str, Any]:
    """Return an error as OpenAI's clients read it."""
    kind = _TYPES.get(refusal.status, "invalid_request_error" if refusal.status < 500 else "server_error")
    return {
        "error": {
            "message": str(refusal), "type": kind, "param": refusal.param or None, "code": refusal.code or None,
        }
    }  # fmt: skip


def routes(_service: Service) -> list[Route]:
    """Return the routes below ``/v1``."""
    return []
