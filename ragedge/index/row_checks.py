"""Checks before any native index sees an array: hnswlib answers a query of the wrong width and takes NaN."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import ConfigError

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int64

# With fewer allowed rows than the square root of this times wanted rows times rows in all, comparing with each of
# them costs less than asking a graph for enough neighbours to have top_k allowed ones among them: the one grows with
# the allowed rows, the other with top_k / share. Measured at 14,173 rows of 384 (docs/decisions/029): the two meet at
# shares of 0.13 to 0.2 for 10 rows and 0.18 to 0.27 for 50. hnswlib has a filter, but it calls Python for every
# candidate and raises when fewer than k pass.
EXACT_WORTH = 25

_HINT = "see docs/configuration.md"


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """What an index factory takes.

    Attributes:
        dim: Length of a vector.
        m: Links per node.
        ef_construction: Candidates while building.
        ef_search: Candidates while searching.
        threads: For building; 0 takes all cores.
        data: What ``dump`` returned; empty starts an empty index.
    """

    dim: int
    m: int = 16
    ef_construction: int = 200
    ef_search: int = 128
    threads: int = 0
    data: bytes | memoryview = b""

    @classmethod
    def parse(cls, options: Mapping[str, Any]) -> IndexOptions:
        """Check a factory's options.

        Raises:
            ConfigError: one is unknown, or out of range.
        """
        unknown = set(options) - set(cls.__slots__)
        if unknown:
            raise ConfigError(
                f"unknown index option {sorted(unknown)[0]!r}; known: {', '.join(cls.__slots__)}",
                hint=_HINT,
            )
        for name, least in (("dim", 1), ("m", 2), ("ef_construction", 8), ("ef_search", 8), ("threads", 0)):
            value = options.get(name, least)
            if not isinstance(value, int) or value < least:
                raise ConfigError(
                    f"index option {name!r} must be a whole number of at least {least}, got {value!r}",
                    hint=_HINT,
                )
        if "dim" not in options:
            raise ConfigError("index option 'dim' is missing", hint=_HINT)
        return cls(**options)


def check_added(ids: Int64, rows: Float32, dim: int) -> None:
    """Check rows to be added.

    Raises:
        ValueError: shapes do not fit, ids repeat or are negative, or a row is not finite.
    """
    if rows.ndim != 2 or rows.shape[1] != dim:
        raise ValueError(f"expected rows (n, {dim}), got {rows.shape}")
    if ids.shape != (rows.shape[0],):
        raise ValueError(f"expected ids ({rows.shape[0]},), got {ids.shape}")
    if ids.size and (int(ids.min()) < 0 or np.unique(ids).size != ids.size):
        raise ValueError("ids must be distinct and not negative")
    if not np.isfinite(rows).all():
        raise ValueError(f"rows of shape {rows.shape} hold NaN or inf")


def check_query(query: Float32, top_k: int, dim: int) -> None:
    """Check a query.

    Raises:
        ValueError: its shape does not fit, it is not finite, or top_k is below 1.
    """
    if query.shape != (dim,):
        raise ValueError(f"expected a query ({dim},), got {query.shape}")
    if not np.isfinite(query).all():
        raise ValueError("the query holds NaN or inf")
    if top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}")


def best_first(ids: Int64, scores: Float32, top_k: int) -> tuple[Int64, Float32]:
    """Return the top_k best of ids (n,) and scores (n,), best first; equal scores by id."""
    if top_k < len(ids):
        # Everything that ties with the last place stays in, so that the cut among equals is by id too.
        least = np.partition(scores, len(scores) - top_k)[len(scores) - top_k]
        kept = np.flatnonzero(scores >= least)
        ids, scores = ids[kept], scores[kept]
    order = np.lexsort((ids, -scores))[:top_k]
    return ids[order], scores[order]


def search_allowed(
    known: Int64,
    top_k: int,
    count: int,
    nearest: Callable[[int], tuple[Int64, Float32]],
    scores: Callable[[], Float32],
) -> tuple[Int64, Float32]:
    """Search a graph for allowed rows only.

    Args:
        known: Allowed ids that the graph holds, (n,).
        top_k: How many are wanted.
        count: Rows in the graph.
        nearest: Asks the graph for so many neighbours.
        scores: Compares the query with every known row, (n,).
    """
    if not len(known):
        return np.empty(0, np.int64), np.empty(0, np.float32)
    if len(known) ** 2 >= EXACT_WORTH * top_k * count:
        ids, found = nearest(min(math.ceil(2 * top_k * count / len(known)), count))
        kept = np.isin(ids, known)
        if kept.sum() >= min(top_k, len(known)):
            return ids[kept][:top_k], found[kept][:top_k]
    return best_first(known, scores(), top_k)
