"""Knows the words that head safety notices, in the languages that manuals come in."""

from __future__ import annotations

import re

from ragedge.datatypes import BlockKind

# ANSI Z535.6 and ISO 3864-2 name the signal words; the rest are their usual translations.
_WORDS: dict[BlockKind, tuple[str, ...]] = {
    "warning": (
        "WARNING", "DANGER", "WARNUNG", "GEFAHR", "ADVERTENCIA", "PELIGRO", "AVERTISSEMENT", "DANGER", "AVVERTENZA",
        "PERICOLO", "警告", "危険", "경고", "위험",
    ),
    "caution": ("CAUTION", "VORSICHT", "ACHTUNG", "PRECAUCIÓN", "ATTENTION", "ATTENZIONE", "注意", "주의"),
    "note": ("NOTE", "NOTICE", "IMPORTANT", "HINWEIS", "WICHTIG", "NOTA", "REMARQUE", "備考", "参考", "メモ", "참고"),
}  # fmt: skip
_KIND_OF: dict[str, BlockKind] = {word: kind for kind, words in _WORDS.items() for word in words}
_UPPER = "|".join(
    sorted((re.escape(w) + ("S?" if w.isascii() else "") for w in _KIND_OF), key=len, reverse=True)
)
# Alone on a line, in capitals or capitalised, however decorated; or before a colon.
_ALONE = re.compile(rf"^[\W_]*(?P<word>{_UPPER})[\W_]*$", re.I)
_LEAD = re.compile(rf"^[\W_]{{0,4}}(?P<word>{_UPPER})[\W_]{{0,3}}(?:[:：!！]|\s[-–—]\s)\s*\S")


def notice_kind(line: str) -> BlockKind | None:
    """Return ``warning``, ``caution`` or ``note`` if the line opens a notice; None otherwise."""
    line = line.strip()
    if not line:
        return None
    found = _ALONE.match(line) if len(line) <= 40 else None
    if found and found["word"][0].islower():
        found = None
    if found is None:
        head = line[:40]
        found = _LEAD.match(line) or (
            _LEAD.match(head.upper() + line[40:41]) if ":" in head[:16] and head[:1].isupper() else None
        )
    if found is None:
        return None
    word = found["word"].upper()
    return _KIND_OF.get(word) or _KIND_OF.get(word.removesuffix("S"))


def is_bare_notice_word(line: str) -> bool:
    """Whether the line is nothing but a signal word: what it says stands in the lines after it."""
    line = line.strip()
    return bool(line) and len(line) <= 40 and bool(_ALONE.match(line)) and notice_kind(line) is not None
