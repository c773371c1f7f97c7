"""Who may ask: by address, by key, and no web page of somebody else's.

A browser on the device can be led to loopback by any page it shows. So a request whose ``Host`` is not this server's
(a name that was rebound to 127.0.0.1), or whose ``Origin`` is not its own (a form or script of another site), is
refused; nothing is allowed across origins. A Unix socket is out of a browser's reach: there, its permissions decide.
"""

from __future__ import annotations

import hmac
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from ragedge.serve.page import PUBLIC
from ragedge.serve.refusals import RefusedError
from ragedge.serve.responses import ROUTE, ErrorForm, refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ragedge.serve.metrics import Metrics

log = logging.getLogger("ragedge.serve.access")

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_OPEN = frozenset({"/", "/ragedge/v1/health"})  # no key: they say that a server is there, and no more


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one server.

    Attributes:
        key: What clients send as a bearer token; empty for none.
        hosts: Names and addresses it is reached by; None does not look (on a Unix socket).
    """

    key: bytes = b""
    hosts: frozenset[str] | None = LOOPBACK_NAMES

    def check(self, request: Request) -> None:
        """Let a request in.

        Raises:
            RefusedError: 401 without the key, 403 by the name of another host or from another's page.
        """
        if self.hosts is not None:
            if _name(request.headers.get("host", "")) not in self.hosts:
                raise RefusedError(
                    403, "this server does not go by that name", hint="ragedge serve --allow-host NAME",
                    code="forbidden",
                )  # fmt: skip
            self._check_origin(request)
        open_to_all = request.url.path in _OPEN or request.url.path.startswith(PUBLIC)
        if self.key and not open_to_all and not self._has_key(request):
            raise RefusedError(
                401,
                "the key is missing or wrong",
                hint="send it as Authorization: Bearer KEY",
                code="invalid_api_key",
            )

    def _check_origin(self, request: Request) -> None:
        origin = request.headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
        if foreign or request.headers.get("sec-fetch-site") == "cross-site":
            raise RefusedError(403, "a page of another site may not ask this server", code="forbidden")

    def _has_key(self, request: Request) -> bool:
        scheme, _, sent = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(sent.strip().encode(), self.key)


def _name(host: str) -> str:
    """Return a ``Host`` header without its port, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


class Gate:
    """Checks access, answers what nothing else caught, counts, and writes the access log: never a word of content."""

    def __init__(self, app: ASGIApp, access: Access, metrics: Metrics, form_of: dict[str, ErrorForm]) -> None:
        """Wrap an application.

        Args:
            app: The application.
            access: Who may ask.
            metrics: Told of each request.
            form_of: How errors look below a path; ``""`` for all others.
        """
        self._app = app
        self._access = access
        self._metrics = metrics
        self._form_of = form_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        request = Request(scope)
        try:
            self._access.check(request)
            await self._app(scope, receive, noting)
        except RefusedError as refusal:
            await self.error(request, refusal)(scope, receive, noting)
        except Exception as exc:
            # By its kind alone: a message or traceback could hold what was asked.
            log.error("request failed: %s", type(exc).__name__)
            if not status:
                failed = RefusedError(500, f"the server failed ({type(exc).__name__})", code="internal_error")
                await self.error(request, failed)(scope, receive, noting)
        finally:
            took = time.monotonic() - started
            name = scope.get(ROUTE, "-")
            self._metrics.request(scope["method"] if name != "-" else "-", name, status, took)
            log.info("%s %s %d %.1f ms", _method(scope["method"]), name, status, 1e3 * took)

    def error(self, request: Request, refusal: RefusedError) -> Response:
        """Return a refusal in the form that the path's clients read."""
        path = request.url.path
        form = next(
            (form for prefix, form in self._form_of.items() if prefix and path.startswith(prefix)), None
        )
        return refuse(refusal, form or self._form_of[""])


def _method(method: str) -> str:
    return method if method.isalpha() and len(method) < 8 else "-"
