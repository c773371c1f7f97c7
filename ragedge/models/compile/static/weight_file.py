"""The file that holds the constants of one graph or of several that share them."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import TensorProto

_ALIGNMENT = 4096  # a page, so that a runtime can map each tensor by itself
_INLINE_BYTES = 1024  # smaller ones stand in the graph: compilers want to see shapes and steps there


class WeightFile:
    """Writes each named tensor once. A context manager; leaving it closes the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("wb")
        self._end = 0
        self._written: dict[str, TensorProto] = {}

    def __enter__(self) -> WeightFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def find(self, name: str) -> TensorProto | None:
        """Return the initializer of a tensor that was stored."""
        return self._written.get(name)

    def add(self, name: str, values: NDArray[Any]) -> TensorProto:
        """Store an array and return it as a graph's initializer; a name that is known is not stored again.

        Raises:
            ValueError: the name is known with another shape.
        """
        from onnx import TensorProto, helper

        known = self._written.get(name)
        if known is not None:
            if tuple(known.dims) != values.shape:
                raise ValueError(f"{name} is {tuple(known.dims)} in one graph and {values.shape} in another")
            return known
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        tensor = TensorProto(name=name, data_type=kind, dims=values.shape)
        data = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"), copy=False))
        if data.nbytes <= _INLINE_BYTES:
            tensor.raw_data = data.tobytes()
        else:
            tensor.data_location = TensorProto.EXTERNAL
            place = (("location", self._path.name), ("offset", self._end), ("length", data.nbytes))
            for key, value in place:
                tensor.external_data.add(key=key, value=str(value))
            self._file.seek(self._end)
            self._file.write(data.data)
            self._end = -(-(self._end + data.nbytes) // _ALIGNMENT) * _ALIGNMENT
        self._written[name] = tensor
        return tensor
