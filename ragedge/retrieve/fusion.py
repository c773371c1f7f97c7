"""Makes one ranking out of two. Pure functions over ids and scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

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


def _ranked(total: dict[int, float], factor: float) -> Ranking:
    ids = np.array(list(total), dtype=np.int64)
    scores = np.array(list(total.values()), dtype=np.float64) * factor
    order = np.lexsort((ids, -scores))
    return ids[order], scores[order].astype(np.float32)
