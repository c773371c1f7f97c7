"""Chooses how the columns of an input are evened out before it is rounded to bytes, and which matrices not to round.

A row of an input has one scale, so that a column with large values takes the precision of all others. Columns are
divided by factors, and the weights' columns multiplied by them: the product is the same, and the difficulty is shared.

Sources: SmoothQuant (arXiv 2211.10438), equation 4: ``peak ** a / weight peak ** (1 - a)``. There ``a`` is one number
for a model; here each input has the one under which its own products err least.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ragedge.models.quantize.prompt_graph import TOP, rounded_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.models.quantize.graph import Matrix

    Float32 = NDArray[np.float32]

STRENGTHS = (0.4, 0.55, 0.7)
_LEAST = 1e-5  # of a column that the texts left empty
_MOST = 1e4  # between the factors of two columns: beyond it one of them is noise


@dataclass(frozen=True, slots=True)
class Smoothed:
    """What was chosen for one input.

    Attributes:
        factors: (k,), what its columns are divided by; a geometric mean of 1.
        errors: By matrix that multiplies it: how much of a row of the product is error, as a share of its power.
    """

    factors: Float32
    errors: dict[str, float]


def smoothed(rows: Float32, peaks: Float32, weights: Mapping[str, Float32]) -> Smoothed:
    """Choose factors for one input.

    Args:
        rows: (n, k), some of what the input was on texts.
        peaks: (k,), the greatest magnitude of each column on all of the texts.
        weights: The matrices that multiply it, (m, k), by name.
    """
    heaviest = np.max([np.abs(one).max(axis=0) for one in weights.values()], axis=0)
    exact = {name: rows @ one.T for name, one in weights.items()}
    best: Smoothed | None = None
    for strength in STRENGTHS:
        factors = _factors(peaks, heaviest, strength)
        bytes_of = _rounded_inputs(rows / factors)
        errors = {}
        for name, one in weights.items():
            codes, scales = rounded_rows(one * factors)
            wrong = bytes_of @ (codes * scales[:, None]).T - exact[name]
            power = (exact[name] ** 2).sum(axis=1)
            errors[name] = float(((wrong**2).sum(axis=1) / np.maximum(power, 1e-30)).mean())
        found = Smoothed(factors, errors)
        if best is None or sum(errors.values()) < sum(best.errors.values()):
            best = found
    assert best is not None
    return best


def left_in_blocks(matrices: Sequence[Matrix], errors: Mapping[str, float]) -> set[str]:
    """Return the matrices to leave as they are: of all layers, those of the part that errs most on average.

    Args:
        matrices: Of the layers; a layer's parts are told apart by what they multiply.
        errors: Of each, by name.
    """
    parts: dict[str, list[str]] = {}
    for one in matrices:
        parts.setdefault(one.input.rpartition(".")[2], []).append(one.name)
    return set(max(parts.values(), key=lambda names: float(np.mean([errors[name] for name in names]))))


def _factors(peaks: Float32, heaviest: Float32, strength: float) -> Float32:
    found = np.maximum(peaks, _LEAST) ** strength / np.maximum(heaviest, _LEAST) ** (1 - strength)
    found = found / np.exp(np.log(found).mean())
    return np.asarray(np.clip(found, 1 / _MOST, _MOST), np.float32)


def _rounded_inputs(rows: Float32) -> Float32:
    scale = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-9) / TOP
    return np.asarray(np.rint(rows / scale) * scale, np.float32)
