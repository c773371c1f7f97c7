"""Turns blocks of weights into the codes, of 8 bits or 4, that ``MatMulNBits`` and ``GatherBlockQuantized`` read.

There a weight is ``(code - zero_point) * scale`` with ``code`` and ``zero_point`` in 0..255 (0..15). A block whose
offset is nought (Q8_0, Q4_0, Q5_0, Q6_K) fits exactly, with the zero point in the middle. One with an offset
(``scale * q + offset``: Q4_1, Q5_1, Q4_K, Q5_K) fits exactly when ``offset / scale`` is a whole number
over some ``k`` with ``k * q`` in range; so the fraction ``p / k`` nearest to it is taken. Its distance is
below ``1 / (k * (k_max + 1))`` (Dirichlet's theorem): a third of the error of rounding the floats again
for 4-bit codes, where ``k_max`` is 17, and a little over half for 5-bit ones, where it is 8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ragedge.models.compile.gguf_blocks import AffineBlocks, Float32

Bytes = NDArray[np.uint8]

_OFFSET_TYPES = frozenset({"Q4_1", "Q5_1", "Q4_K", "Q5_K"})
_FLOAT_TYPES = frozenset({"F32", "F16", "BF16"})


@dataclass(frozen=True, slots=True)
class BlockLayout:
    """How one matrix is stored: its block length, whether blocks have zero points, and the bits of a code."""

    block: int
    zero_points: bool
    bits: int = 8


@dataclass(frozen=True, slots=True)
class CodedBlocks:
    """Rows of weights: ``(codes - zero_points) * scales``.

    Attributes:
        codes: (rows, blocks, block) uint8.
        scales: (rows, blocks) float32.
        zero_points: (rows, blocks) uint8; the middle of the codes' range throughout where the layout has none.
    """

    codes: Bytes
    scales: Float32
    zero_points: Bytes

    def dequantize(self) -> Float32:
        """Return the weights, (rows, columns) float32."""
        centred = self.codes.astype(np.float32) - self.zero_points[..., None]
        return (centred * self.scales[..., None]).reshape(len(self.codes), -1)

    def packed(self, bits: int) -> Bytes:
        """Return the codes as the operators read them: two of 4 bits to a byte, the first in the low half."""
        return self.codes if bits == 8 else self.codes[..., 0::2] | (self.codes[..., 1::2] << np.uint8(4))


def layout_for(kinds: frozenset[str]) -> BlockLayout:
    """Choose the layout that keeps tensors of these types, stacked into one matrix, most exactly.

    Q4_0 alone fits 4 bits exactly, and half the bytes are half the time that a token takes.
    """
    if kinds == {"Q4_0"}:
        return BlockLayout(32, zero_points=False, bits=4)
    return BlockLayout(16 if "Q6_K" in kinds else 32, bool(kinds & (_OFFSET_TYPES | _FLOAT_TYPES)))


def encode(weights: AffineBlocks | Float32, layout: BlockLayout) -> CodedBlocks:
    """Encode rows of weights.

    Args:
        weights: Blocks as unpacked, of the layout's length or a multiple; or floats (rows, columns).
        layout: From ``layout_for`` over the types of all rows of the matrix.

    Error bound: nought without offsets; else half a scale of the result per weight (tests/compile/gguf).
    """
    if isinstance(weights, np.ndarray):
        return _encode_floats(weights.reshape(len(weights), -1, layout.block))
    weights = _split(weights, layout.block)
    if weights.offset is None:
        middle = 1 << (layout.bits - 1)  # the zero point that the operators assume where none is given
        codes = (weights.codes + middle).astype(np.uint8)
        return CodedBlocks(codes, weights.scale, np.full(weights.scale.shape, middle, np.uint8))
    return _encode_offset(weights)


def _split(weights: AffineBlocks, block: int) -> AffineBlocks:
    """Cut blocks into shorter ones with the same scale and offset."""
    times = weights.codes.shape[-1] // block
    if times == 1:
        return weights
    return AffineBlocks(
        weights.codes.reshape(len(weights.codes), -1, block),
        np.repeat(weights.scale, times, axis=1),
        None if weights.offset is None else np.repeat(weights.offset, times, axis=1),
    )


def _encode_floats(weights: Float32) -> CodedBlocks:
    """Round floats (rows, blocks, block) to 255 steps between their least and greatest, nought included."""
    low = np.minimum(weights.min(axis=-1), 0)
    high = np.maximum(weights.max(axis=-1), 0)
    scale = ((high.astype(np.float64) - low) / 255).astype(np.float32)
    scale[scale < np.finfo(np.float32).tiny] = 1
    zero = np.clip(np.rint(-low / scale), 0, 255)
    codes = np.clip(np.rint(weights / scale[..., None]) + zero[..., None], 0, 255)
    return CodedBlocks(codes.astype(np.uint8), scale, zero.astype(np.uint8))


def _encode_offset(weights: AffineBlocks) -> CodedBlocks:
    assert weights.offset is not None
    codes, scale, offset = weights.codes, weights.scale, weights.offset  # (rows, blocks[, block])
    flat = scale == 0  # every weight of the block is the offset
    ratio = np.where(flat, 0, offset / np.where(flat, 1, scale)).astype(np.float64)
    low, high = codes.min(axis=-1), codes.max(axis=-1)
    least = np.full(scale.shape, np.inf)
    factor = np.ones(scale.shape, np.int64)
    shift = np.zeros(scale.shape, np.int64)
    for k in range(1, 18):
        nearest = np.rint(np.clip(ratio * k, -1e6, 1e6)).astype(
            np.int64
        )  # the whole block moves by this many steps
        bottom, top = nearest + k * low, nearest + k * high
        fits = np.maximum(top, 0) - np.minimum(bottom, 0) <= 255
        error = np.where(fits, np.abs(nearest / k - ratio), np.inf)
        better = error < least
        least[better], factor[better], shift[better] = error[better], k, nearest[better]
    zero = np.maximum(0, -(shift + factor * low))
    moved = (factor * 1.0)[..., None] * codes + (shift + zero)[..., None]
    result = CodedBlocks(
        np.clip(moved, 0, 255).astype(np.uint8), (scale / factor).astype(np.float32), zero.astype(np.uint8)
    )
    odd = flat | ~np.isfinite(least)  # constant blocks, and offsets far outside the codes' range
    if odd.any():
        exact = AffineBlocks(codes[odd][:, None], scale[odd][:, None], offset[odd][:, None]).dequantize()
        rounded = _encode_floats(exact.reshape(len(exact), 1, -1))
        result.codes[odd], result.scales[odd] = rounded.codes[:, 0], rounded.scales[:, 0]
        result.zero_points[odd] = rounded.zero_points[:, 0]
    return result
