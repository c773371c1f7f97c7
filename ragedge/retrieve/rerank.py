"""A reranker plugin reads the best candidates with the question, and moves them among themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ragedge.datatypes import ScoredChunk
from ragedge.errors import PluginError

if TYPE_CHECKING:
    from ragedge.protocols import Reranker


def reranked(
    hits: Sequence[ScoredChunk], question: str, reranker: Reranker, depth: int, weight: float
) -> list[ScoredChunk]:
    """Return hits with the first of them ordered anew; none of those falls behind the rest.

    A reranker's scores have whatever scale they have: they count in standard deviations from their mean.

    Args:
        hits: Best first.
        question: As it is searched for.
        reranker: The plugin.
        depth: How many it reads.
        weight: What one standard deviation adds to a score.

    Raises:
        PluginError: the reranker gave another number of scores than it was given passages.
    """
    import numpy as np

    first, rest = hits[:depth], hits[depth:]
    if len(first) < 2:
        return list(hits)
    passages = [
        "\n".join(part for part in (" > ".join(hit.heading), hit.context, hit.text) if part) for hit in first
    ]
    scores = reranker.score(question, passages)
    if scores.shape != (len(first),) or not np.isfinite(scores).all():
        raise PluginError(
            f"the reranker gave scores of shape {scores.shape} for {len(first)} passages, or some not finite",
            hint="set retrieve.reranker to none",
        )
    deviation = float(scores.std())
    gains = weight * (scores - scores.mean()) / deviation if deviation > 1e-6 else 0 * scores
    floor = rest[0].score if rest else -np.inf
    moved = [
        replace(hit, score=max(hit.score + gain, floor), why=replace(hit.why, rerank_score=score))
        for hit, gain, score in zip(first, gains.tolist(), scores.tolist(), strict=True)
    ]
    return [*sorted(moved, key=lambda hit: -hit.score), *rest]
