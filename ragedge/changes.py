"""What changes the documents of a knowledge base: taking in and removing, and all that has to follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ragedge.datatypes import IngestReport
from ragedge.errors import SourceError
from ragedge.parts import Parts
from ragedge.recording import Recorder

if TYPE_CHECKING:
    from ragedge.conversation import Conversations
    from ragedge.intake import Intake

Progress = Callable[[str, int, int | None], None]
Values = Mapping[str, str | int | float | bool]
_CALIBRATION_SHARE = 0.1  # of the time an ingest took


def staged(stage: str, progress: Progress | None) -> Callable[[int, int], None] | None:
    """Return what is called with how much of one stage is done; None where nobody is watching."""
    return None if progress is None else lambda done, total: progress(stage, done, total)


class Changes:
    """The one writer of a knowledge base's documents."""

    def __init__(self, parts: Parts, recorder: Recorder, conversations: Callable[[], Conversations]) -> None:
        self._parts = parts
        self._recorder = recorder
        self._conversations = conversations

    def take_in(
        self, run: Callable[[Intake], IngestReport], metadata: Values, progress: Progress | None
    ) -> IngestReport:
        """Run an intake; then bring the index, the sessions, the thresholds and the seal up to date.

        Raises:
            StoreError: the disk is full or the medium read-only; what was taken in before it stays.
            IndexMismatchError: the documents there were embedded by another model.
        """
        from ragedge.intake import Intake
        from ragedge.privacy.redaction.configured import key_for

        parts = self._parts
        config = parts.effective.config
        self._recorder.ready()
        embedder, store = parts.embedder(), parts.store_if_any()
        if store is not None:
            store.check_embedder(embedder.name, embedder.fingerprint)
        intake = Intake(
            store, parts.create_store, embedder, config, metadata, progress or _nobody_watches,
            key_for(config.privacy, parts.vault),
        )  # fmt: skip
        report = run(intake)
        if parts.store_if_any() is not None:
            parts.vectors().refresh(staged("building the index", progress))
            gone = [*report.updated, *report.removed, *(renamed.old for renamed in report.renamed)]
            self._conversations().forget_sources(gone)
            if config.generate.calibrate and (report.documents or report.removed):
                from ragedge.asking import calibrate

                calibrate(parts, _CALIBRATION_SHARE * report.seconds)
        self._recorder.ingest(report)
        if parts.store_if_any() is not None:
            parts.store().wholeness.put_seal_on()
        return report

    def take_in_upload(
        self, source: str, data: bytes, metadata: Values, progress: Progress | None
    ) -> IngestReport:
        """Take in one document from memory, and keep its file unless something is redacted from its text."""
        from ragedge.ingest.scan import Scan, uploaded
        from ragedge.originals import forget, keep

        found = Scan([uploaded(source, data)])
        report = self.take_in(lambda intake: intake.take(found), metadata, progress)
        if report.accepted and self._parts.effective.config.privacy.redactors:
            forget(self._parts.vault, source)
        elif report.accepted:
            keep(self._parts.vault, source, data)
        return report

    def remove(self, sources: Sequence[str]) -> list[str]:
        """Remove documents, every word of them.

        Raises:
            SourceError: one of them is not in the knowledge base; none is removed then.
        """
        from ragedge.originals import forget

        self._recorder.ready()
        store = self._parts.store()
        known = {record.source for record in store.sources()}
        for source in sources:
            if source not in known:
                raise SourceError(
                    "not_found",
                    f"no document named {source!r} among {len(known)}",
                    hint="ragedge status lists them",
                )
        for source in sources:
            store.remove(source)
            forget(self._parts.vault, source)
        self._conversations().forget_sources(sources)
        store.forget_removed()
        self._parts.vectors().refresh()
        self._recorder.sources("remove", sources)
        store.wholeness.put_seal_on()
        return list(sources)


def _nobody_watches(stage: str, done: int, total: int | None) -> None:
    """Where no progress is asked for."""
