"""A decoder of fixed shape: a chunk of tokens and the keys and values before it in, logits and the chunk's own out.

For ``chunk`` tokens of a context of ``context``, with ``past = context - chunk``:

- ``input_ids`` and ``positions`` (1, chunk) int32;
- ``mask`` (1, 1, groups * chunk, context) float32, added to scores: 0 or ``MASKED``; a key head's query heads lie one
  after another, so each of the ``groups`` repeats the chunk's rows;
- ``past.{i}.key`` (1, kv_heads, head_dim, past) and ``past.{i}.value`` (1, kv_heads, past, head_dim), float32;
- out: ``logits`` (1, chunk, vocab), ``new.{i}.key`` (1, kv_heads, head_dim, chunk), ``new.{i}.value``.

Keys lie on their side, as the product with the query wants them. A chunk of many tokens reads a prompt, a chunk of one
writes; both have the same weights under the same names, so one file serves them. Rotary embedding and attention are
written out. llama's query and key rows are put back in halves, where GGUF has them in pairs.

The hidden state is turned by an orthogonal matrix, folded into the weights beside it (QuaRot, Ashkboos et al., 2024,
https://arxiv.org/abs/2404.00456): a few of its channels reach 26,000 where the rest stay below 100, and one step for
all of them would leave the rest a few codes. Turned, each channel takes a share. It costs nothing when running: RMS
norm, here ``x / |x|``, does not see it once the norms' weights are part of the weights behind them. The norm's
epsilon, which guards against a row of noughts, is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import UnsupportedModelError
from ragedge.models.compile.static.encoder import MASKED
from ragedge.models.compile.static.graph import StaticGraph
from ragedge.models.compile.static.installed import InstalledWeights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.models.manifest import DecoderFacts

    Float32 = NDArray[np.float32]

MOST_EPSILON = 1e-4
"""Of a norm; published llama and qwen2 models have 1e-6 to 1e-5."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the layers share."""

    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    chunk: int
    context: int
    scale: float
    pairs: bool
    """Whether rotary pairs are neighbours in the installed weights."""
    rotation: Float32
    """(hidden, hidden), orthogonal."""

    @property
    def groups(self) -> int:
        return self.heads // self.kv_heads


def decoder_graph(
    weights: InstalledWeights,
    facts: DecoderFacts,
    *,
    chunk: int,
    context: int,
    layers: int | None = None,
    pool: dict[str, NDArray[Any]] | None = None,
) -> StaticGraph:
    """Describe the decoder for chunks of one length.

    Args:
        weights: Of the installed model.
        facts: Its shape.
        chunk: Tokens read in one run; 1 for writing.
        context: Tokens seen in all, the chunk's own included.
        layers: Build only the first so many, to learn what a slow emulator makes of them; None builds all.
        pool: Constants that graphs of one decoder share; as floats they are most of the memory this takes.

    Raises:
        UnsupportedModelError: the family has parts that static graphs do not know.
        ValueError: chunk or context is out of range.
    """
    if not 1 <= chunk < context <= facts.context_length:
        raise ValueError(
            f"chunk must be at least 1 and context above it, up to {facts.context_length}; got {chunk}, {context}"
        )
    first = "blk.0.attended"
    heads = int(weights.attribute(first, "num_heads"))
    if weights.attribute(first, "local_window_size") or "blk.0.attn_q_norm.weight" in weights:
        raise UnsupportedModelError(
            f"model {weights.name} has windows or normed heads; static decoders are made of llama and qwen2 families",
            hint="leave it on the cpu backend",
        )
    if float(weights.attribute("blk.0.attn_norm", "epsilon", 0)) > MOST_EPSILON:
        raise UnsupportedModelError(
            f"model {weights.name} has norms with an epsilon above {MOST_EPSILON}, which static decoders leave out",
            hint="leave it on the cpu backend",
        )
    hidden = len(weights.array("output_norm.weight"))
    shape = _Shape(
        hidden=hidden,
        heads=heads,
        kv_heads=facts.kv_heads,
        head_dim=facts.head_dim,
        chunk=chunk,
        context=context,
        scale=float(weights.attribute(first, "scale", 1 / math.sqrt(facts.head_dim))),
        pairs=bool(weights.attribute(first, "rotary_interleaved", 0)),
        rotation=_rotation(hidden),
    )
    graph = StaticGraph(f"decoder_{chunk}", pool)
    ids = graph.input("input_ids", "int32", (1, chunk))
    positions = graph.input("positions", "int32", (1, chunk))
    graph.fixed[graph.input("mask", "float32", (1, 1, shape.groups * chunk, context))] = (MASKED, 0.0)
    turns = _turns(graph, weights, shape, positions)
    x = graph.add(
        "Gather",
        [graph.constant("words", lambda: weights.table("embedded") @ shape.rotation), ids],
        "embedded",
        axis=0,
    )
    for layer in range(layers or facts.layers):
        x = _layer(graph, weights, shape, layer, x, turns)
    graph.linear(
        _normed(graph, x, "final"),
        lambda: _behind(weights, "output_norm", weights.linear("logits")[0], shape),
        None,
        "logits",
    )
    graph.output("logits", (1, chunk, facts.vocab_size))
    return graph


def group_count(weights: InstalledWeights) -> int:
    """Return how many query heads share a key head."""
    first = "blk.0.attended"
    return int(weights.attribute(first, "num_heads")) // int(weights.attribute(first, "kv_num_heads"))


def key_order(weights: InstalledWeights, head_dim: int) -> list[int] | None:
    """Return where each number of a key stands in the installed model's; None where they are alike."""
    pairs = weights.attribute("blk.0.attended", "rotary_interleaved", 0)
    return [int(place) for place in _halves(1, head_dim)] if pairs else None


def chunk_feed(
    ids: list[int], held: int, *, chunk: int, context: int, groups: int
) -> dict[str, NDArray[np.int32] | Float32]:
    """Return a run's inputs but for the keys and values: tokens after ``held`` others, padded to the chunk."""
    past = context - chunk
    input_ids = np.zeros((1, chunk), np.int32)
    input_ids[0, : len(ids)] = ids
    positions = np.minimum(held + np.arange(chunk, dtype=np.int32), context - 1)[None]
    mask = np.full((chunk, context), MASKED, np.float32)
    mask[:, :held] = 0
    mask[:, past:][np.tril_indices(chunk)] = 0  # each sees itself and those before it in the chunk
    tiled = np.ascontiguousarray(np.tile(mask, (groups, 1))[None, None])
    return {"input_ids": input_ids, "positions": positions.astype(np.int32), "mask": tiled}


def _turns(graph: StaticGraph, weights: InstalledWeights, shape: _Shape, positions: str) -> tuple[str, str]:
    """Look the chunk's cosines and sines up: each (1, chunk, 1, head_dim / 2)."""
    found = []
    for name in ("cos", "sin"):
        table = weights.array(f"rope.{name}")[: shape.context].astype(np.float32)
        if table.shape[1] != shape.head_dim // 2:
            raise UnsupportedModelError(
                f"model {weights.name} turns a part of each head; static decoders turn all of it",
                hint="leave it on the cpu backend",
            )
        rows = graph.add(
            "Gather", [graph.constant(f"rope.{name}", table), positions], f"rope.{name}.rows", axis=0
        )
        sizes = graph.shape(1, shape.chunk, 1, shape.head_dim // 2)
        found.append(graph.add("Reshape", [rows, sizes], f"rope.{name}.here"))
    return found[0], found[1]


def _layer(
    graph: StaticGraph, weights: InstalledWeights, shape: _Shape, layer: int, x: str, turns: tuple[str, str]
) -> str:
    p = f"blk.{layer}."
    attended = _attention(graph, weights, shape, layer, _normed(graph, x, f"{p}attn_normed"), turns)
    out = _added(graph, weights, shape, attended, f"{p}out")
    x = graph.add("Add", [x, out], f"{p}attn_sum")
    normed = _normed(graph, x, f"{p}ffn_normed")

    def half(place: int) -> Float32:
        rows = np.split(weights.linear(f"{p}gate_up.y")[0], 2)[place]
        return _behind(weights, f"{p}ffn_norm", rows, shape)

    gate = graph.linear(normed, lambda: half(0), None, f"{p}gate")
    up = graph.linear(normed, lambda: half(1), None, f"{p}up")
    if weights.node(f"{p}active").op_type != "QuickGelu":
        raise UnsupportedModelError(
            f"model {weights.name} is not of a family with SiLU", hint="leave it on the cpu backend"
        )
    share = graph.add("Sigmoid", [gate], f"{p}gate.share")
    graph.fixed[share] = (0.0, 1.0)
    active = graph.add("Mul", [gate, share], f"{p}active")
    product = graph.add("Mul", [active, up], f"{p}product")
    down = _added(graph, weights, shape, product, f"{p}down")
    return graph.add("Add", [x, down], f"{p}sum")


def _attention(
    graph: StaticGraph, weights: InstalledWeights, shape: _Shape, layer: int, x: str, turns: tuple[str, str]
) -> str:
    p, dim, chunk, past = f"blk.{layer}.", shape.head_dim, shape.chunk, shape.context - shape.chunk
    ends = np.cumsum([shape.heads * dim, shape.kv_heads * dim])
    bias = weights.bias(f"{p}qkv.y")
    biases: list[Float32 | None] = [None] * 3 if bias is None else list(np.split(bias, ends))

    def heads_of(place: int, name: str, count: int, scale: float = 1.0) -> str:
        order = _halves(count, dim) if place < 2 and shape.pairs else np.arange(count * dim)

        def weight() -> Float32:
            rows = np.split(weights.linear(f"{p}qkv.y")[0], ends)[place][order] * np.float32(scale)
            return _behind(weights, f"{p}attn_norm", rows, shape)

        extra = biases[place]
        rows = graph.linear(
            x, weight, None if extra is None else extra[order] * np.float32(scale), f"{p}{name}"
        )
        return graph.add("Reshape", [rows, graph.shape(1, chunk, count, dim)], f"{p}{name}.heads")

    query = _turned(graph, heads_of(0, "q", shape.heads, shape.scale), turns, f"{p}q")
    key = _turned(graph, heads_of(1, "k", shape.kv_heads), turns, f"{p}k")
    value = heads_of(2, "v", shape.kv_heads)
    query = graph.add("Transpose", [query], f"{p}q.by_head", perm=(0, 2, 1, 3))
    stacked = graph.shape(1, shape.kv_heads, shape.groups * chunk, dim)
    query = graph.add("Reshape", [query, stacked], f"{p}q.stacked")
    key = graph.add("Transpose", [key], f"new.{layer}.key", perm=(0, 2, 3, 1))
    value = graph.add("Transpose", [value], f"new.{layer}.value", perm=(0, 2, 1, 3))
    old_key = graph.input(f"past.{layer}.key", "float32", (1, shape.kv_heads, dim, past))
    old_value = graph.input(f"past.{layer}.value", "float32", (1, shape.kv_heads, past, dim))
    graph.output(key, (1, shape.kv_heads, dim, chunk))
    graph.output(value, (1, shape.kv_heads, chunk, dim))
    keys = graph.add("Concat", [old_key, key], f"{p}keys", axis=3)
    values = graph.add("Concat", [old_value, value], f"{p}values", axis=2)
    scores = graph.add("MatMul", [query, keys], f"{p}scores")
    masked = graph.add("Add", [scores, "mask"], f"{p}masked")
    shares = graph.add("Softmax", [masked], f"{p}shares", axis=-1)
    mixed = graph.add("MatMul", [shares, values], f"{p}mixed")
    apart = graph.shape(1, shape.heads, chunk, dim)
    mixed = graph.add("Reshape", [mixed, apart], f"{p}mixed.by_head")
    mixed = graph.add("Transpose", [mixed], f"{p}mixed.turned", perm=(0, 2, 1, 3))
    return graph.add("Reshape", [mixed, graph.shape(1, chunk, shape.heads * dim)], f"{p}attended")


def _turned(graph: StaticGraph, x: str, turns: tuple[str, str], name: str) -> str:
    """Turn each pair (i, i + dim / 2) of (1, chunk, heads, dim) by its position's angle."""
    cos, sin = turns
    left, right = graph.split("Split", [x], (f"{name}.left", f"{name}.right"), axis=3, num_outputs=2)
    one = graph.add("Mul", [left, cos], f"{name}.left_cos")
    other = graph.add("Mul", [right, sin], f"{name}.right_sin")
    first = graph.add("Sub", [one, other], f"{name}.first")
    one = graph.add("Mul", [right, cos], f"{name}.right_cos")
    other = graph.add("Mul", [left, sin], f"{name}.left_sin")
    second = graph.add("Add", [one, other], f"{name}.second")
    return graph.add("Concat", [first, second], f"{name}.turned", axis=3)


def _normed(graph: StaticGraph, x: str, output: str) -> str:
    return graph.add("LpNormalization", [x], output, axis=-1, p=2)


def _behind(weights: InstalledWeights, norm: str, weight: Float32, shape: _Shape) -> Float32:
    """Return the weight (n, hidden) of what reads a norm: the norm's own weight, its width and the rotation in it."""
    scale = weights.array(f"{norm}.weight").astype(np.float32) * np.float32(math.sqrt(shape.hidden))
    return (weight * scale) @ shape.rotation


def _added(graph: StaticGraph, weights: InstalledWeights, shape: _Shape, x: str, name: str) -> str:
    """Project onto what is added to the hidden state, turned as that is."""
    bias = weights.bias(f"{name}.y")
    turned = None if bias is None else bias @ shape.rotation
    return graph.linear(x, lambda: shape.rotation.T @ weights.linear(f"{name}.y")[0], turned, name)


def _rotation(width: int) -> Float32:
    """Return an orthogonal matrix, the same one each time."""
    drawn = np.random.default_rng(width).standard_normal((width, width))
    rotation, triangle = np.linalg.qr(drawn)
    return np.asarray(rotation * np.sign(np.diag(triangle)), np.float32)


def _halves(heads: int, dim: int) -> NDArray[np.int64]:
    """Return the rows of pairs (2 i, 2 i + 1) in the order of halves (i, i + dim / 2)."""
    one = np.concatenate([np.arange(0, dim, 2), np.arange(1, dim, 2)])
    return np.concatenate([head * dim + one for head in range(heads)])
