"""How far a figure from a few questions can be trusted: Wilson, bootstrap, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]

# Of a normal distribution: 95% lie within so many standard deviations.
_Z = 1.959964
_ROUNDS = 2000
_SEED = 0
# Values drawn at once: bounds the memory of a bootstrap over many questions.
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better the second of two paired measurements is.

    Attributes:
        value: Mean of second minus first.
        low: Lower end of its 95% interval.
        high: Upper end.
        p: Share of random swaps of the pairs that give at least this difference, either way.
        pairs: How many questions both have.
    """

    value: float
    low: float
    high: float
    p: float
    pairs: int


def wilson(hits: int, count: int, z: float = _Z) -> tuple[float, float]:
    """Return Wilson's 95% interval of a share; all of 0 to 1 where nothing was counted.

    Sources: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    if not count:
        return 0.0, 1.0
    share, square = hits / count, z * z
    middle = share + square / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    low, high = ((middle + sign * spread) / (1 + square / count) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def bootstrap(values: Sequence[float], rounds: int = _ROUNDS) -> tuple[float, float]:
    """Return the 95% percentile interval of the mean over questions drawn again; (nan, nan) for none.

    Sources: Efron, Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
    """
    if not len(values):
        return math.nan, math.nan
    low, high = np.percentile(_means(np.asarray(values, np.float64), rounds), [2.5, 97.5])
    return float(low), float(high)


def paired_difference(first: Sequence[float], second: Sequence[float], rounds: int = _ROUNDS) -> Difference:
    """Compare two measurements of the same questions.

    Args:
        first: A value per question.
        second: Of the same questions, in the same order.
        rounds: Of the bootstrap (interval) and of the randomisation (p).

    Raises:
        ValueError: the lengths differ, or there is nothing to compare.

    Sources: Smucker, Allan, Carterette, "A comparison of statistical significance tests for information
    retrieval evaluation", CIKM 2007.
    """
    if len(first) != len(second) or not len(first):
        raise ValueError(f"expected pairs, got {len(first)} and {len(second)} values")
    gaps = np.asarray(second, np.float64) - np.asarray(first, np.float64)
    value = float(gaps.mean())
    low, high = np.percentile(_means(gaps, rounds), [2.5, 97.5])
    generator = np.random.default_rng(_SEED)
    swapped = np.concatenate(
        [
            (generator.choice((-1.0, 1.0), (step, len(gaps))) * gaps).mean(axis=1)
            for step in _steps(rounds, len(gaps))
        ]
    )
    # The measured order is one of the swaps, so p is never 0.
    as_far = int((np.abs(swapped) >= abs(value) - 1e-12).sum())
    return Difference(value, float(low), float(high), (as_far + 1) / (rounds + 1), len(gaps))


def _means(values: Float64, rounds: int) -> Float64:
    """Return the mean of as many values drawn with replacement, once per round: (rounds,)."""
    generator = np.random.default_rng(_SEED)
    return np.concatenate(
        [
            values[generator.integers(0, len(values), (step, len(values)))].mean(axis=1)
            for step in _steps(rounds, len(values))
        ]
    )


def _steps(rounds: int, width: int) -> list[int]:
    """Split rounds so that one step draws a bounded number of values."""
    step = max(1, _BLOCK // width)
    return [min(step, rounds - done) for done in range(0, rounds, step)]
