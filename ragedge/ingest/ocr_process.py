"""Reads pictures of pages in one worker process: an engine takes seconds to start, so it is kept and recycled."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ragedge.ingest import wire
from ragedge.ingest.worker_process import WorkerProcess, failure

if TYPE_CHECKING:
    from ragedge.config import IngestConfig

log = logging.getLogger(__name__)

NO_OCR = "none"
_WORKER = "ragedge.ingest.ocr_worker"
# Engines keep what their largest page needed; after so many pages, or so much of the limit, a fresh one is due.
_PAGES_PER_WORKER = 200
_WORN_SHARE = 0.75


class OcrProcess:
    """Reads pages, one at a time; parsers in several threads may share it."""

    def __init__(self, config: IngestConfig) -> None:
        self._settings = wire.dump({"ocr": config.ocr})
        self._figures = config.ocr_figures
        self._timeout_s, self._memory_bytes = config.ocr_page_s, config.ocr_memory_mb << 20
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._pages = 0
        self._closed = False

    def close(self) -> None:
        """End the worker, also in the middle of a page."""
        self._closed = True
        worker = self._worker
        if worker is not None:
            worker.kill()

    def read(self, data: bytes, pages: Sequence[int]) -> dict[int, list[Any] | None]:
        """Read pages of a file.

        Args:
            data: The file.
            pages: Indices, from 0.

        Returns:
            The lines on each page, as lists of ``OcrLine``'s fields; None where it could not be read.

        Raises:
            PluginError: the plugin is missing or broken.
        """
        found: dict[int, list[Any] | None] = {}
        with self._lock:
            held = False  # whether the worker has the file
            for page in pages:
                if self._closed:
                    found[page] = None
                    continue
                worker, fresh = self._ready()
                if fresh or not held:
                    held = self._ask(worker, {"page": -1}, data) is not None
                reply = self._ask(worker, {"page": page, "figures": self._figures}, b"") if held else None
                held = held and reply is not None
                found[page] = reply.get("lines") if reply is not None else None
                if found[page] is None:
                    log.warning("ocr: a page could not be read")
        return found

    def _ready(self) -> tuple[WorkerProcess, bool]:
        worker = self._worker
        if worker is not None and worker.alive:
            worn = worker.resident_bytes() > _WORN_SHARE * self._memory_bytes
            if not worn and self._pages < _PAGES_PER_WORKER:
                self._pages += 1
                return worker, False
            worker.kill()
        self._worker = worker = WorkerProcess(_WORKER, self._settings)
        self._pages = 1
        return worker, True

    def _ask(self, worker: WorkerProcess, request: dict[str, Any], data: bytes) -> dict[str, Any] | None:
        head = wire.dump({**request, "timeout_s": self._timeout_s})
        reply, _ = worker.exchange(head, data, self._timeout_s, self._memory_bytes)
        if reply is None:
            worker.kill()
            return None
        message: dict[str, Any] = json.loads(reply)
        if "failure" in message:
            raise failure(message["failure"])
        return message
