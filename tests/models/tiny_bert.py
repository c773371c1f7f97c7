"""A random small encoder in its published folder form, and the same arithmetic in numpy float64."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

HIDDEN, LAYERS, HEADS, INNER, POSITIONS, EPS = 64, 2, 4, 96, 48, 1e-12
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{number}" for number in range(90))]


def write_tokenizer(path: Path, words: list[str] = WORDS) -> None:
    tokenizer = Tokenizer(
        models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(8)  # must not survive the compilation
    tokenizer.save(str(path))


def bert_tensors(seed: int = 7, *, prefix: str = "", distilbert: bool = False) -> dict[str, np.ndarray]:
    """Weights scaled so that attention is peaked and positions matter."""
    rng = np.random.default_rng(seed)

    def table(rows: int, scale: float = 0.6) -> np.ndarray:
        return (rng.standard_normal((rows, HIDDEN)) * scale).astype(np.float32)

    tensors = {
        "embeddings.word_embeddings.weight": table(len(WORDS)),
        "embeddings.position_embeddings.weight": table(POSITIONS),
    }
    if not distilbert:
        tensors["embeddings.token_type_embeddings.weight"] = table(2)
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        names = layer_names(layer, distilbert)
        for part, (rows, width) in {
            "query": (HIDDEN, HIDDEN),
            "key": (HIDDEN, HIDDEN),
            "value": (HIDDEN, HIDDEN),
            "attention_out": (HIDDEN, HIDDEN),
            "up": (INNER, HIDDEN),
            "down": (HIDDEN, INNER),
        }.items():
            scale = 1.6 if part in ("query", "key") else 1.0
            weight = rng.standard_normal((rows, width)) * scale / math.sqrt(width)
            tensors[f"{names[part]}.weight"] = weight.astype(np.float32)
            tensors[f"{names[part]}.bias"] = (rng.standard_normal(rows) * 0.3).astype(np.float32)
        norms += [names["attention_norm"], names["output_norm"]]
    for name in norms:
        tensors[f"{name}.weight"] = (1 + 0.3 * rng.standard_normal(HIDDEN)).astype(np.float32)
        tensors[f"{name}.bias"] = (0.2 * rng.standard_normal(HIDDEN)).astype(np.float32)
    return {prefix + name: values for name, values in tensors.items()}


def layer_names(layer: int, distilbert: bool = False) -> dict[str, str]:
    if distilbert:
        base = f"transformer.layer.{layer}."
        return {
            "query": f"{base}attention.q_lin", "key": f"{base}attention.k_lin",
            "value": f"{base}attention.v_lin", "attention_out": f"{base}attention.out_lin",
            "attention_norm": f"{base}sa_layer_norm", "up": f"{base}ffn.lin1", "down": f"{base}ffn.lin2",
            "output_norm": f"{base}output_layer_norm",
        }  # fmt: skip
    base = f"encoder.layer.{layer}."
    return {
        "query": f"{base}attention.self.query", "key": f"{base}attention.self.key",
        "value": f"{base}attention.self.value", "attention_out": f"{base}attention.output.dense",
        "attention_norm": f"{base}attention.output.LayerNorm", "up": f"{base}intermediate.dense",
        "down": f"{base}output.dense", "output_norm": f"{base}output.LayerNorm",
    }  # fmt: skip


def bert_config(model_type: str = "bert", **changes: Any) -> dict[str, Any]:
    if model_type == "distilbert":
        config: dict[str, Any] = {
            "dim": HIDDEN, "n_layers": LAYERS, "n_heads": HEADS, "hidden_dim": INNER, "activation": "gelu",
        }  # fmt: skip
    else:
        config = {
            "hidden_size": HIDDEN, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
            "intermediate_size": INNER, "hidden_act": "gelu", "layer_norm_eps": EPS, "type_vocab_size": 2,
            "pad_token_id": 0 if model_type == "bert" else 1,
        }  # fmt: skip
    config |= {"model_type": model_type, "vocab_size": len(WORDS), "max_position_embeddings": POSITIONS}
    return config | changes


def write_folder(
    folder: Path,
    config: dict[str, Any] | None = None,
    tensors: dict[str, np.ndarray] | None = None,
    *,
    pooling: str = "mean",
) -> Path:
    config = config or bert_config()
    if tensors is None:
        tensors = bert_tensors(distilbert=config["model_type"] == "distilbert")
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    write_tokenizer(folder / "tokenizer.json")
    (folder / "config.json").write_text(json.dumps(config))
    types = ["Transformer", "Pooling", "Normalize"]
    modules = [
        {"idx": i, "path": "" if i == 0 else f"{i}_{t}", "type": f"sentence_transformers.models.{t}"}
        for i, t in enumerate(types)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({
            "word_embedding_dimension": HIDDEN,
            "pooling_mode_cls_token": pooling == "cls",
            "pooling_mode_mean_tokens": pooling == "mean",
            "pooling_mode_max_tokens": pooling == "max",
        })
    )  # fmt: skip
    return folder


def reference(
    tensors: dict[str, np.ndarray],
    ids: list[int],
    *,
    layers: int = LAYERS,
    heads: int = HEADS,
    eps: float = EPS,
    offset: int = 0,
    pooling: str = "mean",
    activation: str = "gelu",
    distilbert: bool = False,
) -> np.ndarray:
    """Embed one text in float64, from the definition: (dim,), length 1."""
    t = {name: values.astype(np.float64) for name, values in tensors.items()}

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) / np.sqrt(variance + eps) * t[f"{name}.weight"] + t[f"{name}.bias"]

    rows = t["embeddings.position_embeddings.weight"][offset : offset + len(ids)]
    x = t["embeddings.word_embeddings.weight"][ids] + rows
    if not distilbert:
        x = x + t["embeddings.token_type_embeddings.weight"][0]
    x = norm(x, "embeddings.LayerNorm")  # (seq, hidden)
    for layer in range(layers):
        names = layer_names(layer, distilbert)
        q, k, v = (
            linear(x, names[part]).reshape(len(ids), heads, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )  # (heads, seq, head_dim)
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        attended = (weights @ v).transpose(1, 0, 2).reshape(len(ids), -1)
        y = norm(x + linear(attended, names["attention_out"]), names["attention_norm"])
        inner = _ACTIVATIONS[activation](linear(y, names["up"]))
        x = norm(y + linear(inner, names["down"]), names["output_norm"])
    pooled = x[0] if pooling == "cls" else x.mean(0)
    result: np.ndarray = pooled / np.linalg.norm(pooled)
    return result


_ERF = np.vectorize(math.erf)
_ACTIVATIONS = {
    "gelu": lambda x: 0.5 * x * (1 + _ERF(x / math.sqrt(2))),
    "gelu_new": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
}
