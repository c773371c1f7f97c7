"""BM25 term by term: a question's ranking is the sum of those of its terms, each read once and kept.

FTS5 scores every row that holds any of the words, for every question anew, and has no early termination. BM25
is a sum over words, so what one word is worth in each row can be kept, and the next question that has the word
only adds. The words that cost the most stand in the most rows and come back the soonest.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ragedge.index import full_text
from ragedge.index.row_checks import best_first

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int64

    Ranking = tuple[Int64, Float32]

# Rows of terms that are kept, at 12 bytes each: 36 MB at most. The commonest thousand words of 100,000 short
# chunks fit; what is left out is read again when it is asked for.
_MOST_ROWS = 3_000_000

Weights = tuple[float, float, float]


class TermRankings:
    """Of one knowledge base at one generation at a time. May be shared by threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._generation = -1
        self._kept: OrderedDict[tuple[str, Weights], Ranking] = OrderedDict()
        self._rows = 0

    def of(
        self, connection: sqlite3.Connection, generation: int, expression: str, weights: Weights
    ) -> Ranking:
        """Return the rows that an expression of one term matches, ids (n,) ascending, and its BM25 in each, (n,)."""
        key = (expression, weights)
        with self._guard:
            if generation == self._generation and key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = full_text.matching(connection, expression, weights)
        with self._guard:
            if generation != self._generation:
                self._kept.clear()
                self._generation, self._rows = generation, 0
            if key not in self._kept:
                self._kept[key] = found
                self._rows += len(found[0])
            while self._rows > _MOST_ROWS and len(self._kept) > 1:
                self._rows -= len(self._kept.popitem(last=False)[1][0])
        return found


def summed(parts: Iterable[Ranking], limit: int, allowed: Int64 | None) -> Ranking:
    """Add rankings up.

    Args:
        parts: Ids (n,) and scores (n,) above zero of each.
        limit: Most rows to return.
        allowed: Ids that may come back, (m,); None allows all.

    Returns:
        ids: (k,), best first; equal scores by id.
        scores: (k,).
    """
    parts = [part for part in parts if len(part[0])]
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    total = np.zeros(1 + max(int(ids[-1]) for ids, _ in parts), np.float32)
    for ids, scores in parts:
        total[ids] += scores
    if allowed is not None:
        kept = np.zeros(len(total), np.bool_)
        kept[allowed[allowed < len(total)]] = True
        total *= kept
    found = np.flatnonzero(total)
    return best_first(found, total[found], limit)


def held_by(part: Ranking, rows: Sequence[int]) -> set[int]:
    """Return which of a few rows a ranking holds."""
    wanted = np.array(rows, np.int64)
    places = np.minimum(np.searchsorted(part[0], wanted), max(len(part[0]) - 1, 0))
    return set(wanted[part[0][places] == wanted].tolist()) if len(part[0]) else set()
