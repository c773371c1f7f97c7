"""Joins lines that were only wrapped: with a space, or with nothing in scripts that write none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Kana, CJK ideographs and full-width forms; Hangul is written with spaces.
_CJK = "\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
_JOINT = re.compile(rf"(?<=[{_CJK}])[^\S\n]*\n\s*(?=[{_CJK}])")
_ENDS_IN_CJK, _BEGINS_WITH_CJK = re.compile(rf"[{_CJK}]\s*$"), re.compile(rf"\s*[{_CJK}]")
# A wrapped line is nearly as wide as its paragraph; a shorter one was ended by its author.
_FULL_SHARE = 0.8
_SHORTEST_LINE = 30  # columns, two for a full-width character; nobody wraps text more narrowly


def join(text: str, line: str) -> str:
    """Append a line to the text before it."""
    if _ENDS_IN_CJK.search(text) and _BEGINS_WITH_CJK.match(line):
        return text.rstrip() + line.lstrip()
    return f"{text} {line.strip()}"


def without_cjk_breaks(text: str) -> str:
    """Take line breaks out that stand between two characters of a script without spaces."""
    return _JOINT.sub("", text)


def unwrap_cjk(lines: Sequence[str]) -> list[str]:
    """Join the wrapped lines of one paragraph where its script writes no spaces; others stay as they are."""
    widths = [_columns(line) for line in lines]
    widest = max(widths, default=0)
    joined: list[str] = []
    full = False
    for line, width in zip(lines, widths, strict=True):
        if full and joined and _ENDS_IN_CJK.search(joined[-1]) and _BEGINS_WITH_CJK.match(line):
            joined[-1] = join(joined[-1], line)
        else:
            joined.append(line)
        full = width >= max(_FULL_SHARE * widest, _SHORTEST_LINE)
    return joined


def _columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line.rstrip())
