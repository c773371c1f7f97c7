"""Makes one ranking out of two. Pure functions over ids and scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

# A cosine this many standard deviations above the mean counts as much as the best full-text match. From
# 3 to 8, SciFact (training questions), Cranfield and the first half of a product manual's questions lose
# under 0.02 nDCG@10; all three are near their best at 4 to 5.
SURE_DEVIATIONS = 4.2

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int64

    Ranking = tuple[Int64, Float32]


def reciprocal_rank(rankings: Sequence[Ranking], weights: Sequence[float], k: float) -> Ranking:
    """Fuse by reciprocal rank: each ranking gives an id ``weight / (k + rank)``.

    Args:
        rankings: Ids and scores, best first; only the order counts.
        weights: One per ranking.
        k: Larger flattens the difference between ranks.

    Returns:
        ids: (n,), every id of any ranking, best first; equal scores by id.
        scores: (n,), as a share of what first place in every ranking would give.

    Sources: Cormack, Clarke, Buettcher, "Reciprocal rank fusion", SIGIR 2009.
    """
    total: dict[int, float] = {}
    for (ids, _), weight in zip(rankings, weights, strict=True):
        for rank, row in enumerate(ids.tolist(), 1):
            total[row] = total.get(row, 0.0) + weight / (k + rank)
    return _ranked(total, (k + 1) / max(sum(weights), 1e-9))


def score_based(
    dense: Ranking, text: Ranking, background: tuple[float, float], weights: tuple[float, float]
) -> Ranking:
    """Fuse by score, so that a clear find of one half is not voted down by a toss-up of the other.

    A cosine counts by how far it stands out of the collection: cosines of one encoder lie around 0.1, of
    another around 0.8, and what tells a find apart is the distance from the mean in standard deviations.
    BM25 has no scale of its own and counts relative to the question's best.

    Args:
        dense: Ids and cosines of every candidate; it must hold those that only full text found, too.
        text: Ids and BM25 scores, best first.
        background: Mean and standard deviation of the question's cosine with rows at large.
        weights: Of the two halves.

    Returns:
        ids: (n,), every id of either, best first; equal scores by id.
        scores: (n,), around 1 where both halves are sure, around 0 for what neither tells from the rest.
    """
    mean, deviation = background
    total = {
        row: weights[0] * max(0.0, (score - mean) / deviation / SURE_DEVIATIONS)
        for row, score in zip(dense[0].tolist(), dense[1].tolist(), strict=True)
    }
    best = float(text[1][0]) if len(text[1]) else 1.0
    for row, score in zip(text[0].tolist(), text[1].tolist(), strict=True):
        total[row] = total.get(row, 0.0) + weights[1] * score / max(best, 1e-9)
    return _ranked(total, 1 / max(sum(weights), 1e-9))


def _ranked(total: dict[int, float], factor: float) -> Ranking:
    ids = np.array(list(total), dtype=np.int64)
    scores = np.array(list(total.values()), dtype=np.float64) * factor
    order = np.lexsort((ids, -scores))
    return ids[order], scores[order].astype(np.float32)
