"""A graph that is small enough to make in every test of a backend, and what opens and compiles it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.models.compile.static.graph import StaticGraph
from ragedge.models.compile.static.steps import SCHEMES, Scheme, share_ranges, steps_of
from ragedge.models.compile.static.weight_file import WeightFile
from ragedge.runtime.context_binary import compile_context
from ragedge.runtime.session import open_session

__all__ = ["compile_context", "open_session", "write_small_graph"]

if TYPE_CHECKING:
    from numpy.typing import NDArray


def write_small_graph(path: Path, quantization: str) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """Write a graph of fixed shape with a weight, a norm and a softmax; return its inputs and what comes of them."""
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, (1, 8, 16)).astype(np.float32)
    weight = rng.uniform(-1, 1, (16, 16)).astype(np.float32)
    bias = rng.uniform(-1, 1, 16).astype(np.float32)
    product = x @ weight.T
    shares = np.exp(product + bias - (product + bias).max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    expected = shares * x
    graph = StaticGraph("small")
    graph.input("x", "float32", x.shape)
    graph.linear("x", weight, bias, "projected")
    graph.add("Softmax", ["projected"], "shares", axis=-1)
    graph.add("Mul", ["shares", "x"], "y")
    graph.output("y", x.shape)
    scheme: Scheme = next(one for one in SCHEMES if one == quantization)
    seen = {"x": x, "projected.product": product, "projected": product + bias, "y": expected}
    ranges = {name: (float(values.min()), float(values.max())) for name, values in seen.items()}
    ranges = share_ranges({**ranges, **graph.constant_ranges(), **graph.fixed}, graph.tied())
    steps = {} if scheme == "float" else {name: steps_of(one, scheme) for name, one in ranges.items()}
    with WeightFile(path.with_suffix(".data")) as weights:
        graph.write(path, weights, scheme=scheme, steps=steps)
    return {"x": x}, expected
