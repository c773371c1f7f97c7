"""The steps that values are rounded to: from the ranges seen on calibration texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scheme = Literal["float", "a16w8", "a8w8"]
SCHEMES: tuple[Scheme, ...] = ("float", "a16w8", "a8w8")
Range: TypeAlias = tuple[float, float]

_DTYPES: Mapping[str, Any] = {"a16w8": np.uint16, "a8w8": np.uint8}
# A tensor that was never anything but nought still needs a step; QNN's tools take the same least range.
_LEAST_RANGE = 1e-4


@dataclass(frozen=True, slots=True)
class Steps:
    """How one tensor is rounded: ``(code - zero) * scale``."""

    scale: float
    zero: int
    dtype: Any


def steps_of(seen: Range, scheme: Scheme) -> Steps:
    """Return steps over a range, widened to hold nought exactly."""
    dtype = _DTYPES[scheme]
    most = int(np.iinfo(dtype).max)
    low, high = min(seen[0], 0.0), max(seen[1], 0.0)
    scale = float(np.float32(max(high - low, _LEAST_RANGE) / most))
    return Steps(scale, int(np.clip(round(-low / scale), 0, most)), dtype)


def share_ranges(ranges: Mapping[str, Range], tied: Iterable[tuple[str, str]]) -> dict[str, Range]:
    """Give tensors that are tied, directly or through others, the range that holds all of theirs."""
    leader = {name: name for name in ranges}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for one, other in tied:
        leader[find(other)] = find(one)
    shared: dict[str, Range] = {}
    for name, (low, high) in ranges.items():
        first = find(name)
        known = shared.get(first, (low, high))
        shared[first] = (min(known[0], low), max(known[1], high))
    return {name: shared[find(name)] for name in ranges}


def constant_steps(values: NDArray[np.float32], steps: Steps, scheme: Scheme) -> NDArray[Any]:
    """Round a constant to its steps."""
    most = int(np.iinfo(_DTYPES[scheme]).max)
    codes = np.clip(np.rint(values / np.float32(steps.scale)) + steps.zero, 0, most)
    return np.asarray(codes.astype(_DTYPES[scheme]))


def weight_codes(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round a weight (k, n) to int8 with one step per column; NPUs want it without a zero point.

    Returns:
        codes: (k, n), int8 in [-127, 127].
        scale: (n,), float32; ``codes * scale`` is within half a step of the weight.
    """
    scale = (np.abs(weight).max(axis=0) / 127).astype(np.float32)
    scale[scale == 0] = 1.0
    return np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale
