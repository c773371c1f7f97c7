"""Grids that blocks of weights are rounded to: ``(code - zero_point) * scale``, as ``MatMulNBits`` reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragedge.models.compile.block_quant import CodedBlocks

Float32 = NDArray[np.float32]

# How much of a block's range a grid may leave out, at either end: a few outliers cost less than coarse steps.
_SHRINK = (1.0, 0.92, 0.84)


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps of every block of one matrix.

    Attributes:
        scales: (rows, blocks) float32, positive.
        zero_points: (rows, blocks) uint8, whole codes.
        bits: Of a code.
        block: Columns that share a scale.
    """

    scales: Float32
    zero_points: NDArray[np.uint8]
    bits: int
    block: int

    @property
    def top(self) -> int:
        """The largest code."""
        return (1 << self.bits) - 1


def blocks_of(weights: Float32, block: int) -> Float32:
    """Cut rows (n, k) into blocks (n, k / block, block).

    Raises:
        ValueError: the columns do not fill whole blocks.
    """
    rows, columns = weights.shape
    if columns % block:
        raise ValueError(f"{columns} columns do not fill blocks of {block}")
    return weights.reshape(rows, columns // block, block)


def plain_grid(weights: Float32, block: int, bits: int) -> Grid:
    """Return the grid from the least to the greatest weight of each block, nought included."""
    cut = blocks_of(weights, block)
    low, high = np.minimum(cut.min(axis=-1), 0), np.maximum(cut.max(axis=-1), 0)
    return _grid(low, high, bits, block)


def searched_grid(weights: Float32, block: int, bits: int, importance: Float32) -> Grid:
    """Return the grid whose rounding costs least, each column's error weighed by its input.

    Args:
        weights: (n, k) float32.
        block: Columns that share a scale.
        bits: Of a code.
        importance: (k,), the mean square of each column's input.

    Sources: the search over clipped ranges is that of AWQ (arXiv 2306.00978) and of llama.cpp's importance matrix;
    the ranges' two ends shrink apart, as a block's weights are not symmetric.
    """
    cut = blocks_of(weights, block)
    weighing = importance.reshape(1, -1, block)
    low, high = np.minimum(cut.min(axis=-1), 0), np.maximum(cut.max(axis=-1), 0)
    best = _grid(low, high, bits, block)
    least = _cost(cut, best, weighing)
    for down in _SHRINK:
        for up in _SHRINK:
            tried = _grid(low * np.float32(down), high * np.float32(up), bits, block)
            cost = _cost(cut, tried, weighing)
            better = cost < least
            least = np.where(better, cost, least)
            best = Grid(
                np.where(better, tried.scales, best.scales),
                np.where(better, tried.zero_points, best.zero_points),
                bits,
                block,
            )
    return best


def rounded(weights: Float32, grid: Grid) -> CodedBlocks:
    """Round weights (n, k) to the nearest point of their grid."""
    return CodedBlocks(_codes(blocks_of(weights, grid.block), grid), grid.scales, grid.zero_points)


def _grid(low: Float32, high: Float32, bits: int, block: int) -> Grid:
    top = (1 << bits) - 1
    scale = ((high.astype(np.float64) - low) / top).astype(np.float32)
    scale[scale < np.finfo(np.float32).tiny] = 1
    zero = np.clip(np.rint(-low / scale), 0, top).astype(np.uint8)
    return Grid(scale, zero, bits, block)


def _codes(cut: Float32, grid: Grid) -> NDArray[np.uint8]:
    shifted = np.rint(cut / grid.scales[..., None]) + grid.zero_points[..., None]
    return np.asarray(np.clip(shifted, 0, grid.top), np.uint8)


def _cost(cut: Float32, grid: Grid, weighing: Float32) -> Float32:
    error = (
        CodedBlocks(_codes(cut, grid), grid.scales, grid.zero_points).dequantize().reshape(cut.shape) - cut
    )
    return np.asarray((error * error * weighing).sum(axis=-1), np.float32)
