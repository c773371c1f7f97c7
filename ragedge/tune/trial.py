"""One setting, asked every question: its score on each, and how long a search takes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.measure.ranking import ranking_figures

if TYPE_CHECKING:
    from ragedge.knowledge_base import KnowledgeBase
    from ragedge.tune.questions import Asked

METRIC = "ndcg@10"
# Chunks asked for: ten names are left where some of them are of one page.
_DEPTH = 20
# After these shares of the questions a trial is given up if it is worse than what is by this many errors.
_RUNGS = (0.25, 0.5)
_HOPELESS = 2.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one setting.

    Attributes:
        changes: The keys that differ from what is.
        scores: Of each question in order; fewer where the trial was given up.
        search_ms: Median time of a search, its question embedded already.
        bytes: Of the knowledge base.
    """

    changes: dict[str, Any]
    scores: tuple[float, ...]
    search_ms: float
    bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored of it."""
        return {
            "changes": self.changes,
            "scores": list(self.scores),
            "search_ms": self.search_ms,
            "bytes": self.bytes,
        }

    @classmethod
    def from_dict(cls, body: dict[str, Any]) -> Trial:
        """Read what was stored."""
        return cls(body["changes"], tuple(body["scores"]), body["search_ms"], body["bytes"])


def run_trial(
    kb: KnowledgeBase,
    changes: dict[str, Any],
    asked: Sequence[Asked],
    baseline: Trial | None,
    step: Callable[[], None] | None = None,
) -> Trial:
    """Ask every question under one setting; give up early where it is plainly worse than the baseline.

    Args:
        kb: Under that setting.
        changes: What the setting changes.
        asked: The questions, in an order that has nothing to do with what they are about.
        baseline: What is, on the same questions.
        step: Called after each question.
    """
    rungs = sorted({max(1, round(share * len(asked))) for share in _RUNGS} | {len(asked)})
    scores: list[float] = []
    times: list[float] = []
    for rung in rungs:
        ranked: dict[str, list[str]] = {}
        part = asked[len(scores) : rung]
        for item in part:
            hits = kb.search(item.text, top_k=_DEPTH)
            times.append(hits.timings.total_ms)
            ranked[item.id] = list(dict.fromkeys(map(item.name, hits)))
            if step is not None:
                step()
        figures = ranking_figures({item.id: item.relevant for item in part}, ranked)
        found = (figures[item.id][METRIC] for item in part)
        scores += [1 - score if item.avoid else score for item, score in zip(part, found, strict=True)]
        if baseline is not None and rung < len(asked) and _is_hopeless(scores, baseline.scores):
            break
    return Trial(changes, tuple(scores), statistics.median(times), kb.store.bytes_used())


def _is_hopeless(scores: Sequence[float], baseline: Sequence[float]) -> bool:
    gaps = np.asarray(scores) - np.asarray(baseline[: len(scores)])
    return len(gaps) > 1 and float(gaps.mean() + _HOPELESS * gaps.std(ddof=1) / np.sqrt(len(gaps))) < 0
