"""Counts tokens as an embedder does, from its ``tokenizer.json`` alone: for the parser's worker process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ragedge import plugins
from ragedge.errors import ModelIntegrityError
from ragedge.protocols import TokenCounter


class JsonTokenCounter:
    """A tokenizer that only counts; loads no model and no runtime."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def from_file(cls, path: Path) -> JsonTokenCounter:
        """Load a model folder's ``tokenizer.json``.

        Raises:
            ModelIntegrityError: it is missing or damaged.
        """
        return cls(load_tokenizer(path))

    def token_spans(self, text: str, /) -> Sequence[tuple[int, int]]:
        """Return each token's half-open code-point span in text, special tokens left out."""
        spans: Sequence[tuple[int, int]] = self._tokenizer.encode(text, add_special_tokens=False).offsets
        return spans


def load_tokenizer(path: Path) -> Any:
    """Load a tokenizer that never pads or truncates, and reads the names of special tokens as plain text.

    Raises:
        ModelIntegrityError: the file is missing or damaged.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as exc:  # the library raises bare Exception
        raise ModelIntegrityError(
            f"{path} is missing or not a tokenizer", hint=f"ragedge models pull {path.parent.name}"
        ) from exc
    tokenizer.no_padding()
    tokenizer.no_truncation()
    # A document that says "[SEP]" must not end its own embedding early.
    tokenizer.encode_special_tokens = True
    return tokenizer


def create(options: Mapping[str, Any]) -> JsonTokenCounter:
    """Build a counter from the option ``tokenizer``, the path of a ``tokenizer.json``."""
    return JsonTokenCounter.from_file(Path(options["tokenizer"]))


def create_from_embedder(options: Mapping[str, Any]) -> TokenCounter:
    """Build an embedder plugin for its own counting, from the options ``embedder`` and ``options``."""
    counter: TokenCounter = plugins.create("embedder", options["embedder"], options["options"])
    return counter
