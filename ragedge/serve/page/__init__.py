"""The page in the browser: static files, and what only they ask the server for.

``app`` mounts ``routes`` and serves ``index`` at ``/`` to whoever accepts HTML (Ollama's clients do not). What lies
below ``PUBLIC`` is served without a key, as a browser sends none when it opens a page: no route there may show
anything of the knowledge base. Everything else below ``PREFIX`` wants the key, where one is set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from ragedge.serve.service import Service

PREFIX = "/ragedge/page"
PUBLIC = f"{PREFIX}/static/"


async def index(_request: Request, _service: Service) -> Response:
    """Return the page itself."""
    return PlainTextResponse("Ollama is running")


def routes(_service: Service) -> list[BaseRoute]:
    """Return the routes below ``PREFIX``."""
    return []
