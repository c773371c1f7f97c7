"""Low-rank adapters: read from PEFT's folders, kept in 8 bits, and laid out for a decoder that was compiled here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import ModelIntegrityError, UnsupportedModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONFIG_NAME, WEIGHTS_NAME = "adapter_config.json", "adapter_model.safetensors"
_PART = re.compile(
    r"(?:base_model\.model\.)?model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)_proj\.lora_([AB])\.weight"
)
# Which product of the graph holds which matrices, stacked in this order.
_STACKED = {"qkv": ("q", "k", "v"), "out": ("o",), "gate_up": ("gate", "up"), "down": ("down",)}
_SITE_OF = {part: site for site, parts in _STACKED.items() for part in parts}
_MOST_RANK = 256


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter.

    Attributes:
        pairs: For (layer, part), such as (0, "q"): A (rank, columns) and B (rows, rank), float32, the scale in B.
        digest: sha256 of its bytes.
    """

    pairs: Mapping[tuple[int, str], tuple[NDArray[np.float32], NDArray[np.float32]]]
    digest: str

    @property
    def rank(self) -> int:
        """The greatest rank of its pairs."""
        return max(int(a.shape[0]) for a, _ in self.pairs.values())


def read_peft(folder: Path) -> bytes:
    """Read a folder as PEFT saves it; return the adapter as bytes, its matrices in 8 bits, a scale per row.

    Raises:
        ModelIntegrityError: a file is missing or damaged.
        UnsupportedModelError: it changes what no adapter here can.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load, save

    try:
        config = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
        tensors = load((folder / WEIGHTS_NAME).read_bytes())
        rank, alpha = int(config["r"]), float(config["lora_alpha"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as exc:
        raise ModelIntegrityError(
            f"{folder.name} is not a PEFT adapter: {type(exc).__name__}",
            hint=f"name a folder with {CONFIG_NAME} and {WEIGHTS_NAME}",
        ) from exc
    for key in ("use_dora", "modules_to_save", "rank_pattern", "alpha_pattern", "fan_in_fan_out"):
        if config.get(key):
            raise UnsupportedModelError(f"the adapter {folder.name} uses {key}, which is not supported")
    if not 1 <= rank <= _MOST_RANK:
        raise UnsupportedModelError(
            f"the adapter {folder.name} has rank {rank}; 1 to {_MOST_RANK} is supported"
        )
    scale = alpha / (rank**0.5 if config.get("use_rslora") else rank)
    coded: dict[str, NDArray[Any]] = {}
    for name, values in tensors.items():
        found = _PART.fullmatch(name)
        if found is None or found.group(2) not in _SITE_OF:
            raise UnsupportedModelError(f"the adapter {folder.name} changes {name!r}, which is not supported")
        layer, part, side = found.groups()
        rows = np.asarray(values, np.float32) * (scale if side == "B" else 1.0)
        if rows.ndim != 2 or not np.isfinite(rows).all():
            raise ModelIntegrityError(f"the adapter {folder.name}: {name!r} is not a matrix of numbers")
        step = np.maximum(np.abs(rows).max(axis=1, keepdims=True) / 127, 1e-12)  # (rows, 1)
        coded[f"{layer}.{part}.{side}.codes"] = np.round(rows / step).astype(np.int8)
        coded[f"{layer}.{part}.{side}.scales"] = step.astype(np.float32)
    if not coded:
        raise ModelIntegrityError(f"the adapter {folder.name} holds no matrix")
    return save(coded)


def from_bytes(data: bytes) -> Lora:
    """Read what ``read_peft`` returned.

    Raises:
        ModelIntegrityError: it is not.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        coded = load(data)
        sides = {
            name.removesuffix(".codes"): coded[name].astype(np.float32)
            * coded[name.removesuffix("codes") + "scales"]
            for name in coded
            if name.endswith(".codes")
        }
        pairs = {}
        for name in sides:
            layer, part, side = name.split(".")
            if side == "A":
                pairs[int(layer), part] = (sides[name], sides[f"{layer}.{part}.B"])
    except (SafetensorError, KeyError, ValueError) as exc:
        raise ModelIntegrityError(
            f"the adapter is damaged: {type(exc).__name__}", hint="add it again"
        ) from exc
    if 2 * len(pairs) != len(sides) or any(a.shape[0] != b.shape[1] for a, b in pairs.values()):
        raise ModelIntegrityError(
            "the adapter's matrices do not come in pairs of one rank", hint="add it again"
        )
    return Lora(pairs, hashlib.sha256(data).hexdigest())


def laid_out(
    lora: Lora, sites: Mapping[str, tuple[int, int]], *, kv_rows: int, head_dim: int, interleaved: bool
) -> dict[str, NDArray[np.float32]]:
    """Return an adapter's matrices as the inputs of ``with_adapter_inputs`` take them.

    Args:
        lora: The adapter.
        sites: (columns, rows) of each product of the graph.
        kv_rows: Rows of keys, and of values.
        head_dim: Rows of one head.
        interleaved: Rows of queries and keys stand as GGUF orders them, rotary pairs side by side.

    Raises:
        UnsupportedModelError: it was trained for a model of another shape.
    """
    inputs: dict[str, NDArray[np.float32]] = {}
    for site, (columns, rows) in sites.items():
        layer, kind = int(site.split(".")[1]), site.split(".")[2]
        widths = (
            [rows - 2 * kv_rows, kv_rows, kv_rows]
            if kind == "qkv"
            else [rows // len(_STACKED[kind])] * len(_STACKED[kind])
        )
        found = [(at, lora.pairs.get((layer, part))) for at, part in enumerate(_STACKED[kind])]
        present = [(at, *pair) for at, pair in found if pair is not None]
        if not present:
            continue
        rank = sum(a.shape[0] for _, a, _ in present)
        a_rows = np.zeros((columns, rank), np.float32)
        b_rows = np.zeros((rank, rows), np.float32)
        start = 0
        for at, a, b in present:
            part = _STACKED[kind][at]
            if a.shape[1] != columns or b.shape[0] != widths[at]:
                raise UnsupportedModelError(
                    f"the adapter's {part} of layer {layer} is {b.shape[0]} by {a.shape[1]}; the model's is "
                    f"{widths[at]} by {columns}"
                )
            if interleaved and part in ("q", "k"):
                b = _neighbours(b, head_dim)
            first = sum(widths[:at])
            a_rows[:, start : start + len(a)] = a.T
            b_rows[start : start + len(a), first : first + widths[at]] = b.T
            start += len(a)
        inputs[f"lora.{site}.a"], inputs[f"lora.{site}.b"] = a_rows, b_rows
    layers = {int(site.split(".")[1]) for site in sites}
    if not {layer for layer, _ in lora.pairs} <= layers:
        raise UnsupportedModelError(f"the adapter was trained for more than the model's {len(layers)} layers")
    return inputs


def _neighbours(rows: NDArray[np.float32], head_dim: int) -> NDArray[np.float32]:
    """Reorder rows (heads * head_dim, rank) from rotary halves to neighbouring pairs.

    Source: ``permute`` of llama.cpp's ``convert_hf_to_gguf.py``.
    """
    heads = len(rows) // head_dim
    return rows.reshape(heads, 2, head_dim // 2, -1).swapaxes(1, 2).reshape(rows.shape)
