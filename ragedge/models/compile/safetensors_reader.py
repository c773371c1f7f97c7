"""Reads tensors from a safetensors file, one at a time, as float32; every header is hostile until checked.

The ``safetensors`` library checks the header's length, offsets and overlaps before it hands anything out;
its errors leave here as ours. A tensor is read when it is asked for, so a model needs its largest tensor in
memory, not its whole file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ragedge.errors import ModelIntegrityError, UnsupportedModelError

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

SUPPORTED_DTYPES = ("F64", "F32", "F16", "BF16")
_MOST_MISSING_SHOWN = 4


class TensorFile:
    """An open safetensors file; a context manager.

    Attributes:
        path: The file.
        names: Of its tensors, with the prefix that wraps a bare encoder taken off.
    """

    def __init__(self, path: Path, prefixes: Sequence[str] = ()) -> None:
        from safetensors import SafetensorError

        self.path = path
        try:
            self._file: Any = _open(path)
            stored = list(self._file.keys())
        except FileNotFoundError as exc:
            raise ModelIntegrityError(
                f"{path} is missing", hint="import the folder that holds model.safetensors"
            ) from exc
        except (SafetensorError, OSError, ValueError) as exc:
            raise ModelIntegrityError(
                f"{path} is not a whole safetensors file: {_one_line(exc)}", hint="fetch the file again"
            ) from exc
        self._prefix = next((p for p in prefixes if any(name.startswith(p) for name in stored)), "")
        self.names = frozenset(name.removeprefix(self._prefix) for name in stored)

    def __enter__(self) -> Self:
        self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, exc, trace)

    def require(self, names: Iterable[str]) -> None:
        """Check that every name is there.

        Raises:
            UnsupportedModelError: some are missing; the first few are named.
        """
        missing = [name for name in names if name not in self.names]
        if missing:
            more = (
                f" and {len(missing) - _MOST_MISSING_SHOWN} more"
                if len(missing) > _MOST_MISSING_SHOWN
                else ""
            )
            raise UnsupportedModelError(
                f"{self.path} lacks tensors of its architecture: "
                f"{', '.join(missing[:_MOST_MISSING_SHOWN])}{more}",
                hint="the config.json beside it may describe another model",
            )

    def read(self, name: str, shape: tuple[int | None, ...]) -> NDArray[np.float32]:
        """Read one tensor as float32.

        Args:
            name: Without the wrapping prefix.
            shape: What the configuration promises; None leaves a dimension free.

        Raises:
            UnsupportedModelError: it is missing, of another shape, or of a dtype that is not a float.
            ModelIntegrityError: it holds NaN or infinity.
        """
        self.require((name,))
        stored = self._file.get_slice(self._prefix + name)
        found, dtype = tuple(stored.get_shape()), str(stored.get_dtype())
        if len(found) != len(shape) or any(
            want not in (None, have) for want, have in zip(shape, found, strict=True)
        ):
            raise UnsupportedModelError(
                f"{self.path}: {name} has shape {list(found)}, config.json asks for {list(shape)}",
                hint="the config.json beside it may describe another model",
            )
        if dtype not in SUPPORTED_DTYPES:
            raise UnsupportedModelError(
                f"{self.path}: {name} has dtype {dtype}; supported: {', '.join(SUPPORTED_DTYPES)}",
                hint="import the unquantized weights",
            )
        values: NDArray[np.float32] = np.asarray(self._file.get_tensor(self._prefix + name)).astype(
            np.float32, copy=False
        )
        if not np.isfinite(values).all():
            raise ModelIntegrityError(
                f"{self.path}: {name} holds NaN or infinity", hint="fetch the file again"
            )
        return values


def _open(path: Path) -> Any:
    from safetensors import safe_open

    return safe_open(str(path), framework="numpy")


def _one_line(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:200]
