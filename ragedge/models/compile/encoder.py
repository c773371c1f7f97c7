"""Compiles a BERT-family encoder from safetensors into one ONNX graph, without torch.

The graph takes ``input_ids``, int64 (batch, seq), and gives ``embedding``, float32 (batch, dim), pooled and of
length 1. The rows of a batch are of one length, without padding: with no mask to add, onnxruntime computes
attention in tiles that stay in the cache. Post-norm transformer layers (Devlin et al., 2018,
https://arxiv.org/abs/1810.04805); positions of RoBERTa's kind are shifted rows of the same table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import ModelIntegrityError, UnsupportedModelError
from ragedge.models.compile.encoder_config import SPECIAL_TOKENS, EncoderConfig, read_encoder_config
from ragedge.models.compile.encoder_graph import CONTRIB, SCHEMES, GraphBuilder, Scheme, pack_channels
from ragedge.models.compile.safetensors_reader import TensorFile
from ragedge.models.manifest import EncoderFacts

if TYPE_CHECKING:
    pass

GRAPH_FILE, TOKENIZER_FILE = "model.onnx", "tokenizer.json"
WEIGHTS_FILE = "model.safetensors"
_PREFIXES = ("bert.", "roberta.", "distilbert.", "camembert.", "model.")
_MOST_TOKENIZER_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class CompiledEncoder:
    """What a compilation adds to a manifest."""

    facts: EncoderFacts
    architecture: str
    quantization: str


@dataclass(frozen=True, slots=True)
class _Names:
    """Where a family keeps the tensors of a layer; ``{}`` is the layer's number."""

    query: str
    key: str
    value: str
    attention_out: str
    attention_norm: str
    up: str
    down: str
    output_norm: str


_BERT = _Names(
    "encoder.layer.{}.attention.self.query",
    "encoder.layer.{}.attention.self.key",
    "encoder.layer.{}.attention.self.value",
    "encoder.layer.{}.attention.output.dense",
    "encoder.layer.{}.attention.output.LayerNorm",
    "encoder.layer.{}.intermediate.dense",
    "encoder.layer.{}.output.dense",
    "encoder.layer.{}.output.LayerNorm",
)
_DISTILBERT = _Names(
    "transformer.layer.{}.attention.q_lin",
    "transformer.layer.{}.attention.k_lin",
    "transformer.layer.{}.attention.v_lin",
    "transformer.layer.{}.attention.out_lin",
    "transformer.layer.{}.sa_layer_norm",
    "transformer.layer.{}.ffn.lin1",
    "transformer.layer.{}.ffn.lin2",
    "transformer.layer.{}.output_layer_norm",
)


def compile_encoder(folder: Path, out: Path, *, scheme: Scheme = "int8") -> CompiledEncoder:
    """Write ``model.onnx`` and ``tokenizer.json`` into a folder.

    Args:
        folder: A sentence-transformers or Hugging Face folder with ``model.safetensors``.
        out: An existing folder; the caller publishes it.
        scheme: ``int8`` (fast) or ``nbits8`` (close to float, half as fast).

    Raises:
        UnsupportedModelError: an architecture, layout or dtype that is not compiled; says what is.
        ModelIntegrityError: a file is missing, truncated or malformed.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, got {scheme!r}")
    config = read_encoder_config(folder)
    tokenizer = _read_tokenizer(folder / TOKENIZER_FILE, config)
    with TensorFile(folder / WEIGHTS_FILE, _PREFIXES) as tensors:
        _build(config, tensors, scheme, out / GRAPH_FILE)
    (out / TOKENIZER_FILE).write_text(json.dumps(tokenizer, ensure_ascii=False), "utf-8")
    facts = EncoderFacts(
        dim=config.hidden,
        max_tokens=config.max_tokens,
        pooling=config.pooling,
        query_prefix=config.query_prefix,
        passage_prefix=config.passage_prefix,
    )
    words = {"int8": "int8 per channel, 8-bit activations", "nbits8": "8 bits in blocks of 32"}
    return CompiledEncoder(facts, config.architecture, words[scheme])


def _build(config: EncoderConfig, tensors: TensorFile, scheme: Scheme, path: Path) -> None:
    from onnx import TensorProto, helper

    graph = GraphBuilder()
    names = _DISTILBERT if config.architecture == "distilbert" else _BERT
    x = _embed(graph, config, tensors)
    for layer in range(config.layers):
        x = _layer(graph, config, tensors, names, layer, x, scheme)
    output = _pool(graph, config, x)
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "seq"])
    embedding = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", config.hidden])
    graph.save(path, [ids], [embedding], config.architecture)


def _embed(graph: GraphBuilder, config: EncoderConfig, tensors: TensorFile) -> str:
    """Add word, position and segment embeddings and their norm: (batch, seq, hidden)."""
    from onnx import TensorProto

    words = tensors.read("embeddings.word_embeddings.weight", (config.vocab, config.hidden))
    codes, scale = pack_channels(words)
    del words
    looked_up = graph.add("Gather", [graph.constant("words.codes", codes), "input_ids"], "word_codes", axis=0)
    del codes
    steps = graph.constant("words.scale", scale[:, None])
    step = graph.add("Gather", [steps, "input_ids"], "word_scale", axis=0)  # (batch, seq, 1)
    floats = graph.add("Cast", [looked_up], "word_floats", to=TensorProto.FLOAT)
    word = graph.add("Mul", [floats, step], "words")
    rows = tensors.read("embeddings.position_embeddings.weight", (config.positions, config.hidden))
    rows = rows[config.position_offset :]
    if config.token_types:
        # One segment is all a single text has, so its row is part of every position's.
        rows = rows + tensors.read("embeddings.token_type_embeddings.weight", (None, config.hidden))[0]
    shape = graph.add("Shape", ["input_ids"], "shape", start=1, end=2)  # (1,): seq
    position = graph.add(
        "Slice",
        [graph.constant("positions", rows), _ints(graph, 0), shape, _ints(graph, 0)],
        "position",
    )
    summed = graph.add("Add", [word, position], "embedded")
    weight, bias = _norm(graph, tensors, "embeddings.LayerNorm", config.hidden, "embedded_norm")
    return graph.add("LayerNormalization", [summed, weight, bias], "x0", epsilon=config.eps, axis=-1)


def _layer(
    graph: GraphBuilder,
    config: EncoderConfig,
    tensors: TensorFile,
    names: _Names,
    layer: int,
    x: str,
    scheme: Scheme,
) -> str:
    """Add one transformer layer over ``x`` (batch, seq, hidden) and return its output's name."""

    def linear(source: str, names: list[str], output: str, out: int, width: int) -> str:
        weight = [tensors.read(f"{name.format(layer)}.weight", (out, width)) for name in names]
        bias = [tensors.read(f"{name.format(layer)}.bias", (out,)) for name in names]
        return graph.linear(source, np.concatenate(weight), np.concatenate(bias), f"{output}{layer}", scheme)

    def skip(source: str, branch: str, name: str, output: str) -> str:
        weight, bias = _norm(graph, tensors, name.format(layer), config.hidden, f"{output}_norm")
        return graph.add(
            "SkipLayerNormalization",
            [source, branch, weight, bias],
            output,
            domain=CONTRIB,
            epsilon=config.eps,
        )

    hidden, inner = config.hidden, config.intermediate
    # One product for the three: its input is quantized once, and the values are the same.
    projected = linear(x, [names.query, names.key, names.value], "qkv", hidden, hidden)
    attended = graph.add(
        "MultiHeadAttention",
        graph.split(projected, [f"{part}{layer}" for part in ("query", "key", "value")]),
        f"attended{layer}",
        domain=CONTRIB,
        num_heads=config.heads,
    )
    mixed = linear(attended, [names.attention_out], "mixed", hidden, hidden)
    y = skip(x, mixed, names.attention_norm, f"y{layer}")
    up = linear(y, [names.up], "up", inner, hidden)
    active = _activate(graph, config.activation, up, f"active{layer}")
    down = linear(active, [names.down], "down", hidden, inner)
    return skip(y, down, names.output_norm, f"x{layer + 1}")


def _activate(graph: GraphBuilder, activation: str, x: str, output: str) -> str:
    if activation == "relu":
        return graph.add("Relu", [x], output)
    if activation == "gelu":
        return graph.add("Gelu", [x], output, domain=CONTRIB)
    return graph.add("FastGelu", [x], output, domain=CONTRIB)  # the tanh form


def _pool(graph: GraphBuilder, config: EncoderConfig, x: str) -> str:
    """Add pooling and normalisation: (batch, seq, hidden) -> (batch, hidden)."""
    if config.pooling == "cls":
        pooled = graph.add("Gather", [x, graph.constant("first", np.array(0, np.int64))], "pooled", axis=1)
    else:
        # The mean's divisor falls out in the normalisation, so the sum is enough.
        pooled = graph.add("ReduceSum", [x, _ints(graph, 1)], "pooled", keepdims=0)
    return graph.add("LpNormalization", [pooled], "embedding", axis=-1, p=2)


def _norm(graph: GraphBuilder, tensors: TensorFile, name: str, width: int, output: str) -> tuple[str, str]:
    weight = graph.constant(f"{output}.weight", tensors.read(f"{name}.weight", (width,)))
    return weight, graph.constant(f"{output}.bias", tensors.read(f"{name}.bias", (width,)))


def _ints(graph: GraphBuilder, value: int) -> str:
    return graph.constant(f"int{value}", np.array([value], np.int64))


def _read_tokenizer(path: Path, config: EncoderConfig) -> dict[str, Any]:
    """Read tokenizer.json, check that it loads, and take out its padding and truncation."""
    try:
        if path.stat().st_size > _MOST_TOKENIZER_BYTES:
            raise UnsupportedModelError(f"{path} is larger than {_MOST_TOKENIZER_BYTES} bytes")
        raw: Any = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as exc:
        raise UnsupportedModelError(
            f"{path} is missing; vocab.txt or sentencepiece files alone are not read",
            hint="save the tokenizer in its fast form, which writes tokenizer.json",
        ) from exc
    except (OSError, ValueError, RecursionError) as exc:
        raise ModelIntegrityError(f"{path} could not be read as JSON", hint="fetch the file again") from exc
    if not isinstance(raw, dict):
        raise ModelIntegrityError(f"{path} holds no JSON object", hint="fetch the file again")
    raw["padding"] = raw["truncation"] = None
    if config.lower_case:
        normalizers = [{"type": "Lowercase"}, raw.get("normalizer")]
        raw["normalizer"] = {"type": "Sequence", "normalizers": [one for one in normalizers if one]}
    _check_tokenizer(raw, path, config.vocab)
    return raw


def _check_tokenizer(raw: dict[str, Any], path: Path, vocab: int) -> None:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_str(json.dumps(raw))
        special = len(tokenizer.encode("").ids)
        largest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as exc:  # the library raises bare Exception, and its panics are not even that
        raise ModelIntegrityError(
            f"{path} is not a tokenizer: {' '.join(str(exc).split())[:200]}", hint="fetch the file again"
        ) from exc
    if special != SPECIAL_TOKENS:
        raise UnsupportedModelError(
            f"{path} adds {special} special tokens to a text; supported: {SPECIAL_TOKENS}, one at each end",
            hint="save the tokenizer with its post-processor",
        )
    if largest >= vocab:
        raise UnsupportedModelError(
            f"{path} has ids past the model's {vocab} word embeddings", hint="fetch the matching tokenizer"
        )
