"""Files to rows: what ``KnowledgeBase.ingest`` does, one document and one transaction at a time."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge import __version__, plugins
from ragedge.config import Config
from ragedge.datatypes import (
    IngestReport,
    Metadata,
    OcrPages,
    PlantedInstructions,
    RedactedText,
    Renamed,
    Skipped,
    UnreadPages,
)
from ragedge.errors import SourceError
from ragedge.index.store import Store
from ragedge.ingest import plan, planted
from ragedge.ingest.applicability import Applicability
from ragedge.ingest.hidden_text import found_in
from ragedge.ingest.ocr_process import NO_OCR, OcrProcess
from ragedge.ingest.parser_pool import ParserPool
from ragedge.ingest.parser_process import CounterSpec, ParsedDocument, Parser
from ragedge.ingest.scan import Found, Scan, read, scan
from ragedge.privacy.redaction.configured import worker_settings

if TYPE_CHECKING:
    from ragedge.protocols import Embedder, Float32

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int | None], None]

# Chunks embedded between two steps of the progress bar.
_EMBED_STEP = 64
# Settings that decide whether a file can be read, and how fast, but not what is read from it.
_NOT_IN_STAMP = {"timeout_s", "memory_mb", "max_file_mb", "workers", "ocr_page_s", "ocr_memory_mb"}


@dataclass(frozen=True, slots=True)
class _FileRead:
    """A file on its way in; ``parsed`` is None where its content need not be read again."""

    source: str
    origin: str
    sha256: str
    action: plan.Action
    old_source: str
    parsed: Future[ParsedDocument] | None


class Intake:
    """One ingest into one store.

    Args:
        existing: The store, or None where the knowledge base has none yet.
        create: Makes the store; called once, when the first document could be read.
        embedder: Builds the vectors.
        config: The effective settings.
        metadata: The user's, for every document taken in.
        progress: Called with a stage, how much of it is done, and how much there is.
        redaction_key: Makes the tokens of reversible redaction.
    """

    def __init__(
        self, existing: Store | None, create: Callable[[], Store], embedder: Embedder, config: Config,
        metadata: Metadata, progress: Progress, redaction_key: bytes = b"",
    ) -> None:  # fmt: skip
        self.store = existing
        self.report = IngestReport()
        self._create = create
        self._embedder = embedder
        self._config = config
        self._metadata = metadata
        self._progress = progress
        self._redaction = worker_settings(config.privacy, redaction_key)
        self._stamp = _stamp(config, metadata)
        self._applicability = Applicability(config.ingest.filename_metadata, config.ingest.heading_metadata)
        records = existing.sources() if existing is not None else []
        self._known = {r.source: plan.KnownSource(r.sha256, r.origin, r.stamp) for r in records}

    def run(
        self, paths: Sequence[str | os.PathLike[str]], include: Sequence[str], exclude: Sequence[str], prefix: str
    ) -> IngestReport:  # fmt: skip
        """Take in what the paths hold; see ``KnowledgeBase.ingest``."""
        return self.take(scan(paths, include=include, exclude=exclude), prefix)

    def take(self, found: Scan, prefix: str = "") -> IngestReport:
        """Take in what was found."""
        started = time.perf_counter()
        report = self.report
        report.skipped += found.skipped
        files = plan.named(found.files, prefix)
        plan.refuse_namesakes(files, self._known)
        for number, item in enumerate(self._read_ahead(files), 1):
            self._progress("reading files", number, len(files))
            self._take_in(item)
        if self.store is not None:
            for source in plan.deleted(found.folders, self._known):
                self.store.remove(source)
                report.removed.append(source)
            if self.store.has_removed():
                self.store.forget_removed()
        report.seconds = time.perf_counter() - started
        log.info(
            "ingest added=%d updated=%d unchanged=%d skipped=%d s=%.1f",
            len(report.added), len(report.updated), len(report.unchanged), len(report.skipped), report.seconds,
        )  # fmt: skip
        return report

    def _read_ahead(self, files: Sequence[tuple[str, Found]]) -> Iterator[_FileRead]:
        """Yield each file that could be read, in order; the next ones are parsed while the caller works."""
        workers = self._config.ingest.workers
        waiting: deque[_FileRead] = deque()
        known = dict(self._known)  # as it will be once all that waits is taken in
        with self._ocr() as ocr, ParserPool(partial(self._parser, ocr), workers) as pool:
            for source, file in files:
                try:
                    data, sha256 = read(file, self._config.ingest.max_file_mb << 20)
                except SourceError as exc:
                    self._skip(source, exc)
                    continue
                action, old_source = plan.action(source, sha256, self._stamp, known)
                parsed = None
                said = self._applicability.of_source
                if action == "rename" and said(old_source) != said(source):
                    action, old_source = "add", source  # the name is part of what it says
                if action in ("add", "update"):
                    parsed = pool.parse(source, data)
                elif action == "rename":
                    del known[old_source]
                waiting.append(_FileRead(source, file.origin, sha256, action, old_source, parsed))
                if len(waiting) > workers:
                    yield waiting.popleft()
            yield from waiting

    def _ocr(self) -> AbstractContextManager[OcrProcess | None]:
        settings = self._config.ingest
        return nullcontext() if settings.ocr == NO_OCR else closing(OcrProcess(settings))

    def _parser(self, ocr: OcrProcess | None) -> Parser:
        settings = self._config.embed
        embedder = CounterSpec(
            "ragedge.embed.token_counter:create_from_embedder",
            {"embedder": settings.embedder, "options": settings.plugin_options()},
        )
        # An embedder plugin without a tokenizer file counts by itself, in the worker.
        tokenizer = getattr(self._embedder, "tokenizer_path", None)
        counter = CounterSpec(options={"tokenizer": str(tokenizer)}) if tokenizer is not None else embedder
        return Parser(
            self._config.ingest, counter, embedder=embedder, embedder_max_tokens=self._embedder.max_tokens,
            ocr=ocr, redaction=self._redaction,
        )  # fmt: skip

    def _take_in(self, item: _FileRead) -> None:
        """Make one file visible, or say in the report why not; an older version stays until then."""
        report = self.report
        if item.parsed is not None:
            try:
                self._put(item, item.parsed.result())
            except SourceError as exc:
                self._skip(item.source, exc)
                return
        elif item.action == "rename":
            assert self.store is not None
            self.store.rename(item.old_source, item.source, origin=item.origin)
            del self._known[item.old_source]
            report.renamed.append(Renamed(item.old_source, item.source))
        else:
            assert self.store is not None
            record = self.store.document(item.source)
            # The stamp says that it was read with these redactors, by a version perhaps that did not note it.
            unnoted = bool(self._config.privacy.redactors) and record is not None and not record.redacted
            if unnoted or self._known[item.source].origin != item.origin:
                self.store.touch(item.source, origin=item.origin, redacted=True if unnoted else None)
            report.unchanged.append(item.source)
        self._known[item.source] = plan.KnownSource(item.sha256, item.origin, self._stamp)

    def _put(self, item: _FileRead, parsed: ParsedDocument) -> None:
        vectors = self._embed([chunk.index_text for chunk in parsed.chunks], item.source)
        self.store = self.store or self._create()
        said = {**self._applicability.of_source(item.source), **parsed.document.metadata}
        record = self.store.put_document(
            item.source, item.sha256, replace(parsed.document, metadata=said),
            self._applicability.of_sections(parsed.document, parsed.chunks), vectors,
            metadata=self._metadata, origin=item.origin, stamp=self._stamp, redacted=parsed.redacted,
            was_redacted=bool(self._config.privacy.redactors),
        )  # fmt: skip
        report = self.report
        (report.added if item.action == "add" else report.updated).append(item.source)
        if record.unread_pages:
            hint = _unread_hint(self._config.ingest.ocr)
            report.unread_pages.append(UnreadPages(item.source, record.unread_pages, hint))
        by_ocr = tuple(
            page.number or place
            for place, page in enumerate(parsed.document.pages, 1)
            if any(block.confidence is not None for block in page.blocks)
        )
        if by_ocr:
            report.ocr_pages.append(OcrPages(item.source, by_ocr))
        if hidden := found_in(item.source, parsed.document.pages):
            report.hidden_text.append(hidden)
        if parsed.redacted:
            report.redacted.append(RedactedText(item.source, Counter(one.kind for one in parsed.redacted)))
        if pages := planted.pages_of(parsed.document, parsed.chunks):
            report.instructions.append(PlantedInstructions(item.source, pages))
        report.documents += 1
        report.pages += record.pages
        report.chunks += record.chunks

    def _embed(self, texts: Sequence[str], source: str) -> Float32:
        parts = [np.zeros((0, self._embedder.dim), np.float32)]
        for start in range(0, len(texts), _EMBED_STEP):
            parts.append(self._embedder.embed_passages(texts[start : start + _EMBED_STEP]))
            self._progress(f"embedding {Path(source).name}", min(start + _EMBED_STEP, len(texts)), len(texts))
        return np.concatenate(parts)

    def _skip(self, source: str, problem: SourceError) -> None:
        self.report.skipped.append(Skipped(source, problem.code, problem.message))


def _unread_hint(ocr: str) -> str:
    """Return what would read pages that are pictures."""
    if ocr != NO_OCR:
        return "OCR could not read them in time or memory: raise ingest.ocr_page_s or ingest.ocr_memory_mb"
    found = sorted(plugins.installed("ocr"))
    if found:
        return f"ingest them with --set ingest.ocr={found[0]}"
    return "pip install -e connectors/ocr, then ingest with --set ingest.ocr=rapidocr"


def _stamp(config: Config, metadata: Mapping[str, Any]) -> str:
    """Digest what decides how a file is read and cut: under another digest it is read again."""
    everything = asdict(config.ingest)
    settings = {key: value for key, value in everything.items() if key not in _NOT_IN_STAMP}
    if config.privacy.redactors:
        told = asdict(config.privacy)
        settings |= {key: told[key] for key in ("redactors", "redact_kinds", "redact_reversibly")}
    state = json.dumps([__version__, settings, dict(metadata)], sort_keys=True)
    return hashlib.sha256(state.encode()).hexdigest()[:16]
