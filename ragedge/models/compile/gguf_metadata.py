"""Typed, bounded access to a GGUF file's metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ragedge.errors import ModelIntegrityError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_REQUIRED = object()


class Metadata:
    """The key-value pairs of a header; a getter returns the wanted type or says what stands there."""

    def __init__(self, pairs: Mapping[str, Any], file_name: str) -> None:
        self._pairs, self._file_name = pairs, file_name

    def __contains__(self, key: str) -> bool:
        return key in self._pairs

    def _get(self, key: str, default: Any) -> Any:
        value = self._pairs.get(key, default)
        if value is _REQUIRED:
            raise ModelIntegrityError(f"{self._file_name} lacks the metadata {key!r}")
        return value

    def _wrong(self, key: str, wanted: str) -> ModelIntegrityError:
        value = self._pairs[key]
        shown = value if isinstance(value, int | float | bool) else type(value).__name__
        return ModelIntegrityError(f"{self._file_name}: metadata {key!r} is {shown}; {wanted} is wanted")

    def integer(self, key: str, *, low: int, high: int, default: Any = _REQUIRED) -> Any:
        """Return an integer in [low, high]; a missing key gives ``default`` if there is one.

        Raises:
            ModelIntegrityError: missing, of another type, or out of range.
        """
        value = self._get(key, default)
        if key in self._pairs and (
            isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high
        ):
            raise self._wrong(key, f"an integer from {low} to {high}")
        return value

    def uniform_integer(self, key: str, *, low: int, high: int) -> int:
        """Return an integer that may be written once, or once per layer when all layers agree.

        Raises:
            ModelIntegrityError: missing, of another type, out of range, or differing between layers.
        """
        value = self._get(key, _REQUIRED)
        if hasattr(value, "dtype") and value.size and value.dtype.kind in "iu" and (value == value[0]).all():
            value = int(value[0])
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._wrong(key, f"one integer from {low} to {high} for all layers")
        return value

    def number(self, key: str, *, low: float, high: float, default: Any = _REQUIRED) -> Any:
        """Return a finite number in [low, high]; a missing key gives ``default`` if there is one.

        Raises:
            ModelIntegrityError: missing, of another type, not finite, or out of range.
        """
        value = self._get(key, default)
        if key not in self._pairs:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong(key, "a finite number")
        if not low <= value <= high:
            raise self._wrong(key, f"a number from {low:g} to {high:g}")
        return float(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a boolean.

        Raises:
            ModelIntegrityError: of another type.
        """
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "a boolean")
        return value

    def text(self, key: str, *, default: Any = _REQUIRED) -> Any:
        """Return a string; a missing key gives ``default`` if there is one.

        Raises:
            ModelIntegrityError: missing, or of another type.
        """
        value = self._get(key, default)
        if key in self._pairs and not isinstance(value, str):
            raise self._wrong(key, "a string")
        return value

    def texts(self, key: str) -> list[str]:
        """Return an array of strings.

        Raises:
            ModelIntegrityError: missing, or of another type.
        """
        value = self._get(key, _REQUIRED)
        if not isinstance(value, list):
            raise self._wrong(key, "an array of strings")
        return value

    def numbers(self, key: str, length: int) -> NDArray[np.generic] | None:
        """Return an array of ``length`` numbers; None where the key is missing.

        Raises:
            ModelIntegrityError: of another type or length.
        """
        value = self._get(key, None)
        if value is None:
            return None
        if not hasattr(value, "dtype") or value.size != length:
            raise self._wrong(key, f"an array of {length} numbers")
        return value  # type: ignore[no-any-return]
