"""Writes an installed generator as a Hugging Face folder: what the compilers of several makers read.

The weights are read back from the installed graph: those that the processor computes with, whatever they were before.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import UnsupportedModelError
from ragedge.models.compile.static.installed import InstalledWeights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.models.store import ModelFolder

    Float32 = NDArray[np.float32]

ARCHITECTURES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM"}
_CLOSE = 1e-3  # of the rotary tables, which float32 holds to about 1e-4 at position 1,000


def write_folder(folder: ModelFolder, out: Path) -> None:
    """Write ``config.json``, ``model.safetensors`` (float16), the tokenizer and its configuration.

    Args:
        folder: An installed generator of the llama or qwen2 family.
        out: An existing, empty folder.

    Raises:
        UnsupportedModelError: another family, or a rotary embedding that is scaled.
    """
    from safetensors.numpy import save_file

    manifest = folder.manifest
    if manifest.decoder is None or manifest.architecture not in ARCHITECTURES:
        raise UnsupportedModelError(
            f"{manifest.name} is of architecture {manifest.architecture!r}; exported are generators of "
            f"{', '.join(ARCHITECTURES)}",
            hint="ragedge models list",
        )
    weights = InstalledWeights(folder.path)
    config = _config(folder, weights)
    tensors = {name: value.astype(np.float16) for name, value in _tensors(weights, config).items()}
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    shutil.copyfile(folder.path / "tokenizer.json", out / "tokenizer.json")
    (out / "tokenizer_config.json").write_text(json.dumps(_tokenizer(folder), indent=2) + "\n", "utf-8")


def _config(folder: ModelFolder, weights: InstalledWeights) -> dict[str, Any]:
    facts, family = folder.manifest.decoder, folder.manifest.architecture
    assert facts is not None
    first = "blk.0.attended"
    return {
        "architectures": [ARCHITECTURES[family]],
        "model_type": family,
        "hidden_act": "silu",
        "hidden_size": len(weights.array("output_norm.weight")),
        "intermediate_size": int(weights.attribute("blk.0.gate_up.y", "N")) // 2,
        "num_hidden_layers": facts.layers,
        "num_attention_heads": int(weights.attribute(first, "num_heads")),
        "num_key_value_heads": facts.kv_heads,
        "head_dim": facts.head_dim,
        "max_position_embeddings": facts.context_length,
        "rms_norm_eps": float(f"{weights.attribute('blk.0.attn_norm', 'epsilon'):.6g}"),
        "rope_theta": _rope_base(weights, facts.head_dim, folder.manifest.name),
        "vocab_size": facts.vocab_size,
        "tie_word_embeddings": _tied(weights),
        "torch_dtype": "float16",
        "bos_token_id": facts.bos_token_id,
        "eos_token_id": list(facts.eos_token_ids),
    }


def _rope_base(weights: InstalledWeights, dim: int, name: str) -> float:
    """Tell the frequency base from the table of cosines."""
    cosines = weights.array("rope.cos")  # (positions, dim / 2)
    pairs = cosines.shape[1]
    # The second pair turns by base ** (-1 / pairs) a position, which the first positions tell unmistakably.
    base = float(np.arccos(np.clip(np.float64(cosines[1, 1]), -1, 1)) ** -pairs)
    base = float(f"{base:.3g}")
    rows = np.arange(min(len(cosines), 64))
    expected = np.cos(np.outer(rows, base ** (-np.arange(pairs) / pairs)))
    if 2 * pairs != dim or np.abs(expected - cosines[rows]).max() > _CLOSE:
        raise UnsupportedModelError(
            f"{name} scales its rotary embedding or turns a part of it, which is not exported",
            hint="ragedge models list",
        )
    return base


def _tied(weights: InstalledWeights) -> bool:
    return "output.weight" not in weights and np.array_equal(
        weights.table("embedded"), weights.linear("logits")[0]
    )


def _tensors(weights: InstalledWeights, config: dict[str, Any]) -> dict[str, Float32]:
    dim, heads, kv_heads = config["head_dim"], config["num_attention_heads"], config["num_key_value_heads"]
    widths = (heads * dim, kv_heads * dim, kv_heads * dim)
    pairs = bool(weights.attribute("blk.0.attended", "rotary_interleaved", 0))
    found: dict[str, Float32] = {
        "model.embed_tokens.weight": weights.table("embedded"),
        "model.norm.weight": weights.array("output_norm.weight"),
    }
    if not config["tie_word_embeddings"]:
        found["lm_head.weight"] = weights.linear("logits")[0]
    for layer in range(config["num_hidden_layers"]):
        here, there = f"blk.{layer}.", f"model.layers.{layer}."
        matrix, bias = weights.linear(f"{here}qkv.y")
        ends = np.cumsum(widths[:2])
        for part, rows in zip("qkv", np.split(matrix, ends), strict=True):
            found[f"{there}self_attn.{part}_proj.weight"] = (
                in_halves(rows, dim) if pairs and part != "v" else rows
            )
        if bias is not None:
            for part, values in zip("qkv", np.split(bias, ends), strict=True):
                turned = in_halves(values[:, None], dim)[:, 0] if pairs and part != "v" else values
                found[f"{there}self_attn.{part}_proj.bias"] = turned
        gate, up = np.split(weights.linear(f"{here}gate_up.y")[0], 2)
        found |= {
            f"{there}self_attn.o_proj.weight": weights.linear(f"{here}out.y")[0],
            f"{there}mlp.gate_proj.weight": gate,
            f"{there}mlp.up_proj.weight": up,
            f"{there}mlp.down_proj.weight": weights.linear(f"{here}down.y")[0],
            f"{there}input_layernorm.weight": weights.array(f"{here}attn_norm.weight"),
            f"{there}post_attention_layernorm.weight": weights.array(f"{here}ffn_norm.weight"),
        }
    return {name: np.ascontiguousarray(value) for name, value in found.items()}


def in_halves(rows: Float32, dim: int) -> Float32:
    """Put rows whose rotary pairs are neighbours, as GGUF has them, into the order of halves."""
    return rows.reshape(-1, dim // 2, 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def _tokenizer(folder: ModelFolder) -> dict[str, Any]:
    from tokenizers import Tokenizer

    facts = folder.manifest.decoder
    assert facts is not None
    tokenizer = Tokenizer.from_file(str(folder.path / "tokenizer.json"))
    template = (folder.path / "chat_template.jinja").read_text("utf-8")
    named = {"bos_token": facts.bos_token_id, "eos_token": facts.eos_token_ids[0]}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": facts.context_length,
        "chat_template": template,
        **{key: tokenizer.id_to_token(value) for key, value in named.items() if value is not None},
    }
