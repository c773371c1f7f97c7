"""Counts tokens as an embedder does, from its ``tokenizer.json`` alone: for the parser's worker process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
        with library_failures("the tokenizer"):
            spans: Sequence[tuple[int, int]] = self._tokenizer.encode(text, add_special_tokens=False).offsets
        return spans


@contextmanager
def library_failures(what: str, *, hint: str = "ragedge models verify") -> Iterator[None]:
    """Turn what the tokenizers library raises inside the block into our error.

    Raises:
        ModelIntegrityError: it raised; it knows bare ``Exception``, and a panic that is none.
    """
    try:
        yield
    except ModelIntegrityError:
        raise
    except BaseException as exc:
        if not isinstance(exc, Exception) and type(exc).__name__ != "PanicException":
            raise
        raise ModelIntegrityError(f"{what} is missing, or not a tokenizer that works", hint=hint) from None


def load_tokenizer(path: Path) -> Any:
    """Load a tokenizer that never pads or truncates, and reads the names of special tokens as plain text.

    Raises:
        ModelIntegrityError: the file is missing or damaged.
    """
    from tokenizers import Tokenizer

    with library_failures(str(path), hint=f"ragedge models pull {path.parent.name}"):
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode(
            "a 1"
        )  # one whose parts contradict each other shows it now and not in the middle of an ingest
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
