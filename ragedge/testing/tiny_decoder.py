"""Writes a complete generator folder with random weights, small enough to make anew in every test.

It is the real thing but for its size: an ONNX graph that the runtime drives, a byte-level tokenizer and a
chat template. What it writes is nonsense, and the same nonsense each time.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from ragedge.models.manifest import DecoderFacts, FileRecord, Manifest, SourceRecord

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_LAYERS, _HIDDEN, _HEADS, _KV_HEADS, _HEAD_DIM, _CONTEXT = 2, 32, 4, 2, 16, 512


def write_tiny_decoder(folder: Path, *, seed: int = 0, name: str = "tiny") -> Manifest:
    """Write the folder and return its manifest.

    Args:
        folder: Made if it is not there.
        seed: Chooses the weights.
        name: The model's name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _write_tokenizer(folder / "tokenizer.json")
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    _write_graph(folder / "model.onnx", len(vocabulary), np.random.default_rng(seed))
    files = {path.name: _record(path) for path in sorted(folder.iterdir()) if path.name != "manifest.json"}
    manifest = Manifest(
        name=name,
        kind="generator",
        architecture="llama",
        licence="Apache-2.0",
        quantization="none, float32",
        source=SourceRecord(carrier="random numbers", weights_sha256="0" * 64, url=""),
        files=files,
        decoder=DecoderFacts(
            layers=_LAYERS,
            kv_heads=_KV_HEADS,
            head_dim=_HEAD_DIM,
            context_length=_CONTEXT,
            vocab_size=len(vocabulary),
            eos_token_ids=(vocabulary["<|im_end|>"], vocabulary["<|endoftext|>"]),
        ),
        compiler="test",
    )
    (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _record(path: Path) -> FileRecord:
    data = path.read_bytes()
    return FileRecord(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


def _write_tokenizer(path: Path) -> dict[str, int]:
    """Write a tokenizer of one token per byte, and return its vocabulary."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    vocabulary = {token: at for at, token in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    path.write_text(json.dumps(json.loads(tokenizer.to_str())), encoding="utf-8")
    return vocabulary


def _write_graph(path: Path, vocab: int, rng: np.random.Generator) -> None:
    from onnx import TensorProto, helper, numpy_helper, save

    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, array: np.ndarray[Any, Any]) -> str:
        constants.append(numpy_helper.from_array(array, name))
        return name

    def random(name: str, *shape: int) -> str:
        scale = 1.5 / np.sqrt(shape[0])
        return constant(name, (rng.standard_normal(shape) * scale).astype(np.float32))

    def node(kind: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    angles = np.outer(np.arange(_CONTEXT), 10000.0 ** -(np.arange(0, _HEAD_DIM, 2) / _HEAD_DIM))
    tables = [
        constant("cos", np.cos(angles).astype(np.float32)),
        constant("sin", np.sin(angles).astype(np.float32)),
    ]
    ones = constant("ones", np.ones(_HIDDEN, np.float32))
    x = node("Gather", [random("embedding", vocab, _HIDDEN), "input_ids"], ["embedded"])  # (1, seq, hidden)
    signature_in = [
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "seq"]),
        helper.make_tensor_value_info("seqlens_k", TensorProto.INT32, [1]),
        helper.make_tensor_value_info("total_sequence_length", TensorProto.INT32, []),
        helper.make_tensor_value_info("logit_positions", TensorProto.INT64, ["rows"]),
    ]
    signature_out = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", vocab])]
    cache = [1, _KV_HEADS, "capacity", _HEAD_DIM]
    width = (_HEADS + 2 * _KV_HEADS) * _HEAD_DIM
    for i in range(_LAYERS):
        past = [f"past.{i}.key", f"past.{i}.value"]
        present = [f"present.{i}.key", f"present.{i}.value"]
        normed = node("SimplifiedLayerNormalization", [x, ones], [f"{i}.normed"], axis=-1, epsilon=1e-5)
        fused = node("MatMul", [normed, random(f"{i}.qkv", _HIDDEN, width)], [f"{i}.fused"])
        node(
            "GroupQueryAttention",
            [fused, "", "", *past, "seqlens_k", "total_sequence_length", *tables],
            [f"{i}.attended", *present],
            "com.microsoft",
            num_heads=_HEADS,
            kv_num_heads=_KV_HEADS,
            do_rotary=1,
        )
        out = node(
            "MatMul", [f"{i}.attended", random(f"{i}.out", _HEADS * _HEAD_DIM, _HIDDEN)], [f"{i}.output"]
        )
        x = node("Add", [x, out], [f"{i}.sum"])
        signature_in += [helper.make_tensor_value_info(name, TensorProto.FLOAT, cache) for name in past]
        signature_out += [helper.make_tensor_value_info(name, TensorProto.FLOAT, cache) for name in present]
    normed = node("SimplifiedLayerNormalization", [x, ones], ["normed"], axis=-1, epsilon=1e-5)
    rows = node("Gather", [normed, "logit_positions"], ["gathered"], axis=1)
    rows = node("Squeeze", [rows, constant("first", np.array([0], np.int64))], ["rows"])  # (rows, hidden)
    node("MatMul", [rows, random("head", _HIDDEN, vocab)], ["logits"])
    graph = helper.make_graph(nodes, "tiny", signature_in, signature_out, constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=10), str(path))
