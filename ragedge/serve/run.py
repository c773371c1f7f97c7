"""Runs the server until it is told to stop; what is under way is finished first."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from ragedge.serve.app import create_app
from ragedge.serve.listening import Place, access_to

if TYPE_CHECKING:
    from ragedge.knowledge_base import KnowledgeBase

_LOG_BYTES, _LOG_FILES = 5 << 20, 4  # of each file, and how many older ones are kept


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config, listens: Callable[[], None]) -> None:
        super().__init__(config)
        self._listens = listens

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets=sockets)  # type: ignore[arg-type]
        self._listens()


def log_to(file: Path | None) -> None:
    """Send the server's own log to a file that is rotated, or to standard error for journald."""
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    else:
        handler = RotatingFileHandler(file, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("ragedge")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def serve(
    kb: KnowledgeBase,
    places: Sequence[Place],
    *,
    key: bytes = b"",
    hosts: Sequence[str] = (),
    listens: Callable[[], None] = lambda: None,
) -> None:
    """Serve a knowledge base until SIGTERM or SIGINT.

    Args:
        kb: Open; closing it is the caller's.
        places: Where to listen.
        key: What clients have to send; empty for none.
        hosts: Further names that it is reached by.
        listens: Called once requests are taken.

    Raises:
        ConfigError: a place can be reached from other machines, and there is no key.
    """
    app = create_app(kb, access_to(list(places), key, tuple(hosts)))
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,  # uvicorn's own would repeat tracebacks, and they content
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=int(kb.config.serve.shutdown_s),
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 << 10,
    )
    # uvicorn raises the signal that stopped it once more: by its default, the process would end before it is closed.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        _Server(config, listens).run(sockets=[place.socket for place in places])
    finally:
        signal.signal(signal.SIGTERM, before)
