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

ARCHITECTURES = ("gemma", "gemma3", "llama", "minicpm", "phi3", "qwen2", "qwen3")
MAX_CONTEXT = 8192
"""Positions compiled into the graph: the rotary tables of longer ones cost more memory than a board has."""

_SHORT = "rope_factors_short.weight"
_ORIGINAL = "{}.rope.scaling.original_context_length"
_YARN_FAST, _YARN_SLOW = (
    32.0,
    1.0,
)  # turns over the original context: the paper's, and what files without them mean
_GEMMA3_PERIOD = 6  # every sixth layer of gemma3 sees everything; the others see a window
_GEMMA3_LOCAL_BASE = 10_000.0
_GEMMA3_27B_LAYERS = 62  # the one size whose attention is scaled by the width of a head in the hidden state

_MINICPM_KEYS = ("embedding_scale", "residual_scale", "logit_scale")
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
        factor: Positions are divided by it (linear scaling, yarn); 1 for none.
        dim: How many of a head's dimensions turn.
        interleaved: Pairs are neighbours (2 i, 2 i + 1) rather than halves (i, i + dim / 2).
        use_factors: The tensor ``rope_freqs.weight``, if there, or ``rope_factors_short.weight``, divides the
            frequencies.
        yarn: (first, last) pair of dimensions between which ``factor`` sets in; None where it holds for all.
        magnitude: Of what is turned: cosines and sines are multiplied by it.
    """

    base: float
    factor: float
    dim: int
    interleaved: bool
    use_factors: bool = True
    yarn: tuple[float, float] | None = None
    magnitude: float = 1.0


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """Everything the graph needs to know beside the weights.

    Attributes that names do not tell: what a branch adds is multiplied by ``residual_scale`` and logits are divided by
    ``logit_scale``; ``fused`` files hold query, key and value in one tensor, and gate and up.
    """

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
    residual_scale: float
    logit_scale: float
    fused: bool
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
    followed = _MINICPM_KEYS if arch == "minicpm" else ()
    for key in (one for one in _REFUSED_KEYS if one not in followed):
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
    scales = [
        meta.number(f"{arch}.{key}", low=1e-6, high=1e6) if arch == "minicpm" else 1.0
        for key in _MINICPM_KEYS
    ]
    gemma, gemma3 = arch in ("gemma", "gemma3"), arch == "gemma3"
    window = meta.integer(f"{arch}.attention.sliding_window", low=0, high=1 << 24, default=0) if gemma3 else 0
    scale_dim = hidden / heads if gemma3 and layers == _GEMMA3_27B_LAYERS else head_dim
    has_short = _SHORT in header.tensors
    context = min(meta.integer(f"{arch}.context_length", low=1, high=1 << 26), MAX_CONTEXT)
    rope = _rope(meta, arch, head_dim, header.path.name)
    if meta.text(f"{arch}.rope.scaling.type", default="") == "longrope" and not has_short:
        raise ModelIntegrityError(
            f"{header.path.name} lacks the tensor {_SHORT!r}, which longrope divides by"
        )
    if has_short:
        # The long factors are for texts longer than what the model was first trained on, and harm shorter ones.
        context = min(context, meta.integer(_ORIGINAL.format(arch), low=1, high=1 << 26, default=context))
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
        context_length=context,
        attention_scale=meta.number(
            f"{arch}.attention.scale", low=1e-6, high=1e3, default=1 / math.sqrt(scale_dim)
        ),
        embedding_scale=math.sqrt(hidden) if gemma else scales[0],
        residual_scale=scales[1],
        logit_scale=scales[2],
        fused=arch == "phi3",
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
    scaling = f"{arch}.rope.scaling."
    kind = meta.text(f"{scaling}type", default="linear")
    if kind not in ("none", "linear", "yarn", "longrope"):
        raise UnsupportedModelError(
            f"{file_name} scales its rotary embedding by {kind[:40]!r}; supported: none, linear, yarn, longrope, "
            "rope_freqs (llama3)"
        )
    factor = meta.number(f"{scaling}factor", low=0, high=1e6, default=0.0)
    factor = factor or meta.number(f"{arch}.rope.scale_linear", low=0, high=1e6, default=0.0) or 1.0
    dim = meta.integer(f"{arch}.rope.dimension_count", low=2, high=head_dim, default=head_dim)
    if dim % 16:  # GroupQueryAttention turns eight pairs at a time
        raise UnsupportedModelError(
            f"{file_name} turns {dim} dimensions of a head; multiples of 16 are supported"
        )
    base = meta.number(f"{arch}.rope.freq_base", low=1, high=1e12, default=10_000.0)
    magnitude = meta.number(f"{scaling}attn_factor", low=1e-3, high=1e3, default=1.0)
    yarn = None
    if kind == "yarn":
        for key in ("yarn_ext_factor", "yarn_attn_factor", "yarn_log_multiplier"):
            if scaling + key in meta:
                raise UnsupportedModelError(
                    f"{file_name} sets {scaling}{key}, which the decoder graph does not follow"
                )
        known = meta.integer(f"{arch}.context_length", low=1, high=1 << 26)
        original = meta.integer(_ORIGINAL.format(arch), low=1, high=1 << 26, default=known)
        fast = meta.number(f"{scaling}yarn_beta_fast", low=1e-3, high=1e6, default=_YARN_FAST)
        slow = meta.number(f"{scaling}yarn_beta_slow", low=1e-3, high=1e6, default=_YARN_SLOW)
        first, last = (_pair_of(turns, dim, original, base) for turns in (fast, slow))
        yarn = (max(0.0, math.floor(first)), min(dim - 1.0, math.ceil(last)))
        magnitude *= 1 + 0.1 * math.log(factor)
    # llama's q and k rows stand permuted in GGUF so that pairs are neighbours.
    return Rope(
        base, 1.0 if kind == "none" else factor, dim, interleaved=arch in ("llama", "minicpm"), yarn=yarn,
        magnitude=magnitude,
    )  # fmt: skip


def _pair_of(turns: float, dim: int, context: int, base: float) -> float:
    """Return the pair of dimensions that turns so many times over the original context (arXiv 2309.00071, 3.2)."""
    return dim * math.log(context / (turns * 2 * math.pi)) / (2 * math.log(base))
