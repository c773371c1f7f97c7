"""Compiles a GGUF file into a model folder: graph, weights, tokenizer and chat template. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ragedge.models.compile.chat_template_default import default_template
from ragedge.models.compile.decoder_config import read_config
from ragedge.models.compile.decoder_graph import GraphBuilder
from ragedge.models.compile.decoder_matrices import MatrixStore
from ragedge.models.compile.decoder_weights import WeightsFile
from ragedge.models.compile.gguf_header import GgufHeader, read_header
from ragedge.models.compile.gguf_tokenizer import read_tokenizer
from ragedge.models.manifest import DecoderFacts

MODEL_NAME, TOKENIZER_NAME, TEMPLATE_NAME = "model.onnx", "tokenizer.json", "chat_template.jinja"

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all)."""


@dataclass(frozen=True, slots=True)
class CompiledDecoder:
    """What the importer writes into the manifest.

    Attributes:
        facts: How to drive the graph.
        architecture: As GGUF names it.
        quantization: Of the compiled graph, in words.
        licence: As the file states it; empty where it states none.
        title: The model's name as the file states it; may be empty.
    """

    facts: DecoderFacts
    architecture: str
    quantization: str
    licence: str
    title: str


def compile_gguf(gguf: Path, out: Path, *, progress: Progress | None = None) -> CompiledDecoder:
    """Compile a GGUF file into ``out``.

    Args:
        gguf: The weights.
        out: An existing, empty folder; the caller moves it into place when all is well.
        progress: Told how many of the file's tensor bytes are done.

    Raises:
        UnsupportedModelError: the architecture, a tensor's type, the tokenizer or a variant is not supported.
        ModelIntegrityError: the file is damaged or contradicts itself.

    Memory: some 100 MB beside the vocabulary; tensors pass through a megabyte of weights at a time.
    """
    header = read_header(gguf)
    config = read_config(header)
    tokenizer = read_tokenizer(header.metadata, config.vocab)
    tokenizer.write(out / TOKENIZER_NAME)
    total, done = sum(tensor.nbytes for tensor in header.tensors.values()), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    with gguf.open("rb") as file, WeightsFile(out) as weights:
        store = MatrixStore(header, file, weights, advance)
        model = GraphBuilder(config, store).build(weights.initializers, "ragedge")
        store.require_all_read()
        weights.finish()
    (out / MODEL_NAME).write_bytes(model.SerializeToString())
    template = header.metadata.text("tokenizer.chat_template", default="")
    if not template.strip():
        template = default_template(header.metadata.texts("tokenizer.ggml.tokens"))
    (out / TEMPLATE_NAME).write_text(template, encoding="utf-8", newline="")
    facts = DecoderFacts(
        layers=config.layers,
        kv_heads=config.kv_heads,
        head_dim=config.head_dim,
        context_length=config.context_length,
        vocab_size=config.vocab,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_ids=tokenizer.eos_token_ids,
        add_bos=tokenizer.add_bos,
    )
    meta = header.metadata
    return CompiledDecoder(
        facts,
        config.architecture,
        _quantization(header),
        meta.text("general.license", default=""),
        meta.text("general.name", default=""),
    )


def _quantization(header: GgufHeader) -> str:
    """Say in words what the file's matrices were and what they became."""
    kinds: Counter[str] = Counter()
    for tensor in header.tensors.values():
        if len(tensor.shape) == 2:
            kinds[tensor.type] += tensor.nbytes
    bits = "4-bit and 8-bit" if "Q4_0" in kinds else "8-bit"
    return f"{bits} blocks of 32 from {', '.join(kind for kind, _ in kinds.most_common())}"
