"""Joins the lines of a paragraph: hyphens at line ends, scripts without spaces."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BROKEN = re.compile(r"([^\W\d_]+)[-\u2010\u00ad]$")
_HEAD = re.compile(r"^([^\W\d_]+)")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_SUSPENDED = frozenset({"und", "oder", "bzw", "sowie", "and", "or", "to"})
_CJK = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]")


class LineJoiner:
    """Joins lines with what a document's own words tell about its hyphens.

    Args:
        lines: All lines of the document.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._words: set[str] = set()
        for line in lines:
            # The last word of a line may be one half; it proves nothing.
            self._words.update(word.lower() for word in _WORD.findall(line.rpartition(" ")[0]))

    def join(self, text: str, line: str) -> str:
        """Append a line to the text before it."""
        if not text:
            return line
        broken, head = _BROKEN.search(text), _HEAD.match(line)
        if broken and head and head[1] in _SUSPENDED:
            return f"{text} {line}"  # "Leistungs- und Rekuperationslevel"
        if broken and head and head[1][0].islower():
            kept, whole = f"{broken[1]}-{head[1]}".lower(), (broken[1] + head[1]).lower()
            # "re-/pair" is one word; "self-/locking" keeps its hyphen where the document writes it elsewhere.
            both_words = broken[1].lower() in self._words and head[1].lower() in self._words
            keep = kept in self._words or (whole not in self._words and both_words and len(broken[1]) > 3)
            return text + line if keep else text[:-1] + line
        if text.endswith("/-") and line[:1].isalnum():
            return text[:-1] + line  # an address, broken behind a slash
        if text.endswith(("-", "/", "–")) and not text.endswith((" -", " –")) and line[:1].isalnum():
            return text + line  # "MIL-G-/10924", "and/or"
        if _CJK.match(text[-1]) and _CJK.match(line[0]):
            return text + line
        return f"{text} {line}"
