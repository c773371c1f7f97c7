"""Watches a folder and ingests what changes in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ragedge.datatypes import IngestReport
from ragedge.errors import BusyError, SourceError

if TYPE_CHECKING:
    from ragedge import KnowledgeBase

__all__ = ["watch"]

_RETRY_S = 5.0


def watch(
    kb: KnowledgeBase,
    folder: str | os.PathLike[str],
    *,
    metadata: Mapping[str, str | int | float | bool] | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    prefix: str = "",
    settle_s: float = 2.0,
    poll: bool = False,
    stop: threading.Event | None = None,
) -> Iterator[IngestReport]:
    """Ingest a folder, then ingest it again whenever something in it changed.

    Args:
        kb: Where to.
        folder: What to watch, with all folders below it.
        metadata: For every document; see ``KnowledgeBase.ingest``, also for the next three.
        include: Take only files that match one of these patterns.
        exclude: Leave out files that match one.
        prefix: Put before each source.
        settle_s: How long nothing more may change before an ingest begins.
        poll: Look at the folder again and again, for file systems that tell of no change.
        stop: Set it to end; what is under way is finished.

    Yields:
        A report of the first ingest, then of each that took in or removed something, or met a new refusal.

    Raises:
        SourceError: there is no such folder.
        StoreError: the knowledge base cannot be written; waiting for another writer is no error.
    """
    from watchfiles import watch as changes

    root = Path(folder)
    if not root.is_dir():
        raise SourceError("not_found", f"{root} is not a folder", hint="name an existing folder")
    ended = stop or threading.Event()
    # Watched from before the first ingest on, so that nothing falls between the two.
    batches = changes(
        root,
        debounce=max(int(settle_s * 1000), 1),
        step=max(int(settle_s * 500), 1),
        stop_event=ended,
        rust_timeout=200,
        yield_on_timeout=True,
        force_polling=poll or None,
        poll_delay_ms=max(int(settle_s * 500), 50),
        raise_interrupt=True,
    )
    next(batches, None)  # the watch stands
    due, refused = True, None
    while not ended.is_set():
        if due:
            try:
                report = kb.ingest(root, metadata=metadata, include=include, exclude=exclude, prefix=prefix)
            except BusyError:  # somebody else is writing: what changed stays due
                ended.wait(_RETRY_S)
                continue
            skipped = [(item.source, item.code) for item in report.skipped]
            if refused is None or _changed(report) or skipped != refused:
                yield report
            due, refused = False, skipped
        batch = next(batches, None)
        if batch is None:
            return
        due = bool(batch)


def _changed(report: IngestReport) -> bool:
    return bool(report.added or report.updated or report.removed or report.renamed)
