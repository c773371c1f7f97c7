"""An encoder of fixed length: ids and a mask in, token vectors out; pooling is the caller's.

Inputs: ``input_ids`` (1, length) int32, padded; ``mask`` (1, 1, 1, length) float32, added to attention scores:
0 where a token is, ``MASKED`` where padding is. Output: ``hidden`` (1, length, dim) float32. Attention is written
out in standard operators. The mask is finite: -3.4e38, as exporters write, leaves 16-bit scores no steps at all.
"""

from __future__ import annotations

import math

import numpy as np

from ragedge.models.compile.static.graph import StaticGraph
from ragedge.models.compile.static.installed import InstalledWeights
from ragedge.models.manifest import EncoderFacts

MASKED = -100.0


def encoder_graph(weights: InstalledWeights, facts: EncoderFacts, length: int) -> StaticGraph:
    """Describe the encoder for texts of up to ``length`` tokens, special tokens included.

    Raises:
        UnsupportedModelError: the installed graph is not one of ours.
        ValueError: the length is not 8 to what the model has positions for.
    """
    positions = weights.array("positions")
    if not 8 <= length <= len(positions):
        raise ValueError(f"length must be 8 to {len(positions)}, got {length}")
    graph = StaticGraph(f"encoder_{length}")
    ids = graph.input("input_ids", "int32", (1, length))
    mask = graph.input("mask", "float32", (1, 1, 1, length))
    graph.fixed[mask] = (MASKED, 0.0)
    words = graph.add("Gather", [graph.constant("words", weights.table("words")), ids], "words.found", axis=0)
    places = graph.constant(f"positions.{length}", positions[:length][None])
    summed = graph.add("Add", [words, places], "embedded")
    x = _norm(graph, weights, summed, "embedded_norm", "x0", "x0")
    layer = 0
    while f"query{layer}" in weights:
        x = _layer(graph, weights, facts, layer, x, mask, length)
        layer += 1
    graph.add("Identity", [x], "hidden")
    graph.tie(x, "hidden")
    graph.output("hidden", (1, length, facts.dim))
    return graph


def _layer(
    graph: StaticGraph,
    weights: InstalledWeights,
    facts: EncoderFacts,
    layer: int,
    x: str,
    mask: str,
    length: int,
) -> str:
    heads = int(weights.attribute(f"attended{layer}", "num_heads"))
    width = facts.dim // heads

    def project(name: str, divisor: float = 1.0) -> str:
        weight, bias = weights.linear(f"{name}{layer}")
        return graph.linear(x, weight / divisor, None if bias is None else bias / divisor, f"{name}{layer}")

    def by_head(name: str, order: tuple[int, ...]) -> str:
        rows = graph.add("Reshape", [name, graph.shape(1, length, heads, width)], f"{name}.heads")
        return graph.add("Transpose", [rows], f"{name}.turned", perm=order)

    # The scores' scale is part of the query's weights: one operator and one rounding less.
    query = by_head(project("query", math.sqrt(width)), (0, 2, 1, 3))  # (1, heads, length, width)
    key = by_head(project("key"), (0, 2, 3, 1))  # (1, heads, width, length)
    value = by_head(project("value"), (0, 2, 1, 3))
    scores = graph.add("MatMul", [query, key], f"scores{layer}")
    masked = graph.add("Add", [scores, mask], f"masked{layer}")
    shares = graph.add("Softmax", [masked], f"shares{layer}", axis=-1)
    mixed = graph.add("MatMul", [shares, value], f"weighted{layer}")
    turned = graph.add("Transpose", [mixed], f"weighted{layer}.turned", perm=(0, 2, 1, 3))
    joined = graph.add("Reshape", [turned, graph.shape(1, length, facts.dim)], f"attended{layer}")
    out = graph.linear(joined, *weights.linear(f"mixed{layer}"), f"mixed{layer}")
    summed = graph.add("Add", [x, out], f"y{layer}.sum")
    y = _norm(graph, weights, summed, f"y{layer}_norm", f"y{layer}", f"y{layer}")
    up = graph.linear(y, *weights.linear(f"up{layer}"), f"up{layer}")
    active = _activate(graph, weights, layer, up)
    down = graph.linear(active, *weights.linear(f"down{layer}"), f"down{layer}")
    summed = graph.add("Add", [y, down], f"x{layer + 1}.sum")
    return _norm(graph, weights, summed, f"x{layer + 1}_norm", f"x{layer + 1}", f"x{layer + 1}")


def _norm(graph: StaticGraph, weights: InstalledWeights, x: str, name: str, source: str, output: str) -> str:
    inputs = [
        x,
        graph.constant(f"{name}.weight", weights.array(f"{name}.weight").astype(np.float32)),
        graph.constant(f"{name}.bias", weights.array(f"{name}.bias").astype(np.float32)),
    ]
    epsilon = float(weights.attribute(source, "epsilon", 1e-5))
    return graph.add("LayerNormalization", inputs, output, axis=-1, epsilon=epsilon)


def _activate(graph: StaticGraph, weights: InstalledWeights, layer: int, x: str) -> str:
    kind = weights.node(f"active{layer}").op_type
    if kind == "Relu":
        return graph.add("Relu", [x], f"active{layer}")
    return graph.add("Gelu", [x], f"active{layer}", approximate="tanh" if kind == "FastGelu" else "none")
