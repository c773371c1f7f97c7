"""The web page: ask, and see the very spot in the manual. Its files are in ``static``, served as they are.

``app`` mounts ``routes`` and serves ``index`` at ``/`` to whoever accepts HTML (Ollama's clients do not). What lies
below ``PUBLIC`` is served without a key, as a browser sends none when it opens a page: no route there may show
anything of the knowledge base.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragedge.serve.page.files import PUBLIC, index

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from ragedge.serve.service import Service

__all__ = ["PUBLIC", "index", "routes"]


def routes(service: Service) -> list[BaseRoute]:
    """Return the routes of the page's files, of pages to look at, and of what tuning found."""
    from ragedge.serve.page import files, pages, tuning

    return [*files.routes(service), *pages.routes(service), *tuning.routes(service)]
