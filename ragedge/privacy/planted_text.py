"""Finds text that was put into a document for the model that will read it: orders, new roles, hidden payloads.

Wider than ``instructions``, which leaves sentences out of answers everywhere and so must hardly ever be wrong: what
is found here is shown at ingest and marked, and only in what is marked is it left out. What is encoded is decoded,
twice at most, and looked at again.
"""

from __future__ import annotations

from ragedge.privacy.hidden_encodings import decoded, plain
from ragedge.privacy.instructions import is_to_the_writer
from ragedge.privacy.planted_forms import FORMS, compiled

_MOST = 100_000  # characters that are looked at
_LAYERS = 2  # of codes


def is_planted(text: str) -> bool:
    """Whether a text holds words for a model that reads it, and not for who works by the manual."""
    return _hides(text[:_MOST], _LAYERS)


def _hides(text: str, layers: int) -> bool:
    bare = plain(text)
    if _speaks(bare):
        return True
    return layers > 0 and any(_hides(hidden, layers - 1) for hidden in decoded(text, bare) if hidden)


def _speaks(text: str) -> bool:
    lower = text.lower()
    return any(
        any(word in lower for word in words) and compiled(form).search(text) is not None
        for words, form in FORMS
    ) or is_to_the_writer(text)
