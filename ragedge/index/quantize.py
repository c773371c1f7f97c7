"""Unit rows as int8 codes with a scale each: a quarter of the bytes, and dot products survive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int8


def quantize_rows(rows: Float32, /) -> tuple[Int8, Float32]:
    """Compress rows to int8 with one scale per row.

    Args:
        rows: Embeddings, shape (n, dim), float32, finite; n may be 0.

    Returns:
        codes: shape (n, dim), int8 in [-127, 127].
        scale: shape (n, 1), float32, embedding units per code step; 1 for a row of zeros.

    Raises:
        ValueError: rows is not 2-D or holds NaN or inf.

    Error bound: ``|codes * scale - rows| <= scale / 2`` per element, within float32 rounding.
    """
    if rows.ndim != 2:
        raise ValueError(f"expected rows of shape (n, dim), got {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError(f"rows of shape {rows.shape} hold NaN or inf")
    peak = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)  # (n, 1)
    scale = np.where(peak > 0, peak / 127, 1).astype(np.float32)
    codes = np.clip(np.rint(rows / scale), -127, 127).astype(np.int8)
    return codes, scale


def dequantize_rows(codes: Int8, scale: Float32, /) -> Float32:
    """Return ``codes * scale`` as float32, shape (n, dim); scale is (n, 1)."""
    return np.multiply(codes, scale, dtype=np.float32)
