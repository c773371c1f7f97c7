"""A decoder in plain float32 numpy over the weights as ``gguf`` dequantizes them: the oracle of the tests.

It reads the file by ``gguf.GGUFReader`` and shares no code with the compiler.
Source of the arithmetic: the graphs of llama.cpp's ``llama-model.cpp``.
"""

from pathlib import Path

import gguf
import numpy as np


class ReferenceDecoder:
    """All logits of one sequence, no cache."""

    def __init__(self, path: Path) -> None:
        reader = gguf.GGUFReader(path)
        self._fields = dict(reader.fields)
        self._arch = self._field("general.architecture")
        self._tensors = {tensor.name: tensor for tensor in reader.tensors}
        self._weights: dict[str, np.ndarray] = {}
        self.layers = self._meta("block_count")
        self.heads = self._meta("attention.head_count")
        self.kv_heads = self._meta("attention.head_count_kv", self.heads)
        self.head_dim = self._meta("attention.key_length", self._meta("embedding_length") // self.heads)
        self.epsilon = self._meta("attention.layer_norm_rms_epsilon")
        self.gemma = self._arch in ("gemma", "gemma3")
        self.gemma3 = self._arch == "gemma3"

    def _field(self, key, default=None):
        return self._fields[key].contents() if key in self._fields else default

    def _meta(self, key, default=None):
        return self._field(f"{self._arch}.{key}", default)

    def _w(self, name: str) -> np.ndarray:
        if name not in self._weights:
            tensor = self._tensors[name]
            values = gguf.dequantize(tensor.data, tensor.tensor_type)
            self._weights[name] = np.asarray(values, np.float32)
        return self._weights[name]

    def _norm(self, x: np.ndarray, weight: str) -> np.ndarray:
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon) * self._w(weight)

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        y = x @ self._w(name + ".weight").T
        return y + self._w(name + ".bias") if name + ".bias" in self._tensors else y

    def _rotate(self, x: np.ndarray, base: float, factor: float, factors: bool) -> np.ndarray:
        """x: (seq, heads, dim)."""
        dim = self._meta("rope.dimension_count", self.head_dim)
        frequencies = base ** -(np.arange(0, dim, 2, dtype=np.float64) / dim)
        for name in ("rope_freqs.weight", "rope_factors_short.weight"):
            if factors and name in self._tensors:
                frequencies = frequencies / self._w(name)
        size = self._meta("rope.scaling.attn_factor", 1.0)
        if self._meta("rope.scaling.type") == "yarn":
            # arXiv 2309.00071: pairs that turn 32 times in the original context stay, those that turn once are slowed.
            known = self._meta("rope.scaling.original_context_length")
            first, last = (dim * np.log(known / (n * 2 * np.pi)) / (2 * np.log(base)) for n in (32, 1))
            first, last = max(0, np.floor(first)), min(dim - 1, np.ceil(last))
            slowed = np.clip((np.arange(dim // 2) - first) / max(0.001, last - first), 0, 1)
            frequencies = frequencies * (1 - slowed) + frequencies / factor * slowed
            size *= 1 + 0.1 * np.log(factor)
        else:
            frequencies = frequencies / factor
        angles = np.arange(len(x))[:, None] * frequencies
        cos, sin = (size * f(angles).astype(np.float32)[:, None] for f in (np.cos, np.sin))
        out = x.copy()
        if self._arch in ("llama", "minicpm"):
            even, odd = x[..., 0:dim:2], x[..., 1:dim:2]
            out[..., 0:dim:2], out[..., 1:dim:2] = even * cos - odd * sin, even * sin + odd * cos
        else:
            left, right = x[..., : dim // 2], x[..., dim // 2 : dim]
            out[..., : dim // 2], out[..., dim // 2 : dim] = (
                left * cos - right * sin,
                left * sin + right * cos,
            )
        return out

    def _attend(self, x: np.ndarray, layer: int) -> np.ndarray:
        p, seq = f"blk.{layer}.", len(x)
        if p + "attn_qkv.weight" in self._tensors:
            ends = np.cumsum([self.heads * self.head_dim, self.kv_heads * self.head_dim])
            parts = np.split(self._linear(x, p + "attn_qkv"), ends, axis=-1)
        else:
            parts = [self._linear(x, f"{p}attn_{part}") for part in "qkv"]
        q, k, v = (part.reshape(seq, -1, self.head_dim) for part in parts)
        if p + "attn_q_norm.weight" in self._tensors:
            q, k = self._norm(q, p + "attn_q_norm.weight"), self._norm(k, p + "attn_k_norm.weight")
        local = self.gemma3 and (layer + 1) % 6 != 0
        base = 10_000.0 if local else self._meta("rope.freq_base", 10_000.0)
        factor = 1.0 if local else self._meta("rope.scaling.factor", 1.0)
        q, k = (self._rotate(t, base, factor, not local) for t in (q, k))
        k, v = (np.repeat(t, self.heads // self.kv_heads, axis=1) for t in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(self.head_dim)
        distance = np.arange(seq)[:, None] - np.arange(seq)[None]
        hidden = distance < 0
        if local:
            hidden |= distance >= self._meta("attention.sliding_window")
        scores = np.where(hidden, -np.inf, scores)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        self.peak = float(scores.max(-1)[:, seq // 2 :].mean())
        joined = np.einsum("hqk,khd->qhd", scores, v).reshape(seq, -1)
        return self._linear(joined, p + "attn_output")

    def logits(self, ids) -> np.ndarray:
        """Return (len(ids), vocab) float32."""
        h = self._w("token_embd.weight")[np.asarray(ids)]
        if self.gemma:
            h = h * np.float32(np.sqrt(h.shape[-1]))
        h = h * np.float32(self._meta("embedding_scale", 1.0))
        residual = np.float32(self._meta("residual_scale", 1.0))
        for layer in range(self.layers):
            p = f"blk.{layer}."
            branch = self._attend(self._norm(h, p + "attn_norm.weight"), layer)
            if self.gemma3:
                branch = self._norm(branch, p + "post_attention_norm.weight")
            h = h + branch * residual
            x = self._norm(h, p + "ffn_norm.weight")
            if p + "ffn_gate.weight" in self._tensors:
                gate, up = self._linear(x, p + "ffn_gate"), self._linear(x, p + "ffn_up")
            else:
                gate, up = np.split(self._linear(x, p + "ffn_up"), 2, axis=-1)
            if self.gemma:
                gate = 0.5 * gate * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
            else:
                gate = gate / (1 + np.exp(-gate))
            branch = self._linear(gate * up, p + "ffn_down")
            if self.gemma3:
                branch = self._norm(branch, p + "post_ffw_norm.weight")
            h = h + branch * residual
        h = self._norm(h, "output_norm.weight") / np.float32(self._meta("logit_scale", 1.0))
        return h @ self._w("output.weight" if "output.weight" in self._tensors else "token_embd.weight").T
