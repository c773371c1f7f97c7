"""Finds the range of every value of a graph by running it on the user's own texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.models.compile.static.graph import StaticGraph
from ragedge.models.compile.static.steps import Range
from ragedge.models.compile.static.weight_file import WeightFile
from ragedge.runtime.cpu_backend import CpuBackend
from ragedge.runtime.session import open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray


def value_ranges(
    graph: StaticGraph, feeds: Iterable[Mapping[str, NDArray[Any]]], *, threads: int
) -> dict[str, Range]:
    """Run the float graph on the processor and return the least and greatest of each value.

    Args:
        graph: What to run.
        feeds: The inputs of each run; what is fed is forgotten, only the ranges stay.
        threads: Threads inside one operator.

    Raises:
        ValueError: there is nothing to run it on.
    """
    values = graph.values()
    ranges: dict[str, Range] = {}
    with TemporaryDirectory(prefix="ragedge-ranges-") as name:
        path = Path(name) / "float.onnx"
        with WeightFile(path.with_suffix(".data")) as weights:
            graph.write(path, weights, show=values)
        session = open_session(path, CpuBackend(), threads=threads)
        for inputs in feeds:
            given = {key: array for key, array in inputs.items() if array.dtype == np.float32}
            for key, array in {**given, **session.run(inputs)}.items():
                low, high = ranges.get(key, (np.inf, -np.inf))
                ranges[key] = (min(low, float(array.min())), max(high, float(array.max())))
    if not ranges:
        raise ValueError("calibration needs at least one text")
    return {**ranges, **graph.constant_ranges(), **graph.fixed}
