"""Draws pages in a worker process, kept between pages: what PDFium does with a hostile file costs that process only."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ragedge.errors import SourceError
from ragedge.extras import require
from ragedge.ingest import wire
from ragedge.ingest.quote_places import Box
from ragedge.ingest.render import WIDTH, Picture
from ragedge.ingest.worker_process import WorkerProcess, failure

_WORKER = "ragedge.ingest.render_worker"
_TIMEOUT_S = 20.0
_MEMORY_BYTES = 1 << 30
# What a worker grew to with its file and the largest page it drew; a fresh one is due then.
_WORN_BYTES = 512 << 20


class PageRenderer:
    """Draws pages of PDFs, one at a time; threads may share it.

    Raises:
        MissingExtraError: the extra ``render`` is not installed.
    """

    def __init__(self) -> None:
        require("render", "PIL", "pypdfium2")
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._held = ""  # the sha256 of the file that the worker has

    def close(self) -> None:
        """End the worker, also in the middle of a page."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()

    def picture(
        self, source: str, sha256: str, data: Callable[[], bytes], page: int, width: int = WIDTH
    ) -> Picture:
        """Draw a page.

        Args:
            source: Quoted in errors.
            sha256: Of the file.
            data: Returns the file; called only where the worker does not have it.
            page: From 1.
            width: In pixels.

        Raises:
            SourceError: the file or the page cannot be drawn, in time and memory.
        """
        found = self._ask(source, sha256, data, {"task": "picture", "page": page - 1, "width": width})
        return Picture(base64.b64decode(found["picture"]), found["media_type"])

    def places(
        self,
        source: str,
        sha256: str,
        data: Callable[[], bytes],
        page: int,
        text: str,
        quotes: Sequence[tuple[int, int]],
    ) -> tuple[tuple[float, float], list[list[Box]]]:
        """Return a page's width and height in points, and where each quote stands on it.

        Args:
            source: Quoted in errors.
            sha256: Of the file.
            data: Returns the file; called only where the worker does not have it.
            page: From 1.
            text: The page as it was read.
            quotes: Where each begins and ends in it.

        Raises:
            SourceError: the file or the page cannot be read, in time and memory.
        """
        request = {"task": "places", "page": page - 1, "text": text, "quotes": list(quotes)}
        found = self._ask(source, sha256, data, request)
        width, height = found["size"]
        return (width, height), [[Box(*box) for box in boxes] for boxes in found["boxes"]]

    def _ask(
        self, source: str, sha256: str, data: Callable[[], bytes], request: dict[str, Any]
    ) -> dict[str, Any]:
        head = wire.dump({**request, "source": source, "timeout_s": _TIMEOUT_S})
        with self._lock:
            worker = self._ready()
            content = b"" if self._held == sha256 else data()
            self._held = sha256
            reply, why = worker.exchange(head, content, _TIMEOUT_S, _MEMORY_BYTES)
            if reply is None:
                worker.kill()
                raise SourceError("damaged", f"a page of {source!r} cannot be drawn ({why})")
        found: dict[str, Any] = json.loads(reply)
        if "failure" in found:
            raise failure(found["failure"])
        if "refused" in found:
            raise SourceError("damaged", found["refused"])
        return found

    def _ready(self) -> WorkerProcess:
        worker = self._worker
        if worker is not None and worker.alive and worker.resident_bytes() <= _WORN_BYTES:
            return worker
        self.close()
        self._held = ""
        self._worker = worker = WorkerProcess(_WORKER, wire.dump({}))
        return worker
