"""Unpacks GGUF's quantized blocks into whole numbers, one scale and one offset per block.

Each routine mirrors the packing of ``ggml-quants.c``; the tests hold them bit for bit against
``gguf.quants.dequantize``. Whole numbers rather than that package's floats, because only they tell how
a block can be kept exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ragedge.errors import ModelIntegrityError
from ragedge.models.compile.gguf_header import TensorInfo

Bytes = NDArray[np.uint8]
Float32 = NDArray[np.float32]

_CHUNK_ELEMENTS = 1 << 20  # weights unpacked at once: about 20 MB with every temporary


@dataclass(frozen=True, slots=True)
class AffineBlocks:
    """Rows of weights: ``codes * scale + offset``.

    Attributes:
        codes: (rows, blocks, size) int16.
        scale: (rows, blocks) float32.
        offset: (rows, blocks) float32, or None where it is nought.
    """

    codes: NDArray[np.int16]
    scale: Float32
    offset: Float32 | None

    def dequantize(self) -> Float32:
        """Return the weights, (rows, columns) float32."""
        weights = self.codes.astype(np.float32) * self.scale[..., None]
        if self.offset is not None:
            weights += self.offset[..., None]
        return weights.reshape(len(self.codes), -1)


def _half(raw: Bytes) -> Float32:
    return np.ascontiguousarray(raw).view(np.float16).astype(np.float32)[..., 0]


def _nibbles(packed: Bytes, group: int) -> NDArray[np.int16]:
    """Split bytes (n, m) into low then high nibbles, group by group; (n, 2 m)."""
    groups = packed.reshape(len(packed), -1, 1, group) >> np.array([0, 4], np.uint8).reshape(1, 1, 2, 1)
    return (groups & 15).reshape(len(packed), -1).astype(np.int16)


def _fifth_bits(packed: Bytes) -> NDArray[np.int16]:
    bits = np.ascontiguousarray(packed).view("<u4") >> np.arange(32, dtype=np.uint32)  # (n, 32)
    return ((bits & 1) << 4).astype(np.int16)


def _q8_0(raw: Bytes) -> AffineBlocks:
    codes = np.ascontiguousarray(raw[:, 2:]).view(np.int8).astype(np.int16)
    return AffineBlocks(codes[:, None], _half(raw[:, :2])[:, None], None)


def _q4_0(raw: Bytes) -> AffineBlocks:
    return AffineBlocks((_nibbles(raw[:, 2:], 16) - 8)[:, None], _half(raw[:, :2])[:, None], None)


def _q4_1(raw: Bytes) -> AffineBlocks:
    return AffineBlocks(
        _nibbles(raw[:, 4:], 16)[:, None], _half(raw[:, :2])[:, None], _half(raw[:, 2:4])[:, None]
    )


def _q5_0(raw: Bytes) -> AffineBlocks:
    codes = (_nibbles(raw[:, 6:], 16) | _fifth_bits(raw[:, 2:6])) - 16
    return AffineBlocks(codes[:, None], _half(raw[:, :2])[:, None], None)


def _q5_1(raw: Bytes) -> AffineBlocks:
    codes = _nibbles(raw[:, 8:], 16) | _fifth_bits(raw[:, 4:8])
    return AffineBlocks(codes[:, None], _half(raw[:, :2])[:, None], _half(raw[:, 2:4])[:, None])


def _k_scales(raw: Bytes) -> tuple[Float32, Float32]:
    """Unpack the eight 6-bit scales and minima of a super-block; each (n, 8)."""
    low, middle, high = (raw[:, start : start + 4] for start in (4, 8, 12))
    scale = np.concatenate([low & 63, (high & 15) | ((low >> 2) & 48)], axis=1)
    minimum = np.concatenate([middle & 63, (high >> 4) | ((middle >> 2) & 48)], axis=1)
    return _half(raw[:, :2])[:, None] * scale, -(_half(raw[:, 2:4])[:, None] * minimum)


def _q4_k(raw: Bytes) -> AffineBlocks:
    scale, offset = _k_scales(raw)
    return AffineBlocks(_nibbles(raw[:, 16:], 32).reshape(-1, 8, 32), scale, offset)


def _q5_k(raw: Bytes) -> AffineBlocks:
    scale, offset = _k_scales(raw)
    fifth = (raw[:, None, 16:48] >> np.arange(8, dtype=np.uint8)[:, None]) & 1  # (n, 8, 32)
    codes = _nibbles(raw[:, 48:], 32).reshape(-1, 8, 32) | (fifth.astype(np.int16) << 4)
    return AffineBlocks(codes, scale, offset)


def _q6_k(raw: Bytes) -> AffineBlocks:
    low = _nibbles(raw[:, :128], 64)  # (n, 256)
    high = raw[:, 128:192].reshape(-1, 2, 1, 32) >> np.array([0, 2, 4, 6], np.uint8).reshape(1, 1, 4, 1)
    codes = (low | ((high & 3).reshape(-1, 256).astype(np.int16) << 4)) - 32
    scale = np.ascontiguousarray(raw[:, 192:208]).view(np.int8).astype(np.float32)
    return AffineBlocks(codes.reshape(-1, 16, 16), _half(raw[:, 208:210])[:, None] * scale, None)


_UNPACK: dict[str, tuple[int, Callable[[Bytes], AffineBlocks]]] = {
    "Q8_0": (34, _q8_0), "Q4_0": (18, _q4_0), "Q4_1": (20, _q4_1), "Q5_0": (22, _q5_0), "Q5_1": (24, _q5_1),
    "Q4_K": (144, _q4_k), "Q5_K": (176, _q5_k), "Q6_K": (210, _q6_k),
}  # fmt: skip


def unpack(raw: Bytes, kind: str) -> AffineBlocks | Float32:
    """Unpack rows of one tensor.

    Args:
        raw: (rows, row bytes).
        kind: One of ``gguf_header.TENSOR_TYPES``.

    Returns:
        The blocks of a quantized type; for F32, F16 and BF16 the weights, (rows, columns) float32.
    """
    rows = len(raw)
    if kind == "F32":
        return raw.view("<f4").astype(np.float32, copy=False)
    if kind == "F16":
        return raw.view("<f2").astype(np.float32)
    if kind == "BF16":
        return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
    block_bytes, routine = _UNPACK[kind]
    blocks = routine(raw.reshape(-1, block_bytes))
    size = blocks.codes.shape[-1]
    return AffineBlocks(
        blocks.codes.reshape(rows, -1, size),
        blocks.scale.reshape(rows, -1),
        None if blocks.offset is None else blocks.offset.reshape(rows, -1),
    )


def stream(file: BinaryIO, tensor: TensorInfo) -> Iterator[AffineBlocks | Float32]:
    """Read a tensor some rows at a time, so that a large one never stands in memory whole.

    Raises:
        ModelIntegrityError: the file ends early, or a scale or weight is not a finite number.
    """
    step = max(1, _CHUNK_ELEMENTS // tensor.shape[-1])
    for first in range(0, tensor.rows, step):
        count = min(step, tensor.rows - first)
        file.seek(tensor.offset + first * tensor.row_bytes)
        data = file.read(count * tensor.row_bytes)
        if len(data) != count * tensor.row_bytes:
            raise ModelIntegrityError(f"the file ends inside tensor {tensor.name!r}")
        part = unpack(np.frombuffer(data, np.uint8).reshape(count, -1), tensor.type)
        values = (part,) if isinstance(part, np.ndarray) else (part.scale, part.offset)
        if not all(value is None or np.isfinite(value).all() for value in values):
            raise ModelIntegrityError(f"tensor {tensor.name!r} holds a number that is not finite")
        yield part


def read_floats(file: BinaryIO, tensor: TensorInfo) -> Float32:
    """Read a small tensor (a norm, a bias) whole, in its own shape.

    Raises:
        ModelIntegrityError: the file ends early, or a weight is not a finite number.
    """
    parts = [part if isinstance(part, np.ndarray) else part.dequantize() for part in stream(file, tensor)]
    return np.concatenate(parts).reshape(tensor.shape)
