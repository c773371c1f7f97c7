"""Runs the calibration after an ingest, keeps what it found in the knowledge base, and tells it to ``status``."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from ragedge.calibration.probes import make_probes
from ragedge.calibration.threshold import LEAST_QUESTIONS, Calibration, fit_threshold
from ragedge.config import GenerateConfig
from ragedge.datatypes import SearchResult
from ragedge.effective_config import ABSTAIN_BELOW, EffectiveConfig
from ragedge.generate.abstain import decide
from ragedge.generate.evidence import find_evidence
from ragedge.generate.question import read_question
from ragedge.generate.unit_score import Similarity
from ragedge.index.store import Store
from ragedge.retrieve.word_counts import word_counts

log = logging.getLogger(__name__)

_NOTE = "calibration"  # key in the manifest
_MOST_QUESTIONS = 120
_CHUNKS_PER_QUESTION = 12  # so that the time is a small part of what embedding the chunks took
_GROWN = 0.2  # share of chunks come or gone since, from which it is done again


def recalibrate(
    store: Store,
    search: Callable[[str], SearchResult],
    similarity: Similarity | None = None,
    *,
    limit_s: float,
    settings: Mapping[str, Any],
) -> float | None:
    """Fit the threshold to the documents and store it, if they changed enough since and the time allows.

    The number of questions hangs on the number of chunks, not on the clock, so that the same documents give the
    same threshold; where the clock runs out first, nothing is stored and what held before holds.

    Args:
        store: The documents.
        search: Finds passages as it does for users.
        similarity: Compares questions with units as it does for users.
        limit_s: Seconds it may take.
        settings: What else decides confidences; a fit under others is done again.

    Returns:
        The new threshold; None where none was fitted.
    """
    chunks = store.counts().chunks
    wanted = min(_MOST_QUESTIONS, chunks // _CHUNKS_PER_QUESTION)
    if wanted < LEAST_QUESTIONS or not _due(store, chunks, settings):
        return None
    started = time.perf_counter()
    confidences: list[float] = []
    answerable: list[bool] = []
    for probe in make_probes(store, wanted):
        if time.perf_counter() - started > limit_s:
            log.info("calibration stopped after %d questions of %d: out of time", len(confidences), wanted)
            return None
        hits = search(probe.text)
        found = find_evidence(read_question(probe.text), hits, similarity)
        confidences.append(decide(found, 0.0, word_counts(store, probe.text)).confidence)
        answerable.append(probe.answerable)
    fitted = fit_threshold(confidences, answerable, shipped=GenerateConfig().abstain_below)
    if fitted is None:
        return None
    _save(store, fitted, chunks, settings)
    log.info("calibrated on %d questions in %.2f s", fitted.questions, time.perf_counter() - started)
    return fitted.threshold


def fitted_threshold(store: Store) -> float | None:
    """Return the threshold that was fitted to the documents; None where none was."""
    note = store.learned.note(_NOTE)
    return float(note["threshold"]) if note else None


def in_force(store: Store, effective: EffectiveConfig) -> EffectiveConfig:
    """Return the settings with the threshold of abstaining that was fitted to the documents, if one was."""
    fitted = fitted_threshold(store) if effective.config.generate.calibrate else None
    return effective if fitted is None else effective.calibrated(fitted)


def abstention(store: Store, settings: EffectiveConfig) -> dict[str, Any]:
    """Return the threshold in force and, where it was fitted here, how well it did, as ``status --json`` prints it.

    Args:
        store: The knowledge base.
        settings: In force; a threshold set by flag, file or tuning wins over the fitted one.
    """
    threshold, origin = settings.config.generate.abstain_below, settings.origins.get(ABSTAIN_BELOW, "default")
    note = store.learned.note(_NOTE)
    if origin == "tuned" and note is not None and note["threshold"] == threshold:
        told = {key: note[key] for key in ("questions", "precision", "recall", "answered")}
        return {"threshold": threshold, "by": "calibration", **told}
    by = "shipped" if origin == "default" else "set"
    nothing = {"questions": 0, "precision": None, "recall": None, "answered": None}
    return {"threshold": threshold, "by": by, **nothing}


def _due(store: Store, chunks: int, settings: Mapping[str, Any]) -> bool:
    note = store.learned.note(_NOTE)
    if note is None or note["settings"] != dict(settings):
        return True
    return bool(abs(chunks - note["chunks"]) > _GROWN * note["chunks"])


def _save(store: Store, fitted: Calibration, chunks: int, settings: Mapping[str, Any]) -> None:
    note = {
        "threshold": fitted.threshold,
        "questions": fitted.questions,
        "precision": fitted.precision.as_dict(),
        "recall": fitted.recall.as_dict(),
        "answered": fitted.answered.as_dict(),
        "chunks": chunks,
        "settings": dict(settings),
    }
    store.learned.set_note(_NOTE, note)
