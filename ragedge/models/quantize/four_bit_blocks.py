"""Finds the 4-bit blocks that weights were made of, in a GGUF that was compiled to 8 bits.

A block of Q4_1, Q4_K or their like is ``scale * q + offset`` with ``q`` from 0 to 15. The offset is no whole number of
steps, so an operator with whole zero points cannot hold it. What is left of it is small and the same for a whole block:
it is kept apart, and multiplies the sum of the block's inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragedge.errors import UnsupportedModelError
from ragedge.models.compile.block_quant import CodedBlocks
from ragedge.models.quantize.grids import Float32, blocks_of

BLOCK = 32
_TOP = 15
_MISS = 0.12  # of a step: halves of a block were compiled apart, and each rounded its offset by itself


@dataclass(frozen=True, slots=True)
class FourBitBlocks:
    """Weights as ``(codes - zero_points) * scales + offsets``, offsets alike over a block.

    Attributes:
        blocks: The codes of 4 bits, whole zero points.
        offsets: (rows, blocks) float32, at most half a step.
    """

    blocks: CodedBlocks
    offsets: Float32

    def dequantize(self) -> Float32:
        """Return the weights, (rows, columns) float32."""
        weights = self.blocks.dequantize().reshape(self.blocks.codes.shape) + self.offsets[..., None]
        return np.asarray(weights.reshape(len(weights), -1), np.float32)


def four_bit_blocks(weights: Float32, name: str) -> FourBitBlocks:
    """Return the blocks of 32 that weights (n, k) stand on.

    The step is the distance between two neighbours in the block, or a part of it where no two codes in it are
    neighbours: of the parts under which the block spans 15 steps at most, the one that the weights fit best.

    Raises:
        UnsupportedModelError: the weights of a block are not on 16 even steps.
    """
    cut = blocks_of(weights, BLOCK)
    low = cut.min(axis=-1)
    above = np.sort(cut - low[..., None], axis=-1)  # (n, blocks, 32)
    span = above[..., -1]
    gaps = np.diff(above, axis=-1)
    widest = np.maximum(span, np.float32(np.finfo(np.float32).tiny))
    # Rounding apart of two halves makes gaps that are no step: below a quarter of the least step that could be.
    real = gaps > widest[..., None] / _TOP * 0.5
    least = np.where(real, gaps, np.inf).min(axis=-1)
    flat = ~np.isfinite(least)
    least = np.where(flat, 1, least)
    best, miss = least.copy(), np.full(least.shape, np.inf, np.float32)
    for part in range(1, _TOP + 1):
        counted = np.rint(span / (least / part))
        step = np.where(counted > 0, span / np.maximum(counted, 1), least)
        steps = above / step[..., None]
        off = np.abs(steps - np.rint(steps)).max(axis=-1)
        better = (counted <= _TOP) & (off < miss * 0.8)
        best, miss = np.where(better, step, best), np.where(better, off, miss)
    lost = int((~flat & (miss > _MISS)).sum())
    if lost:
        raise UnsupportedModelError(
            f"{name} has {lost} blocks that are not of 4 bits: its source was not Q4_0, Q4_1 or Q4_K",
            hint="--scheme gptq4",
        )
    step = np.where(flat, 1, best).astype(np.float32)
    steps = np.clip(np.rint((cut - low[..., None]) / step[..., None]), 0, _TOP)
    offset = (cut - steps * step[..., None]).mean(axis=-1)  # of code nought
    zero = np.clip(np.rint(-offset / step), 0, _TOP)
    codes: NDArray[np.uint8] = steps.astype(np.uint8)
    return FourBitBlocks(
        CodedBlocks(codes, step, zero.astype(np.uint8)), np.asarray(offset + zero * step, np.float32)
    )
