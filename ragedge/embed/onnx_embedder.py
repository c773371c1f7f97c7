"""The built-in embedder: text to unit vectors by a compiled encoder.

Each text is its own run. The int8 graph chooses one activation scale for a whole run, so texts that share
a run would change each other's vectors; alone, a text always gives the same vector, and no token is spent
on padding. Measured on two cores, runs of one text are also the fastest (``benchmarks/embedding.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge import plugins
from ragedge.embed.encoder_runs import SPECIAL_TOKENS, DynamicEncoder, EncoderRun, StaticEncoder, encoder_ids
from ragedge.embed.token_counter import JsonTokenCounter, load_tokenizer
from ragedge.errors import ConfigError, ModelError, ModelIntegrityError
from ragedge.runtime.saturation import exact_product_entries
from ragedge.runtime.session import open_session
from ragedge.runtime.threads import thread_count

if TYPE_CHECKING:
    from ragedge.models.manifest import EncoderFacts
    from ragedge.models.store import ModelFolder
    from ragedge.protocols import Backend, Float32, Options

OPTIONS = ("model", "threads", "backend", "backend_options")
DEFAULT_MODEL = "minilm-l6"
_GRAPH, _TOKENIZER = "model.onnx", "tokenizer.json"


class OnnxEmbedder:
    """An encoder and its tokenizer; safe for threads.

    Attributes:
        name: The model's name.
        dim: Length of a vector.
        max_tokens: Longest text read whole, prefixes and special tokens left out; the rest is cut off.
        fingerprint: sha256 over weights, graph, tokenizer, pooling and prefixes.
        tokenizer_path: For ``JsonTokenCounter`` in another process.
    """

    def __init__(
        self,
        encoder: EncoderRun,
        tokenizer: Any,
        facts: EncoderFacts,
        name: str,
        fingerprint: str,
        path: Path,
    ) -> None:
        self.name = name
        self.dim = facts.dim
        self.fingerprint = fingerprint
        self.tokenizer_path = path
        self._encoder = encoder
        self._tokenizer = tokenizer
        self._counter = JsonTokenCounter(tokenizer)
        self._facts = facts
        self._affixes = max(len(self._counter.token_spans(prefix)) for prefix in _prefixes(facts))
        self.max_tokens = min(facts.max_tokens, encoder.most_ids - SPECIAL_TOKENS) - self._affixes

    @classmethod
    def from_folder(cls, folder: ModelFolder, backend: Backend, *, threads: int) -> OnnxEmbedder:
        """Load a model folder, its digests checked on the way.

        Raises:
            ModelError: it is not an embedder.
            ModelIntegrityError: a file is damaged.
            ProviderUnavailableError: the backend cannot run it.
        """
        manifest = folder.manifest
        if manifest.encoder is None:
            raise ModelError(
                f"model {manifest.name!r} is a {manifest.kind}, not an embedder",
                hint="name an embedder in embed.model; see: ragedge models list",
            )
        with folder.checked():
            encoder = open_encoder(folder, backend, threads=threads)
        return cls.from_parts(folder, encoder)

    @classmethod
    def from_parts(cls, folder: ModelFolder, encoder: EncoderRun) -> OnnxEmbedder:
        """Put a model's tokenizer before graphs that are open already."""
        manifest, path = folder.manifest, folder.path / _TOKENIZER
        assert manifest.encoder is not None
        return cls(encoder, load_tokenizer(path), manifest.encoder, manifest.name, manifest.fingerprint, path)

    def room_for_affixes(self) -> int:
        """Return how many ids of an input are not the text's own: prefix and special tokens."""
        return self._affixes + SPECIAL_TOKENS

    def token_spans(self, text: str, /) -> Sequence[tuple[int, int]]:
        """Return each token's half-open code-point span in text, special tokens left out."""
        return self._counter.token_spans(text)

    def embed_passages(self, texts: Sequence[str], /) -> Float32:
        """Embed passages; (len(texts), dim), float32, rows of L2 norm 1; no texts give shape (0, dim)."""
        if isinstance(texts, str):
            raise TypeError("texts must be a sequence of texts, got one text")
        rows = np.empty((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            rows[row] = self._embed(self._facts.passage_prefix + text)
        return rows

    def embed_query(self, text: str, /) -> Float32:
        """Embed a question; (dim,), float32, L2 norm 1."""
        return self._embed(self._facts.query_prefix + text)

    def _embed(self, text: str) -> Float32:
        most = min(self._facts.max_tokens + SPECIAL_TOKENS, self._encoder.most_ids)
        row = self._encoder.run(encoder_ids(self._tokenizer, text, most))
        if not np.isfinite(row).all():
            raise ModelIntegrityError(
                f"model {self.name} gave a vector that is not finite",
                hint=f"ragedge models verify {self.name}",
            )
        return row


def open_encoder(folder: ModelFolder, backend: Backend, *, threads: int) -> EncoderRun:
    """Open the graphs of an embedder that a backend wants: the installed one, or those of fixed length.

    Raises:
        ModelNotFoundError: the backend wants static graphs, and they were not made.
    """
    facts = folder.manifest.encoder
    assert facts is not None
    if backend.graph_profile == "dynamic":
        entries = exact_product_entries()
        session = open_session(folder.path / _GRAPH, backend, threads=threads, entries=entries)
        return DynamicEncoder(session, facts.max_tokens + SPECIAL_TOKENS)
    from ragedge.models import compiled

    static = compiled.require_static(folder, backend)
    sessions = {}
    for graph in static.record.graphs:
        ready = compiled.find_compiled(static, graph, backend, None)
        path = static.graph(graph) if ready is None else ready.path
        sessions[graph.length] = open_session(path, backend, threads=threads)
    return StaticEncoder(sessions, facts.pooling)


def create(options: Options) -> OnnxEmbedder:
    """Build the embedder.

    Args:
        options: ``model`` (an installed model's name, default minilm-l6), ``threads`` (0 is automatic),
            ``backend`` (a plugin's name, default cpu) and ``backend_options`` (what it is told).

    Raises:
        ConfigError: an unknown option, or one of the wrong type.
        ModelNotFoundError: the model is not installed.
        ModelError: it cannot be loaded.
    """
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise ConfigError(
            f"embedder onnx has no option {unknown[0]!r}; options: {', '.join(OPTIONS)}",
            hint="see docs/configuration.md",
        )
    from ragedge.models import store

    threads = options.get("threads", 0)
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 0:
        raise ConfigError(
            f"embedder onnx: threads is {threads!r}; it must be a whole number of 0 or more",
            hint="set runtime.threads",
        )
    backend = plugins.create(
        "backend", str(options.get("backend", "cpu")), options.get("backend_options") or {}
    )
    folder = store.find(str(options.get("model", DEFAULT_MODEL)))
    return OnnxEmbedder.from_folder(folder, backend, threads=thread_count(threads))


def _prefixes(facts: EncoderFacts) -> tuple[str, str]:
    return facts.query_prefix, facts.passage_prefix
