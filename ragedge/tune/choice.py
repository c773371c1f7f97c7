"""Which settings to take, and how much they are worth on questions that had no say in choosing them.

Pure functions over a table of scores. Choosing the best of many settings on the questions they are then
judged by flatters them; so the questions are cut into folds, each fold is judged by the settings that the
other folds would choose, and the gains of all folds together give the interval.

A setting that is lucky on most questions is lucky in every fold, so the interval alone accepts too much where
many settings are tried. The whole procedure is therefore run again with each question's gains turned round by
a coin, which leaves only luck: what was found must beat what luck finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ragedge.measure.intervals import Difference, paired_difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]
    Int64 = NDArray[np.int64]

FOLDS = 5
# Turned-round tables, and the share of them that may do as well.
_ROUNDS = 999
_CHANCE = 0.05
_SEED = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """The settings chosen.

    Attributes:
        row: Of the table; 0 keeps what is.
        gain: Over row 0, each question judged by a choice made without it.
        chance: Share of turned-round tables whose gain is as great.
        accepted: The gain's interval lies above zero, and luck rarely does as well.
    """

    row: int
    gain: Difference
    chance: float
    accepted: bool


def choose(scores: Float64, allowed: Sequence[bool] | None = None, folds: int = FOLDS) -> Choice:
    """Choose one row.

    Args:
        scores: (settings, questions), higher is better; row 0 is what is; NaN where a trial was given up.
        allowed: Rows that may be chosen; all by default. Row 0 always may.
        folds: Into how many the questions are cut; they are taken in turn, so shuffle them before.

    Raises:
        ValueError: the table holds no question.

    Sources: Stone, "Cross-validatory choice and assessment of statistical predictions", JRSS B 1974; Westfall,
    Young, "Resampling-based multiple testing", 1993, for testing the best of many.
    """
    if scores.ndim != 2 or not scores.shape[1]:
        raise ValueError(f"expected scores (settings, questions), got {scores.shape}")
    permitted = np.asarray([True, *(allowed or [True] * len(scores))[1:]])
    usable = np.flatnonzero(np.isfinite(scores).all(axis=1) & permitted)
    gains = scores[usable] - scores[0]  # (usable, questions)
    turn = np.arange(scores.shape[1]) % folds
    held_out = np.zeros(scores.shape[1])
    for fold in range(folds):
        outside = gains[:, turn != fold]
        row = _surest(outside.sum(axis=1), (outside**2).sum(axis=1), outside.shape[1])
        held_out[turn == fold] = gains[int(row), turn == fold]
    row = _surest(gains.sum(axis=1), (gains**2).sum(axis=1), scores.shape[1])
    gain = paired_difference([0.0] * len(held_out), held_out.tolist())
    chance = _chance(gains, turn, folds, float(held_out.mean()))
    chosen = int(usable[int(row)])
    return Choice(chosen, gain, chance, chosen != 0 and gain.low > 0 and chance <= _CHANCE)


def _surest(sums: Float64, squares: Float64, count: int) -> Int64:
    """Return the row whose mean gain less its standard error is greatest; 0 where none is above zero.

    Args:
        sums: Of each row's gains over some questions, (rows, ...); row 0 is all zeros.
        squares: Of their squares, (rows, ...).
        count: Of the questions.
    """
    if count < 2:
        return np.zeros(sums.shape[1:], np.int64)
    mean = sums / count
    variance = np.maximum(squares / count - mean**2, 0) * count / (count - 1)
    sure = mean - np.sqrt(variance / count)  # 0 in row 0, which comes first among equals
    best: Int64 = np.argmax(sure, axis=0)
    return best


def _chance(gains: Float64, turn: Int64, folds: int, found: float) -> float:
    """Return how often luck finds as great a gain: each question's gains turned round by a coin, all together."""
    if found <= 0:
        return 1.0
    count = gains.shape[1]
    coins = np.random.default_rng(_SEED).choice((-1.0, 1.0), (count, _ROUNDS))
    sums = np.stack([gains[:, turn == f] @ coins[turn == f] for f in range(folds)])  # (folds, rows, rounds)
    squares = np.stack([(gains[:, turn == f] ** 2).sum(axis=1) for f in range(folds)])  # (folds, rows)
    total = np.zeros(_ROUNDS)
    for fold in range(folds):
        outside_sums = sums.sum(axis=0) - sums[fold]
        outside_squares = (squares.sum(axis=0) - squares[fold])[:, None]
        best = _surest(outside_sums, outside_squares, int((turn != fold).sum()))
        total += np.take_along_axis(sums[fold], best[None], axis=0)[0]
    as_great = int((total / count >= found - 1e-12).sum())
    return (as_great + 1) / (_ROUNDS + 1)
