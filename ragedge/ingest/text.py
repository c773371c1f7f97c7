"""Reads plain text: paragraphs, underlined or numbered headings, lists, safety notices."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ragedge.datatypes import BlockKind, Document, Page
from ragedge.errors import SourceError
from ragedge.ingest import detect
from ragedge.ingest.clean import clean
from ragedge.ingest.options import no_options
from ragedge.ingest.page_builder import PageBuilder
from ragedge.ingest.safety import is_bare_notice_word, notice_kind
from ragedge.ingest.text_encoding import decode_text
from ragedge.ingest.wrapped_lines import unwrap_cjk

_RULE = re.compile(r"^\s*([=\-~*_#])\1{2,}\s*$")
LIST_ITEM = re.compile(r"^\s*(?:[-*•‣▪–—·○●◦]\s+|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s+|[①-⑳㉑-㉟]\s*)\S")
NUMBERED_HEADING = re.compile(r"^(?P<number>\d{1,3}(?:[.\-–]\d{1,3}){0,4})\.?\s+(?P<title>\S.{0,90})$")
_SENTENCE_END = (".", ";", ",", "。", "、", ":")


def create(options: Mapping[str, Any]) -> TextLoader:
    """Build the loader; it has no options."""
    no_options("loader", "text", options)
    return TextLoader()


class TextLoader:
    """Reads ``text/plain``; the whole file is one page, or one page for each form feed."""

    @property
    def media_types(self) -> Sequence[str]:
        """What it reads."""
        return (detect.TEXT,)

    def load(self, data: bytes, source: str, /) -> Document:
        """Read a file's bytes.

        Raises:
            SourceError: no text is in it.
        """
        parts = decode_text(data).replace("\r\n", "\n").replace("\r", "\n").split("\f")
        while len(parts) > 1 and not parts[-1].strip():
            parts.pop()
        numbers: list[int | None] = [None] if len(parts) == 1 else list(range(1, len(parts) + 1))
        pages = tuple(_page(clean(part), number) for part, number in zip(parts, numbers, strict=True))
        if not any(page.text for page in pages):
            raise SourceError("no_text", f"{source} holds no text")
        return Document(source, detect.TEXT, pages)


def _page(text: str, number: int | None) -> Page:
    builder = PageBuilder()
    for lines in _paragraphs(text.expandtabs(4).split("\n")):
        _add(builder, lines)
    return builder.build(number)


def _paragraphs(lines: Sequence[str]) -> list[list[str]]:
    """Group lines between blank ones; a bare signal word takes the paragraph after it along."""
    groups: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            groups[-1].append(line.rstrip())
        elif groups[-1] and not (len(groups[-1]) == 1 and is_bare_notice_word(groups[-1][0])):
            groups.append([])
    return [group for group in groups if group]


def _add(builder: PageBuilder, lines: list[str]) -> None:
    if len(lines) >= 2 and _RULE.match(lines[1]) and not _RULE.match(lines[0]) and len(lines[0]) <= 120:
        builder.add("heading", lines[0].strip(), level=1 if lines[1].strip()[0] in "=#*" else 2)
        lines = lines[2:]
    if not lines:
        return
    notice = notice_kind(lines[0])
    if notice:
        builder.add(notice, "\n".join(unwrap_cjk(lines)))
    elif len(lines) == 1 and is_heading(lines[0]):
        builder.add("heading", lines[0].strip(), level=heading_level(lines[0]))
    else:
        kind: BlockKind = "list" if LIST_ITEM.match(lines[0]) else "paragraph"
        builder.add(kind, "\n".join(unwrap_cjk(lines)))


def is_heading(line: str) -> bool:
    """Whether a line that stands alone reads as a heading: short, no sentence, capitals or a number first."""
    line = line.strip()
    if not 2 <= len(line) <= 90 or line.endswith(_SENTENCE_END) or not any(c.isalpha() for c in line):
        return False
    if NUMBERED_HEADING.match(line):
        return True
    words = line.split()
    capital = sum(word[0].isupper() or not word[0].isalpha() for word in words)
    return len(words) <= 12 and (line.isupper() or (len(words) <= 8 and capital == len(words)))


def heading_level(line: str) -> int:
    """Return the depth that a heading's number gives (``2.1`` is 2); 1 without one."""
    found = NUMBERED_HEADING.match(line.strip())
    return len(re.split(r"[.\-–]", found["number"])) if found else 1
