"""Stores a decoder's matrices as blocks of 8-bit codes, tensor by tensor, and its rotary tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from ragedge.errors import ModelIntegrityError, UnsupportedModelError
from ragedge.models.compile.block_quant import encode, layout_for
from ragedge.models.compile.decoder_config import DecoderConfig, Rope
from ragedge.models.compile.decoder_weights import Region, WeightsFile
from ragedge.models.compile.gguf_blocks import Float32, read_floats, stream
from ragedge.models.compile.gguf_header import GgufHeader, TensorInfo

SHORT_BLOCK = 16  # the least that MatMulNBits takes
_ROPE_FACTORS = {"rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"}
_TABLE_ROWS = 1024  # positions computed at once


@dataclass(frozen=True, slots=True)
class Matrix:
    """A stored matrix, ``(rows, columns)``, as the operators name its parts."""

    codes: Region
    scales: Region
    zero_points: Region | None
    rows: int
    columns: int
    block: int
    bits: int


class MatrixStore:
    """Reads tensors of one GGUF file and writes what the graph needs of them."""

    def __init__(
        self, header: GgufHeader, file: BinaryIO, weights: WeightsFile, progress: Callable[[int], None]
    ) -> None:
        self._header, self._file, self._weights, self._progress = header, file, weights, progress
        self._unread = set(header.tensors) - _ROPE_FACTORS

    def __contains__(self, name: str) -> bool:
        return name in self._header.tensors

    def vector(self, name: str, length: int, *, times: float = 1) -> str:
        """Store a norm's weight or a bias as float32, multiplied; returns the initializer's name."""
        return self.vectors([name], name, [length], times=times)

    def vectors(
        self, names: Sequence[str], stored_name: str, lengths: Sequence[int], *, times: float = 1
    ) -> str:
        """Store several vectors end to end as one."""
        parts = []
        for name, length in zip(names, lengths, strict=True):
            tensor = self._tensor(name, (length,))
            parts.append(read_floats(self._file, tensor))
            self._progress(tensor.nbytes)
        return self._weights.add(stored_name, np.concatenate(parts) * np.float32(times))

    def matrix(
        self,
        names: Sequence[str],
        stored_name: str,
        rows: Sequence[int],
        columns: int,
        *,
        eight_bits: bool = False,
        short_blocks: bool = False,
        times: float = 1,
    ) -> Matrix:
        """Store one matrix, or several stacked on one another, in one common layout.

        Args:
            names: The tensors, from the top row down.
            stored_name: What its parts are called in the graph.
            rows: Of each tensor.
            columns: Of all of them.
            eight_bits: Rule out narrower codes.
            short_blocks: Cut blocks of 8-bit codes to 16 columns, each half with the scale of the whole: equal
                weights, but the operator rounds its input block by block too.
            times: What all weights are multiplied by: their scales are.

        Raises:
            ModelIntegrityError: a tensor is missing or of another shape.
            UnsupportedModelError: the columns do not fill whole blocks.
        """
        tensors = [self._tensor(name, (count, columns)) for name, count in zip(names, rows, strict=True)]
        layout = layout_for(frozenset(tensor.type for tensor in tensors))
        if eight_bits:
            layout = replace(layout, bits=8)
        if short_blocks and layout.bits == 8:
            layout = replace(layout, block=SHORT_BLOCK)
        if columns % 32:
            raise UnsupportedModelError(
                f"tensor {names[0]!r} has rows of {columns}; a multiple of 32 is supported"
            )
        total, blocks = sum(rows), columns // layout.block
        codes = self._weights.reserve(
            f"{stored_name}.codes", "uint8", (total, blocks, layout.block * layout.bits // 8)
        )
        scales = self._weights.reserve(f"{stored_name}.scales", "float32", (total, blocks))
        zeros = None
        if layout.zero_points:
            zeros = self._weights.reserve(f"{stored_name}.zero_points", "uint8", (total, blocks))
        for tensor in tensors:
            for part in stream(self._file, tensor):
                coded = encode(part, layout)
                codes.write(coded.packed(layout.bits))
                scales.write(coded.scales * np.float32(times))
                if zeros is not None:
                    zeros.write(coded.zero_points)
                self._progress(len(coded.codes) * tensor.row_bytes)
        return Matrix(codes, scales, zeros, total, columns, layout.block, layout.bits)

    def alias(self, name: str, region: Region, shape: tuple[int, ...]) -> str:
        """Name stored bytes a second time, in another shape."""
        return self._weights.alias(name, region, shape)

    def rotary_tables(self, name: str, rope: Rope, config: DecoderConfig) -> tuple[str, str]:
        """Store cosines and sines, each (positions, dim / 2) float32; returns their names."""
        exponents = np.arange(0, rope.dim, 2, dtype=np.float64) / rope.dim
        frequencies = rope.base**-exponents
        if rope.use_factors:
            frequencies = frequencies / self._rope_factors(rope.dim // 2)
        if rope.yarn is None:
            frequencies = frequencies / rope.factor
        else:
            first, last = rope.yarn
            slowed = np.clip((np.arange(rope.dim // 2) - first) / max(0.001, last - first), 0, 1)
            frequencies = frequencies * (1 - slowed + slowed / rope.factor)
        shape = (config.context_length, rope.dim // 2)
        cosines = self._weights.reserve(f"{name}.cos", "float32", shape)
        sines = self._weights.reserve(f"{name}.sin", "float32", shape)
        for first in range(0, config.context_length, _TABLE_ROWS):
            positions = np.arange(first, min(first + _TABLE_ROWS, config.context_length))
            angles = np.outer(positions, frequencies)
            cosines.write((rope.magnitude * np.cos(angles)).astype(np.float32))
            sines.write((rope.magnitude * np.sin(angles)).astype(np.float32))
        return cosines.name, sines.name

    def _rope_factors(self, count: int) -> Float32:
        """Return what the file divides its frequencies by, (count,); ones where it says nothing."""
        for name in ("rope_freqs.weight", "rope_factors_short.weight"):
            if name in self:
                factors = read_floats(self._file, self._tensor(name, (count,)))
                if not (factors > 0).all():
                    raise ModelIntegrityError(f"tensor {name!r} holds a factor that is not positive")
                return factors
        return np.ones(count, np.float32)

    def require_all_read(self) -> None:
        """Make sure that the graph left no tensor out.

        Raises:
            UnsupportedModelError: the file holds one that the graph has no place for.
        """
        if self._unread:
            shown = ", ".join(repr(name) for name in sorted(self._unread)[:3])
            raise UnsupportedModelError(
                f"{self._header.path.name} holds {len(self._unread)} tensors that the decoder graph has no place for, "
                f"such as {shown}"
            )

    def _tensor(self, name: str, shape: tuple[int, ...]) -> TensorInfo:
        tensor = self._header.tensors.get(name)
        if tensor is None:
            raise ModelIntegrityError(f"{self._header.path.name} lacks the tensor {name!r}")
        if tensor.shape != shape:
            raise ModelIntegrityError(f"tensor {name!r} has shape {tensor.shape}; {shape} is wanted")
        self._unread.discard(name)
        return tensor
