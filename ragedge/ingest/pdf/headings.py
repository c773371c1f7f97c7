"""Tells headings from text, and how deep they stand: by outline, words, numbers and fonts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ragedge.ingest.clean import clean
from ragedge.ingest.pdf.rows import Row

_CHAPTER = re.compile(
    r"^(?:chapter|part|appendix|annex|glossary|kapitel|teil|anhang|chapitre)\b[\s.:]*(?:[A-Z\dIVX]{1,5}\b)?",
    re.I,
)
_CHAPTER_JA = re.compile(r"^(?:第\s*[\d一二三四五六七八九十]+\s*[章部編]|付録)")
_SECTION = re.compile(r"^(?:section|abschnitt)\s+(?:[IVXLC]+|\d+)\b", re.I)
_NUMBERED = re.compile(
    r"^(?P<number>\d{1,3}(?:[.\-–]\d{1,3}){1,4}|[A-Z][-.]\d{1,3}(?:\.\d{1,3})*)\.?\s+(?P<title>\S.*)$"
)
_OUTLINE_NUMBER = re.compile(r"^\d{1,3}(?:\.\d{1,3})+\.?(?=\D)")
_SINGLE = re.compile(r"^\d{1,2}\.?\s+(?P<title>[^\W\d_].*)$")
_LETTERED = re.compile(r"^[a-z]{1,2}\.\s+[A-Z][\w ,/()'&-]{2,60}\.?$")
# "1-4. PAINTING. Refer to ...": the title is in capitals and the text goes on behind it.
_RUN_IN = re.compile(
    r"^(?P<head>\d{1,3}(?:[-–.]\d{1,3})+\.?\s+[A-Z][A-Z0-9 ,/()&'’\-–]{2,90}?)\s?[.:]\s+(?=[A-Z][a-z]|\(?[a-z])"
)
_RUN_IN_REST = re.compile(r"^(?P<head>[A-Z][A-Z0-9 ,/()&'’\-–]{3,90}?)\s?[.:](?:\s+(?=[A-Z][a-z])|$)")
_CAPITALS = re.compile(r"^(?:\d{1,2}|[a-z])\.\s+[A-Z][A-Z ,&/()’'\-]{5,70}\.?$")
_SETTING = re.compile(r"^\S+[:=]\S")  # "APN:WAP.EXAMPLE" is no title
_LETTERS = re.compile(r"[^\W\d_]")
_LARGER = 1.17
_MAX_CHARS = 110


@dataclass(slots=True)
class HeadingRules:
    """What headings look like in one document.

    Attributes:
        body_size: Height of most of the text.
        sizes: Heights of headings, largest first.
        outline: For each page index, titles without spaces, in small letters, and their depth.
        bold_body: Most of the text is bold, so that bold says nothing.
        numbered: Depth of headings by the parts of their number, as the outline has them: ``3.1.4`` has three.
    """

    body_size: float
    sizes: tuple[float, ...] = ()
    outline: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    bold_body: bool = False
    numbered: Mapping[int, int] = field(default_factory=dict)

    def level(self, text: str, size: float, *, bold: bool, page: int, alone: bool, follows: bool) -> int:
        """Return a line's depth as a heading; 0 if it is none.

        Args:
            text: The line.
            size: Height of its font.
            bold: Whether all of it is bold.
            page: Index of its page.
            alone: It stands apart from the line above.
            follows: A line of text follows it.
        """
        if len(text) > _MAX_CHARS or len(_LETTERS.findall(text)) < 2 or " … " in text:
            return 0
        known = self.outline.get(page)
        if known and (depth := known.get(_key(text)) or known.get(_key(_number_off(text)), 0)):
            return depth
        ends = text.endswith((".", ",", ";", ":", "。", "、", "!", "?"))
        depth = self._size_level(size) if size >= _LARGER * self.body_size else 0
        bold = bold and not self.bold_body and size >= 0.92 * self.body_size
        strong = depth > 0 or bold
        below = len(self.sizes)
        upper = text.isupper() and sum(map(str.isupper, text)) * 2 > len(_LETTERS.findall(text))
        if (
            (_CHAPTER.match(text) or _CHAPTER_JA.match(text))
            and not ends
            and len(text) <= 70
            and (upper or strong)
            and alone
        ):
            return 1
        if _SECTION.match(text) and len(text) <= 90 and not text.endswith((",", ";")) and alone:
            return 2 if not depth else min(depth, 2)
        numbered = _NUMBERED.match(text)
        if numbered:
            title = numbered["title"]
            parts = len(re.split(r"[.\-–]", numbered["number"]))
            if len(_LETTERS.findall(title)) >= 3 and not title.endswith((",", ";")):
                if title.isupper() and title[0].isalpha():
                    return 1 + parts
                if strong and not ends:
                    return self.numbered.get(parts) or depth or below + parts
        if depth and not ends and len(_LETTERS.findall(text)) >= 4:
            return depth
        if strong and alone and not ends and _SINGLE.match(text) and len(text) < 80:
            return depth or below + 1
        if _CAPITALS.match(text) and not text.endswith((",", ";")):
            return below + (2 if text[0].isdigit() else 4)
        if _LETTERED.match(text) and alone and (strong or text.endswith(".")) and len(text.split()) <= 7:
            return below + 4
        if bold and alone and follows and not ends and len(text.split()) <= 10 and len(text) <= 80:
            return below + 3 if len(_LETTERS.findall(text)) >= 4 else 0
        if (
            upper
            and alone
            and follows
            and not ends
            and 5 <= len(text) <= 60
            and not _SETTING.match(text)
            and len(_LETTERS.findall(text)) * 2 > len(text)
        ):
            return below + 5
        return 0

    def _size_level(self, size: float) -> int:
        for index, known in enumerate(self.sizes):
            if size >= known * 0.97:
                return index + 1
        return len(self.sizes) + 1


def run_in_heading(text: str, *, numbered: bool = True) -> int:
    """Return the length of a heading in capitals that a paragraph begins with; 0 if there is none.

    Args:
        text: The line.
        numbered: It begins with a number; False for the second line of a heading.
    """
    found = (_RUN_IN if numbered else _RUN_IN_REST).match(text)
    return found.end() if found and len(_LETTERS.findall(found["head"])) >= 4 else 0


def learn(pages: Iterable[tuple[float, list[Row]]], outline: Mapping[int, Mapping[str, int]]) -> HeadingRules:
    """Work out a document's body and heading sizes."""
    weights: Counter[float] = Counter()
    lines: Counter[float] = Counter()
    bold = total = 0
    for _, rows in pages:
        for row in rows:
            for cell in row.cells:
                size = round(cell.size * 2) / 2
                weights[size] += len(cell.text)
                total += len(cell.text)
                bold += len(cell.text) if cell.bold else 0
            if (
                len(row.cells) == 1
                and 3 <= len(row.text) <= _MAX_CHARS
                and len(_LETTERS.findall(row.text)) >= 4
            ):
                lines[round(row.size * 2) / 2] += 1
    body = max(weights, key=lambda size: weights[size]) if weights else 10.0
    larger = sorted(
        (size for size, count in lines.items() if size >= _LARGER * body and count >= 2), reverse=True
    )
    merged: list[float] = []
    for size in larger:
        if not merged or size < merged[-1] * 0.93:
            merged.append(size)
    by_parts: dict[int, Counter[int]] = {}
    for titles in outline.values():
        for title, depth in titles.items():
            if found := _OUTLINE_NUMBER.match(title):
                by_parts.setdefault(len(found[0].strip(".").split(".")), Counter())[depth] += 1
    numbered = {parts: depths.most_common(1)[0][0] for parts, depths in by_parts.items()}
    return HeadingRules(body, tuple(merged[:4]), outline, bold > 0.6 * max(total, 1), numbered)


def read_outline(reader: Any, page_ids: Mapping[int, int], limit: int = 5000) -> dict[int, dict[str, int]]:
    """Read the outline as titles and depths by page; a broken one gives nothing.

    Args:
        reader: The open pypdf reader.
        page_ids: Page index by object number. pypdf's own look-up walks all pages for each entry.
        limit: Entries read at most.
    """
    found: dict[int, dict[str, int]] = {}
    stack: list[tuple[Any, int]] = [(reader.outline, 1)]
    count = 0
    while stack and count < limit:
        entries, depth = stack.pop()
        for entry in entries:
            count += 1
            if isinstance(entry, list):
                if depth < 12:
                    stack.append((entry, depth + 1))
                continue
            page = page_ids.get(getattr(getattr(entry, "page", None), "idnum", -1))
            key = _key(clean(str(entry.title or "")))
            if page is not None and len(key) >= 3:
                found.setdefault(page, {}).setdefault(key, depth)
    return found


def _number_off(text: str) -> str:
    """Return a title without its number, which many outlines leave out."""
    found = _NUMBERED.match(text) or _SINGLE.match(text)
    return found["title"] if found else text


def _key(text: str) -> str:
    return "".join(text.split()).lower().strip(".:")
