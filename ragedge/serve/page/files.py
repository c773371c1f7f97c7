"""The page's own files, as they lie in the package: no build step, and nothing from another host."""

from __future__ import annotations

import functools
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import Response

from ragedge.serve.refusals import RefusedError
from ragedge.serve.responses import route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from ragedge.serve.service import Service

PUBLIC = "/ragedge/page/static/"
_INDEX = "index.html"
_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
# Pictures of pages are fetched with the key in a header and shown from memory: hence ``blob:``.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",
}


async def index(request: Request, _service: Service) -> Response:
    """Return the page itself."""
    return _file(request, _INDEX)


async def part(request: Request, _service: Service) -> Response:
    """Return a script, a style sheet or an image of it."""
    return _file(request, request.path_params["name"])


def routes(service: Service) -> list[Route]:
    """Return the route of the page's parts."""
    return [route(PUBLIC + "{name}", part, service)]


def _file(request: Request, name: str) -> Response:
    found = _contents().get(name)
    if found is None:
        raise RefusedError(
            404, f"the page has no part of that name; it has {len(_contents())}", code="not_found"
        )
    body, tag = found
    headers = {**_HEADERS, "etag": tag, "content-type": _MEDIA_TYPES[name.rpartition(".")[2]]}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers)


@functools.cache
def _contents() -> dict[str, tuple[bytes, str]]:
    """Return every part's bytes and tag, by name: what is not here is not served, whatever a path says."""
    found = {}
    for item in files(__package__).joinpath("static").iterdir():
        body = item.read_bytes()
        found[item.name] = (body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
    return found
