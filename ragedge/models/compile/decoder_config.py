"""What a decoder is, read from a GGUF file's metadata; refuses what the graph cannot express.

Source of the families' rules: ``llama-model.cpp`` of llama.cpp (``load_hparams`` and the graph of each).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ragedge.errors import ModelIntegrityError, UnsupportedModelError
from ragedge.models.compile.gguf_header import GgufHeader
from ragedge.models.compile.gguf_metadata import Metadata

ARCHITECTURES = ("gemma", "gemma3", "llama", "qwen2", "qwen3")
MAX_CONTEXT = 8192
"""Positions compiled into the graph: the rotary tables of longer ones cost more memory than a board has."""

_GEMMA3_PERIOD = 6  # every sixth layer of gemma3 sees everything; the others see a window
_GEMMA3_LOCAL_BASE = 10_000.0
_GEMMA3_27B_LAYERS = 62  # the one size whose attention is scaled by the width of a head in the hidden state

# Metadata that changes the arithmetic in ways the graph does not follow.
_REFUSED_KEYS = (
    "attn_logit_softcapping", "final_logit_softcapping", "logit_scale", "residual_scale", "embedding_scale",
    "expert_count", "attention.clamp_kqv", "attention.max_alibi_bias", "ssm.state_size", "altup.num_inputs",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary position embedding of one kind of layer.

    Attributes:
        base: The frequency base.
        factor: Positions are divided by it (linear scaling); 1 for none.
        dim: How many of a head's dimensions turn.
        interleaved: Pairs are neighbours (2 i, 2 i + 1) rather than halves (i, i + dim / 2).
        use_factors: The tensor ``rope_freqs.weight``, if there, divides the frequencies.
    """

    base: float
    factor: float
    dim: int
    interleaved: bool
    use_factors: bool = True


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """Everything the graph needs to know beside the weights."""

    architecture: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    feed_forward: int
    vocab: int
    epsilon: float
    context_length: int
    attention_scale: float
    embedding_scale: float
    activation: Literal["silu", "gelu"]
    qk_norm: bool
    post_norms: bool
    rope: Rope
    local_rope: Rope
    window: int
    period: int

    def is_local(self, layer: int) -> bool:
        """Whether a layer sees only the last ``window`` positions."""
        return self.window > 0 and (layer + 1) % self.period != 0

    def rope_of(self, layer: int) -> Rope:
        """The rotary embedding of a layer."""
        return self.local_rope if self.is_local(layer) else self.rope


def read_config(header: GgufHeader) -> DecoderConfig:
    """Read a decoder's configuration.

    Raises:
        UnsupportedModelError: another architecture, or a variant that the graph cannot express.
        ModelIntegrityError: metadata is missing, contradictory, or out of any sane range.
    """
    meta = header.metadata
    arch = meta.text("general.architecture")
    if arch not in ARCHITECTURES:
        raise UnsupportedModelError(
            f"{header.path.name} is of architecture {arch[:40]!r}; supported: {', '.join(ARCHITECTURES)}"
        )
    for key in _REFUSED_KEYS:
        if f"{arch}.{key}" in meta and meta.number(f"{arch}.{key}", low=-1e9, high=1e9) != 0:
            raise UnsupportedModelError(
                f"{header.path.name} sets {arch}.{key}, which the decoder graph does not follow"
            )
    if arch == "gemma3" and any(name.startswith(("v.", "mm.")) for name in header.tensors):
        raise UnsupportedModelError(
            f"{header.path.name} holds a vision tower; only gemma3 text models compile"
        )
    layers = meta.integer(f"{arch}.block_count", low=1, high=512)
    hidden = meta.integer(f"{arch}.embedding_length", low=32, high=65_536)
    heads = meta.uniform_integer(f"{arch}.attention.head_count", low=1, high=1024)
    kv_key = f"{arch}.attention.head_count_kv"
    kv_heads = meta.uniform_integer(kv_key, low=1, high=1024) if kv_key in meta else heads
    head_dim = meta.integer(f"{arch}.attention.key_length", low=8, high=1024, default=hidden // heads)
    value_dim = meta.integer(f"{arch}.attention.value_length", low=8, high=1024, default=head_dim)
    if heads % kv_heads or head_dim != value_dim or head_dim % 8:
        raise UnsupportedModelError(
            f"{header.path.name} has {heads} heads over {kv_heads} with keys of {head_dim} and values of {value_dim}; "
            "heads must share keys evenly, keys and values be of one length, a multiple of 8"
        )
    embedding = header.tensors.get("token_embd.weight")
    if embedding is None or len(embedding.shape) != 2 or embedding.shape[1] != hidden:
        raise ModelIntegrityError(f"{header.path.name} has no token_embd.weight of width {hidden}")
    gemma, gemma3 = arch in ("gemma", "gemma3"), arch == "gemma3"
    window = meta.integer(f"{arch}.attention.sliding_window", low=0, high=1 << 24, default=0) if gemma3 else 0
    scale_dim = hidden / heads if gemma3 and layers == _GEMMA3_27B_LAYERS else head_dim
    rope = _rope(meta, arch, head_dim, header.path.name)
    local_base = meta.number(f"{arch}.rope.freq_base_swa", low=1, high=1e12, default=_GEMMA3_LOCAL_BASE)
    return DecoderConfig(
        architecture=arch,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        feed_forward=meta.uniform_integer(f"{arch}.feed_forward_length", low=32, high=1 << 20),
        vocab=embedding.shape[0],
        epsilon=meta.number(f"{arch}.attention.layer_norm_rms_epsilon", low=1e-12, high=0.1),
        context_length=min(meta.integer(f"{arch}.context_length", low=1, high=1 << 26), MAX_CONTEXT),
        attention_scale=meta.number(
            f"{arch}.attention.scale", low=1e-6, high=1e3, default=1 / math.sqrt(scale_dim)
        ),
        embedding_scale=math.sqrt(hidden) if gemma else 1.0,
        activation="gelu" if gemma else "silu",
        qk_norm=arch in ("qwen3", "gemma3"),
        post_norms=gemma3,
        rope=rope,
        local_rope=Rope(local_base, 1.0, rope.dim, interleaved=False, use_factors=False) if gemma3 else rope,
        window=window,
        period=meta.integer(
            f"{arch}.attention.sliding_window_pattern", low=1, high=512, default=_GEMMA3_PERIOD
        ),
    )


def _rope(meta: Metadata, arch: str, head_dim: int, file_name: str) -> Rope:
    kind = meta.text(f"{arch}.rope.scaling.type", default="linear")
    if kind not in ("none", "linear"):
        raise UnsupportedModelError(
            f"{file_name} scales its rotary embedding by {kind[:40]!r}; supported: none, linear, rope_freqs (llama3)"
        )
    factor = meta.number(f"{arch}.rope.scaling.factor", low=0, high=1e6, default=0.0)
    factor = factor or meta.number(f"{arch}.rope.scale_linear", low=0, high=1e6, default=0.0)
    dim = meta.integer(f"{arch}.rope.dimension_count", low=2, high=head_dim, default=head_dim)
    if dim % 16:  # GroupQueryAttention turns eight pairs at a time
        raise UnsupportedModelError(
            f"{file_name} turns {dim} dimensions of a head; multiples of 16 are supported"
        )
    base = meta.number(f"{arch}.rope.freq_base", low=1, high=1e12, default=10_000.0)
    # llama's q and k rows stand permuted in GGUF so that pairs are neighbours.
    return Rope(base, factor if kind == "linear" and factor else 1.0, dim, interleaved=arch == "llama")
