"""Reads files in a worker process with limits on time and memory, watched from outside."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ragedge.datatypes import Chunk, Document
from ragedge.errors import SourceError
from ragedge.ingest import wire
from ragedge.ingest.ocr_process import OcrProcess
from ragedge.ingest.worker_process import WorkerProcess, failure
from ragedge.privacy.redaction.replacing import Redacted

if TYPE_CHECKING:
    from ragedge.config import IngestConfig

_WORKER = "ragedge.ingest.parser_worker"


@dataclass(frozen=True, slots=True)
class CounterSpec:
    """How the worker builds its token counter: ``module:factory``, called with the options."""

    factory: str = "ragedge.embed.token_counter:create"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A file as it was read and cut."""

    document: Document
    chunks: list[Chunk]
    redacted: tuple[Redacted, ...] = ()


class Parser:
    """Parses files one at a time; use as a context manager, or ``close`` it. Threads may share it.

    Args:
        config: The ingest settings; names the plugins and the limits.
        counter: How to count tokens as the embedder does.
        embedder: How to build the embedder itself, for a chunker that needs it; without it, ``counter`` builds one.
        embedder_max_tokens: The embedder's own limit; chunks never pass it.
        ocr: Reads the pages that are pictures; without it they stay unread.
        redaction: What is redacted (``redaction.configured.worker_settings``); nothing by default.
    """

    def __init__(
        self,
        config: IngestConfig,
        counter: CounterSpec,
        *,
        embedder: CounterSpec | None = None,
        embedder_max_tokens: int | None = None,
        ocr: OcrProcess | None = None,
        redaction: Mapping[str, Any] | None = None,
    ) -> None:
        self._ocr = ocr
        embedder = embedder or counter
        self._timeout_s, self._memory_bytes = config.timeout_s, config.memory_mb << 20
        self._max_bytes = config.max_file_mb << 20
        self._settings = wire.dump(
            {
                "loaders": config.active_loaders(),
                "preprocessors": list(config.preprocessors),
                "chunker": config.chunker,
                "chunker_options": {
                    "max_tokens": min(config.chunk_tokens, embedder_max_tokens or config.chunk_tokens),
                    "overlap_tokens": config.overlap_tokens,
                },
                "counter": counter.factory,
                "counter_options": dict(counter.options),
                "embedder": embedder.factory,
                "embedder_options": dict(embedder.options),
                "ocr": ocr is not None,
                "ocr_figures": config.ocr_figures,
                **(redaction or {}),
            }
        )
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None

    def __enter__(self) -> Parser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker."""
        worker = self._worker
        if worker is not None:
            worker.kill()  # also ends a parse that is under way in another thread
        with self._lock:
            if self._worker is not None:
                self._worker.kill()
                self._worker = None

    def parse(self, source: str, data: bytes) -> ParsedDocument:
        """Read a file's bytes and cut them into chunks.

        Raises:
            SourceError: the file cannot be read; ``code`` says why.
            PluginError: a plugin that the configuration names is missing or broken.
        """
        if len(data) > self._max_bytes:
            raise SourceError(
                "too_large", f"{source} has {len(data) >> 20} MB; at most {self._max_bytes >> 20} are read",
                hint="raise ingest.max_file_mb",
            )  # fmt: skip
        reply = self._ask({"source": source}, data)
        if "wanted" in reply:
            assert self._ocr is not None
            lines = self._ocr.read(data, reply["wanted"])
            reply = self._ask({"source": source, "lines": lines}, wire.dump(reply["document"]))
        document = wire.document_from_json(reply["document"])
        taken = tuple(Redacted(*one) for one in reply["redacted"])
        return ParsedDocument(document, wire.chunks_from_json(reply["chunks"], document), taken)

    def _ask(self, request: dict[str, Any], data: bytes) -> dict[str, Any]:
        """Send a request to the worker; return its answer, or raise the error in it."""
        source = request["source"]
        with self._lock:
            reply = self._exchange(source, wire.dump({**request, "timeout_s": self._timeout_s}), data)
        if "error" in reply:
            problem = reply["error"]
            raise SourceError(problem["code"], problem["message"], hint=problem["hint"])
        if "failure" in reply:
            raise failure(reply["failure"])
        return reply

    def _exchange(self, source: str, head: bytes, data: bytes) -> dict[str, Any]:
        worker = self._worker
        if worker is None or not worker.alive:
            worker = self._worker = WorkerProcess(_WORKER, self._settings)
        reply, why = worker.exchange(head, data, self._timeout_s, self._memory_bytes)
        # What a big file left behind must not count against the next one.
        if reply is None or worker.resident_bytes() > self._memory_bytes // 2:
            worker.kill()
            self._worker = None
        if reply is None:
            raise _lost(source, why, self._timeout_s, self._memory_bytes >> 20)
        message: dict[str, Any] = json.loads(reply)
        return message


def _lost(source: str, why: str, timeout_s: float, memory_mb: int) -> SourceError:
    if why == "timeout":
        return SourceError(
            "timeout", f"{source} took over {timeout_s:g} s to read", hint="raise ingest.timeout_s"
        )
    if why == "memory":
        return SourceError(
            "memory", f"{source} took over {memory_mb} MB to read", hint="raise ingest.memory_mb"
        )
    return SourceError(
        "damaged", f"{source} ended the parser process ({why})", hint="save it again from its original"
    )
