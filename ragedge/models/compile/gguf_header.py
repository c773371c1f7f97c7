"""Reads the header of a GGUF file, trusting nothing that it says.

``gguf.GGUFReader`` maps the file and keeps several arrays per metadata element: half a gigabyte for a
vocabulary of 262,144, and no bounds are checked. So the header is read here, every count against the
bytes that are left, and the package's own tables and routines read the tensors.

Source: the GGUF specification, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ragedge.errors import ModelIntegrityError, UnsupportedModelError
from ragedge.models.compile.gguf_metadata import Metadata

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MAX_ENTRIES = 65_536  # metadata pairs, and tensors; the largest published models hold a few thousand
_MAX_ARRAY = 4_194_304  # elements; sixteen times the largest vocabulary there is
_MAX_STRING_BYTES = 16 << 20
_MAX_METADATA_BYTES = 256 << 20
_MAX_DIMENSION = 1 << 28
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "<u1", 10: "<u8", 11: "<i8", 12: "<f8",
}  # fmt: skip
_BOOL = 7

TENSOR_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K",
    30: "BF16",
}  # fmt: skip
"""Tensor types that are read, by their number in the file."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where one tensor stands.

    Attributes:
        name: As in the file, such as ``blk.0.attn_q.weight``.
        shape: Outermost first, so a matrix is (rows, columns) and a row is contiguous.
        type: One of ``TENSOR_TYPES``.
        offset: First byte, from the start of the file.
        row_bytes: Bytes of one row (the innermost dimension).
    """

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    row_bytes: int

    @property
    def rows(self) -> int:
        """How many rows: the product of all dimensions but the innermost."""
        return math.prod(self.shape[:-1])

    @property
    def nbytes(self) -> int:
        """Bytes of the whole tensor."""
        return self.rows * self.row_bytes


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says about itself, checked against its size."""

    path: Path
    metadata: Metadata
    tensors: dict[str, TensorInfo]
    file_bytes: int


class _Cursor:
    """Reads little-endian values, never past the end of the file."""

    def __init__(self, file: BinaryIO, size: int, path: Path) -> None:
        self._file, self._size, self._path = file, size, path
        self.position = 0

    def take(self, count: int) -> bytes:
        if count > self._size - self.position:
            raise self.damaged(f"{count} bytes wanted at byte {self.position} of {self._size}")
        if count and self.position + count > _MAX_METADATA_BYTES:
            raise self.damaged(f"its header is longer than {_MAX_METADATA_BYTES} bytes")
        data = self._file.read(count)
        if len(data) != count:
            raise self.damaged(f"it ended at byte {self.position + len(data)} while being read")
        self.position += count
        return data

    def u32(self) -> int:
        return int(struct.unpack("<I", self.take(4))[0])

    def u64(self) -> int:
        return int(struct.unpack("<Q", self.take(8))[0])

    def string(self) -> str:
        length = self.u64()
        if length > _MAX_STRING_BYTES:
            raise self.damaged(f"a string of {length} bytes; at most {_MAX_STRING_BYTES}")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError as exc:
            raise self.damaged(f"a string before byte {self.position} is not UTF-8") from exc

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self._array()
        if kind not in _SCALARS:
            raise self.damaged(f"unknown metadata type {kind}")
        dtype = np.dtype(_SCALARS[kind])
        number = np.frombuffer(self.take(dtype.itemsize), dtype)[0].item()
        return bool(number) if kind == _BOOL else number

    def _array(self) -> Any:
        kind, length = self.u32(), self.u64()
        if length > _MAX_ARRAY:
            raise self.damaged(f"an array of {length} elements; at most {_MAX_ARRAY}")
        if kind == _STRING:
            return [self.string() for _ in range(length)]
        if kind not in _SCALARS:  # arrays of arrays: no model uses them, and depth is an attack
            raise self.damaged(f"an array of metadata type {kind}")
        dtype = np.dtype(_SCALARS[kind])
        return np.frombuffer(self.take(length * dtype.itemsize), dtype)

    def damaged(self, what: str) -> ModelIntegrityError:
        return ModelIntegrityError(
            f"{self._path.name} is not a whole GGUF file: {what}",
            hint="fetch the file again and compare its sha256",
        )


def read_header(path: Path) -> GgufHeader:
    """Read and check the header of a GGUF file.

    Args:
        path: The file; only its header is read.

    Raises:
        ModelIntegrityError: the file is not GGUF, is cut short, or contradicts itself.
        UnsupportedModelError: its version, byte order or a tensor's type is not one that is read.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _read(_Cursor(file, size, path), path, size)
    except OSError as exc:
        reason = os.strerror(exc.errno) if exc.errno else "unreadable"
        raise ModelIntegrityError(f"cannot read {path.name}: {reason}") from exc


def _read(cursor: _Cursor, path: Path, size: int) -> GgufHeader:
    if size < 24 or cursor.take(4) != _MAGIC:
        raise cursor.damaged("it does not begin with GGUF")
    version = cursor.u32()
    if version not in _VERSIONS:
        if version & 0xFFFF == 0:
            raise UnsupportedModelError(f"{path.name} is a big-endian GGUF file; little-endian ones are read")
        known = ", ".join(map(str, _VERSIONS))
        raise UnsupportedModelError(f"{path.name} is GGUF version {version}; supported: {known}")
    tensor_count, pair_count = cursor.u64(), cursor.u64()
    if tensor_count > _MAX_ENTRIES or pair_count > _MAX_ENTRIES:
        raise cursor.damaged(
            f"{tensor_count} tensors and {pair_count} metadata pairs; at most {_MAX_ENTRIES} each"
        )
    pairs: dict[str, Any] = {}
    for _ in range(pair_count):
        key = cursor.string()
        if key in pairs:
            raise cursor.damaged("a metadata key stands twice")
        pairs[key] = cursor.value(cursor.u32())
    metadata = Metadata(pairs, path.name)
    raw = [_tensor_entry(cursor) for _ in range(tensor_count)]
    alignment = metadata.integer("general.alignment", low=1, high=1 << 20, default=32)
    if alignment & (alignment - 1):
        raise cursor.damaged(f"alignment {alignment} is not a power of two")
    start = -(-cursor.position // alignment) * alignment
    tensors: dict[str, TensorInfo] = {}
    for name, shape, kind, offset in raw:
        if name in tensors:
            raise cursor.damaged("a tensor's name stands twice")
        if offset % alignment:
            raise cursor.damaged(f"tensor {name!r} is not aligned to {alignment} bytes")
        tensors[name] = _place(cursor, name, shape, kind, start + offset)
    _refuse_overlap(cursor, tensors, size)
    return GgufHeader(path, metadata, tensors, size)


def _tensor_entry(cursor: _Cursor) -> tuple[str, tuple[int, ...], int, int]:
    name = cursor.string()
    dimensions = cursor.u32()
    if not 1 <= dimensions <= 4:
        raise cursor.damaged(f"a tensor of {dimensions} dimensions; 1 to 4 are allowed")
    shape = tuple(cursor.u64() for _ in range(dimensions))[::-1]
    return name, shape, cursor.u32(), cursor.u64()


def _place(cursor: _Cursor, name: str, shape: tuple[int, ...], kind: int, offset: int) -> TensorInfo:
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    name = name[:80]
    if kind not in TENSOR_TYPES:
        try:
            label = GGMLQuantizationType(kind).name
        except ValueError:
            raise cursor.damaged(f"tensor {name!r} is of unknown type {kind}") from None
        known = ", ".join(sorted(TENSOR_TYPES.values()))
        raise UnsupportedModelError(f"tensor {name!r} is of type {label}; supported: {known}")
    if not all(0 < dimension <= _MAX_DIMENSION for dimension in shape):
        raise cursor.damaged(f"tensor {name!r} has shape {shape}")
    block, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
    if shape[-1] % block:
        raise cursor.damaged(f"tensor {name!r}: rows of {shape[-1]} are no multiple of its block of {block}")
    return TensorInfo(name, shape, TENSOR_TYPES[kind], offset, shape[-1] // block * block_bytes)


def _refuse_overlap(cursor: _Cursor, tensors: dict[str, TensorInfo], size: int) -> None:
    end = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: tensor.offset):
        if tensor.offset < end:
            raise cursor.damaged(f"tensor {tensor.name!r} overlaps the one before it")
        end = tensor.offset + tensor.nbytes
        if end > size:
            raise cursor.damaged(f"tensor {tensor.name!r} ends at byte {end} of {size}")
