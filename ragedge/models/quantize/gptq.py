"""Rounds a matrix column by column, and makes up in the columns left for the error of those done (GPTQ)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ragedge.models.compile.block_quant import CodedBlocks
from ragedge.models.quantize.grids import Float32, Grid

_DAMPING = 0.01  # of the mean diagonal, as the paper has it
_AT_ONCE = 32  # columns between updates of all the others


def gptq(weights: Float32, grid: Grid, moments: Float32) -> CodedBlocks:
    """Round weights to a grid that is given, so that the matrix's output changes least.

    Args:
        weights: (n, k) float32.
        grid: Of those weights; it stays as it is, so that columns may be taken in any order.
        moments: (k, k), the inputs' second moments, ``x.T @ x`` over calibration rows, any scale.

    Columns with the largest inputs come first, while most others are left to make up for them.

    Sources: arXiv 2210.17323, algorithm 1, with the authors' options ``act-order`` and ``static-groups``.
    """
    rows, columns = weights.shape
    order = np.argsort(-np.diag(moments), kind="stable")
    inverse = _inverse_factor(moments[np.ix_(order, order)])  # (k, k), upper
    left = np.ascontiguousarray(weights.T[order])  # (k, n): a column of weights lies in one piece
    scales, zeros = grid.scales.T.copy(), grid.zero_points.T.astype(np.float32)  # (blocks, n)
    block_of = order // grid.block
    codes = np.empty((columns, rows), np.uint8)
    for first in range(0, columns, _AT_ONCE):
        last = min(first + _AT_ONCE, columns)
        part = left[first:last]
        for at in range(last - first):
            place = first + at
            scale, zero = scales[block_of[place]], zeros[block_of[place]]
            code = np.clip(np.rint(part[at] / scale) + zero, 0, grid.top)
            codes[order[place]] = code
            part[at] = (part[at] - (code - zero) * scale) / inverse[place, place]  # from here on its error
            part[at + 1 :] -= np.outer(inverse[place, place + 1 : last], part[at])
        left[last:] -= inverse[first:last, last:].T @ part
    blocks = np.ascontiguousarray(codes.T).reshape(rows, -1, grid.block)
    return CodedBlocks(blocks, grid.scales, grid.zero_points)


def _inverse_factor(moments: NDArray[np.float32]) -> Float32:
    """Return the upper Cholesky factor of the damped moments' inverse; a column without input stands by itself."""
    damped = moments.astype(np.float64)
    diagonal = np.diag(damped).copy()
    damped[np.diag_indices_from(damped)] += _DAMPING * diagonal.mean() + (diagonal == 0)
    inverse = np.linalg.inv(damped)
    return np.asarray(np.linalg.cholesky((inverse + inverse.T) / 2).T, np.float32)
