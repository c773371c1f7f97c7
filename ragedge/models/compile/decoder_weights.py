"""Writes a decoder's weights into ``model.onnx.data`` as they are read, never holding a large one whole."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import TensorProto

DATA_NAME = "model.onnx.data"
_ALIGNMENT = 4096  # a page, so that the runtime can map each tensor by itself
_ONNX_TYPES = {"float32": 1, "uint8": 2, "int8": 3}  # TensorProto.FLOAT, UINT8, INT8


class Region:
    """A tensor's place in the file, filled front to back."""

    def __init__(self, file: BinaryIO, name: str, dtype: str, shape: tuple[int, ...], offset: int) -> None:
        self._file, self._dtype, self._position = file, np.dtype(dtype), offset
        self.name, self.dtype, self.shape, self.offset = name, dtype, shape, offset
        self.nbytes = math.prod(shape) * self._dtype.itemsize

    def write(self, part: NDArray[Any]) -> None:
        """Append values of this tensor.

        Raises:
            ValueError: of another type, or more than the shape holds.
        """
        if part.dtype != self._dtype or self._position + part.nbytes > self.offset + self.nbytes:
            raise ValueError(f"{self.name}: {part.nbytes} bytes of {part.dtype} do not fit {self.shape}")
        self._file.seek(self._position)
        self._file.write(np.ascontiguousarray(part).data)
        self._position += part.nbytes

    @property
    def whole(self) -> bool:
        """Whether every value was written."""
        return self._position == self.offset + self.nbytes


class WeightsFile:
    """The external data of one graph. A context manager; leaving it closes the file."""

    def __init__(self, folder: Path, name: str = DATA_NAME) -> None:
        self._file: BinaryIO = (folder / name).open("wb")
        self._name = name
        self._end = 0
        self._regions: list[Region] = []
        self.initializers: list[TensorProto] = []

    def __enter__(self) -> WeightsFile:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    def reserve(self, name: str, dtype: str, shape: tuple[int, ...]) -> Region:
        """Set space aside for a tensor, and list it among the graph's initializers."""
        region = Region(self._file, name, dtype, shape, self._end)
        self._end = -(-(self._end + region.nbytes) // _ALIGNMENT) * _ALIGNMENT
        self._regions.append(region)
        self.initializers.append(_external(region, name, shape, self._name))
        return region

    def alias(self, name: str, region: Region, shape: tuple[int, ...]) -> str:
        """List the same bytes a second time under another name and shape; no byte is stored twice.

        Raises:
            ValueError: the shapes do not hold equally many values.
        """
        if math.prod(shape) != math.prod(region.shape):
            raise ValueError(f"{shape} does not hold as many values as {region.shape}")
        self.initializers.append(_external(region, name, shape, self._name))
        return name

    def add(self, name: str, values: NDArray[Any]) -> str:
        """Store a small tensor at once."""
        self.reserve(name, values.dtype.name, values.shape).write(values)
        return name

    def finish(self) -> None:
        """Pad the file to its full length.

        Raises:
            ValueError: a reserved tensor was not filled.
        """
        unfilled = [region.name for region in self._regions if not region.whole]
        if unfilled:
            raise ValueError(f"not filled: {', '.join(unfilled)}")
        self._file.truncate(self._end)


def _external(region: Region, name: str, shape: tuple[int, ...], file: str) -> TensorProto:
    from onnx import TensorProto

    tensor = TensorProto(name=name, data_type=_ONNX_TYPES[region.dtype], dims=shape)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", file), ("offset", region.offset), ("length", region.nbytes)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor
