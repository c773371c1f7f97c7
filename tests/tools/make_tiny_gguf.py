"""Writes tiny random GGUF files of each family and tensor type. Usage: make_tiny_gguf.py FAMILY OUT.gguf [TYPE]

The weights are scaled so that attention is peaked and depends on position, and the norms' epsilon is as
large as the variance it guards: a wrong rope base, permutation, epsilon or bias shows in the logits.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind

TYPES = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K")
_RANDOM_BLOCKS = {
    "Q4_K": (144, (0, 2)),
    "Q5_K": (176, (0, 2)),
    "Q6_K": (210, (208,)),
}  # bytes, places of float16


@dataclass(frozen=True)
class Tiny:
    """One tiny model; the defaults make a llama."""

    family: str = "llama"
    kind: str = "Q8_0"
    layers: int = 3
    hidden: int = 64
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 16
    feed_forward: int = 96
    epsilon: float = 0.02
    rope_base: float = 10_000.0
    context: int = 512
    window: int = 0
    tied: bool = True
    rope_factors: bool = False
    seed: int = 7
    extra: dict = field(default_factory=dict)
    without: tuple[str, ...] = ()
    also: tuple[str, ...] = ()  # tensors that no family has
    rotary: int = 0  # dimensions of a head that turn; 0 for all


FAMILIES = {
    "llama": Tiny(),
    "llama3": Tiny(rope_factors=True, tied=False),
    "qwen2": Tiny("qwen2", rope_base=1_000_000.0),
    "qwen3": Tiny("qwen3", head_dim=32, rope_base=1_000_000.0, tied=False),
    "minicpm": Tiny(
        "minicpm",
        extra={
            f"minicpm.{key}_scale": by for key, by in (("embedding", 0.7), ("residual", 0.6), ("logit", 2.0))
        },
    ),
    "phi3": Tiny("phi3", kv_heads=4, tied=False, extra={"phi3.rope.scaling.original_context_length": 512}),
    "gemma": Tiny("gemma", head_dim=32, kv_heads=1),
    "gemma3": Tiny("gemma3", layers=6, head_dim=32, kv_heads=1, rope_base=1_000_000.0, window=24),
}

# Rope metadata below ``FAMILY.rope.``
YARN = {"scaling.type": "yarn", "scaling.factor": 4.0, "scaling.original_context_length": 64}
LONGROPE = {"scaling.type": "longrope", "scaling.attn_factor": 1.3, "scaling.original_context_length": 256}


def _byte_characters() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, in byte order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]


def _vocabulary(writer: gguf.GGUFWriter, family: str) -> int:
    if family in ("gemma", "gemma3"):
        pieces = [
            "▁",
            "t",
            "h",
            "e",
            "▁t",
            "he",
            "▁the",
            "a",
            "n",
            "d",
            "an",
            "▁and",
            "s",
            "r",
            "er",
            "in",
            "i",
        ]
        tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
        types = [3, 3, 3, 2, 3, 3] + [6] * 256 + [1] * len(pieces)
        tokens += [f"<0x{byte:02X}>" for byte in range(256)] + pieces
        writer.add_tokenizer_model("llama")
        writer.add_token_scores([0.0] * 262 + [-float(i) for i in range(len(pieces))])
        writer.add_bos_token_id(2)
        writer.add_eos_token_id(1)
        writer.add_unk_token_id(3)
        writer.add_add_bos_token(True)
        writer.add_add_space_prefix(False)
    else:
        merges = ["t h", "th e", "Ġ the", "Ġ a", "Ġa n", "Ġan d", "i n", "e r", "Ġ t"]
        tokens = [
            "<|endoftext|>",
            "<|im_start|>",
            "<|im_end|>",
            *_byte_characters(),
            *(m.replace(" ", "") for m in merges),
        ]
        types = [3, 3, 3] + [1] * (len(tokens) - 3)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre({"llama": "smollm"}.get(family, "qwen2"))
        writer.add_token_merges(merges)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_add_bos_token(False)
        writer.add_chat_template(
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
        )
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    return len(tokens)


def write(tiny: Tiny, path: Path) -> None:
    """Write one model; equal settings give equal bytes."""
    rng = np.random.default_rng(tiny.seed)
    writer = gguf.GGUFWriter(path, tiny.family)
    # llama.cpp looks for certain tokens where a name holds "phi3".
    writer.add_name(f"tiny {tiny.family.replace('3', ' 3')}")
    writer.add_license("apache-2.0")
    writer.add_block_count(tiny.layers)
    writer.add_context_length(tiny.context)
    writer.add_embedding_length(tiny.hidden)
    writer.add_feed_forward_length(tiny.feed_forward)
    writer.add_head_count(tiny.heads)
    writer.add_head_count_kv(tiny.kv_heads)
    writer.add_key_length(tiny.head_dim)
    writer.add_value_length(tiny.head_dim)
    writer.add_rope_dimension_count(tiny.rotary or tiny.head_dim)
    writer.add_rope_freq_base(tiny.rope_base)
    writer.add_layer_norm_rms_eps(tiny.epsilon)
    if tiny.window:
        writer.add_sliding_window(tiny.window)
    for key, value in tiny.extra.items():
        add = {
            str: writer.add_string,
            float: writer.add_float32,
            int: writer.add_uint32,
            bool: writer.add_bool,
        }
        add[type(value)](key, value)
    vocab = _vocabulary(writer, tiny.family)
    for name, values in _tensors(tiny, vocab, rng):
        if name in tiny.without:
            continue
        if values.ndim == 1:
            writer.add_tensor(name, values.astype(np.float32))
        elif tiny.kind in _RANDOM_BLOCKS:
            raw = _random_blocks(tiny.kind, values, rng)
            writer.add_tensor(name, raw, raw_dtype=Kind[tiny.kind])
        elif tiny.kind in ("F32", "F16"):
            writer.add_tensor(name, values.astype(np.float32 if tiny.kind == "F32" else np.float16))
        else:
            raw = gguf.quantize(values.astype(np.float32), Kind[tiny.kind])
            writer.add_tensor(name, raw, raw_dtype=Kind[tiny.kind])
    for name in tiny.also:
        writer.add_tensor(name, np.ones((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(tiny: Tiny, vocab: int, rng: np.random.Generator):
    hidden, queries, keys = tiny.hidden, tiny.heads * tiny.head_dim, tiny.kv_heads * tiny.head_dim

    def matrix(rows: int, columns: int, gain: float) -> np.ndarray:
        return rng.standard_normal((rows, columns)) * gain / np.sqrt(columns)

    def norm(length: int, spread: float = 0.3) -> np.ndarray:
        return 1 + spread * rng.uniform(-1, 1, length)

    gemma = tiny.family in ("gemma", "gemma3")
    # gemma multiplies embeddings by sqrt(hidden); either way their variance is near epsilon
    yield "token_embd.weight", matrix(vocab, hidden, 0.25 if gemma else 0.25 * np.sqrt(hidden))
    yield "output_norm.weight", norm(hidden)
    if not tiny.tied:
        yield "output.weight", matrix(vocab, hidden, 4.0)
    if tiny.rope_factors:
        yield "rope_freqs.weight", np.linspace(1, 8, tiny.head_dim // 2)
    if tiny.family == "phi3":
        for length, most in (("short", 3), ("long", 9)):
            yield f"rope_factors_{length}.weight", np.linspace(1, most, tiny.head_dim // 2)
    peaked = 2.0
    for layer in range(tiny.layers):
        p = f"blk.{layer}."
        yield p + "attn_norm.weight", norm(hidden)
        stacked = []
        for part, rows in (("attn_q", queries), ("attn_k", keys), ("attn_v", keys)):
            stacked.append(matrix(rows, hidden, 1.0 if part == "attn_v" else peaked))
            if tiny.family != "phi3":
                yield f"{p}{part}.weight", stacked[-1]
            if tiny.family == "qwen2":
                yield f"{p}{part}.bias", rng.standard_normal(rows) * (0.5 if part == "attn_v" else 1.5)
        if tiny.family == "phi3":
            yield p + "attn_qkv.weight", np.concatenate(stacked)
        if tiny.family in ("qwen3", "gemma3"):
            yield p + "attn_q_norm.weight", 1.7 * norm(tiny.head_dim)
            yield p + "attn_k_norm.weight", 1.7 * norm(tiny.head_dim)
        yield p + "attn_output.weight", matrix(hidden, queries, 0.6)
        if tiny.family == "gemma3":
            yield p + "post_attention_norm.weight", 0.3 * norm(hidden)
            yield p + "post_ffw_norm.weight", 0.3 * norm(hidden)
        yield p + "ffn_norm.weight", norm(hidden)
        if tiny.family != "phi3":
            yield p + "ffn_gate.weight", matrix(tiny.feed_forward, hidden, 1.0)
        yield p + "ffn_up.weight", matrix(tiny.feed_forward * (1 + (tiny.family == "phi3")), hidden, 1.0)
        yield p + "ffn_down.weight", matrix(hidden, tiny.feed_forward, 0.6)


def _random_blocks(kind: str, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The package cannot quantize to K-types, so the blocks themselves are drawn, at the matrix's own scale."""
    block_bytes, halves = _RANDOM_BLOCKS[kind]
    rows, blocks = values.shape[0], values.shape[1] // 256
    raw = rng.integers(0, 256, (rows, blocks, block_bytes), dtype=np.uint8)
    unit = np.concatenate([np.full((rows, blocks, 1), 1.0, np.float16).view(np.uint8)] * len(halves), axis=-1)
    for index, place in enumerate(halves):
        raw[..., place : place + 2] = unit[..., 2 * index : 2 * index + 2]
    natural = gguf.dequantize(raw.reshape(rows, -1), Kind[kind])
    gain = np.float16(values.std() / natural.std())
    for place in halves:
        raw[..., place : place + 2] = np.array([gain]).view(np.uint8)
    if kind in ("Q4_K", "Q5_K"):  # move the minimum so that weights stand around nought
        middle = 7.5 if kind == "Q4_K" else 15.5
        raw[..., 2:4] = np.array([np.float16(gain * middle)]).view(np.uint8)
        raw[..., 8:12] = raw[..., 4:8]
        raw[..., 12:16] = (raw[..., 12:16] & 15) * 17
        spread = gguf.dequantize(raw.reshape(rows, -1), Kind[kind]).std()
        for place, base in ((0, gain), (2, gain * middle)):
            raw[..., place : place + 2] = np.array([np.float16(base * values.std() / spread)]).view(np.uint8)
    return raw.reshape(rows, -1)


def tiny_of(family: str, kind: str = "Q8_0", **changes: object) -> Tiny:
    """A family's settings in a tensor type; K-types need rows of 256."""
    tiny = replace(FAMILIES[family], kind=kind)
    if kind in _RANDOM_BLOCKS:
        tiny = replace(tiny, hidden=256, heads=4, head_dim=64, feed_forward=256)
    return replace(tiny, **changes)


if __name__ == "__main__":
    if (
        len(sys.argv) not in (3, 4)
        or sys.argv[1] not in FAMILIES
        or (sys.argv[3:] and sys.argv[3] not in TYPES)
    ):
        sys.exit(f"{__doc__}\nfamilies: {', '.join(FAMILIES)}; types: {', '.join(TYPES)}")
    write(tiny_of(sys.argv[1], *sys.argv[3:]), Path(sys.argv[2]))
