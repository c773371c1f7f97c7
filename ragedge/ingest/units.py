"""Breaks pages into the smallest pieces that chunks are put together from, under their headings."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragedge.datatypes import SAFETY_KINDS, Block, BlockKind, Document, Page
from ragedge.ingest.sentences import sentence_spans
from ragedge.ingest.table_text import SEPARATOR
from ragedge.ingest.token_ruler import TokenRuler

_STEP = re.compile(r"^[ \t]*(?:[-*•‣▪–—·○●◦]\s|\(?(?:\d{1,3}|[a-zA-Z]{1,2})[.)]\s|[①-⑳㉑-㉟])", re.M)
_SENTENCE_END = re.compile(r"[.!?:;。！？」』）)\]\"”]\s*$")


@dataclass(slots=True)
class Unit:
    """A run of one page that no chunk cuts, unless it is too long by itself.

    Attributes:
        kind: Of the block it came from.
        page: Index of its page in the document.
        start: First code point.
        end: One past the last.
        tokens: Its length.
        with_next: It says nothing by itself: a notice before its steps, a caption before its table.
        context: Column heads, for rows of a table cut in two.
        header_rows: For a whole table, how many of its first lines are column heads.
        heads: For a whole table that goes on from the page before, its heads there; ``context`` holds them, too.
    """

    kind: BlockKind
    page: int
    start: int
    end: int
    tokens: int
    with_next: bool = False
    context: str = ""
    header_rows: int = 0
    heads: str = ""


@dataclass(slots=True)
class Section:
    """The units under one heading. ``path`` holds the headings above; ``titles`` are its own, in ``units``."""

    path: tuple[str, ...]
    titles: tuple[str, ...]
    units: list[Unit]


def read_sections(document: Document, rulers: Sequence[TokenRuler], limit: int) -> Iterator[Section]:
    """Yield the document's sections in reading order; together their units cover every character.

    A heading without a body goes on to the section after it.

    Args:
        document: What to break up.
        rulers: One for each page.
        limit: Tokens above which a block is broken into sentences, rows or steps.
    """
    stack: list[tuple[int, str]] = []
    section = Section((), (), [])
    for index, page in enumerate(document.pages):
        for block in covering_blocks(page):
            ruler = rulers[index]
            if block.kind != "heading":
                caption = caption_before(section.units, index, rulers)
                section.units.extend(_units(block, index, ruler, limit, caption))
                continue
            if any(unit.kind not in ("heading", "figure") for unit in section.units):
                yield section
                section = Section((), (), [])
            title = " ".join(page.text[block.start : block.end].split())
            level = block.level or 1
            while stack and stack[-1][0] >= level:
                stack.pop()
            if not section.units:
                section.path = tuple(text for _, text in stack)
            stack.append((level, title))
            section.titles = (*section.titles, title)
            section.units.extend(_sentences(block, index, ruler, limit, with_next=True))
    if section.units:
        yield section


def caption_before(units: Sequence[Unit], page: int, rulers: Sequence[TokenRuler]) -> str:
    """Return the caption that ends some units and so names what comes next; empty if none does."""
    if not units or units[-1].kind != "caption" or units[-1].page != page:
        return ""
    return " ".join(rulers[page].text[units[-1].start : units[-1].end].split())


def covering_blocks(page: Page) -> Iterator[Block]:
    """Yield a page's blocks, with paragraphs for text that stands in none of them."""
    at = 0
    for block in page.blocks:
        if page.text[at : block.start].strip():
            yield Block("paragraph", at, block.start)
        if page.text[block.start : block.end].strip():
            yield block
        at = block.end
    if page.text[at:].strip():
        yield Block("paragraph", at, len(page.text))


def runs_on(text: str, following: str) -> bool:
    """Whether a paragraph that ends a page goes on in the one that begins the next."""
    head = following.lstrip()[:1]
    return bool(head) and not _SENTENCE_END.search(text) and (head.islower() or "\u3040" <= head <= "\u9fff")


def _units(block: Block, page: int, ruler: TokenRuler, limit: int, caption: str) -> list[Unit]:
    tokens = ruler.count(block.start, block.end)
    guards = block.kind in SAFETY_KINDS or block.kind in ("note", "caption")
    if block.kind == "table" and tokens > limit // 2:
        return _rows(block, page, ruler, limit, caption)
    if block.kind in ("list", "paragraph") and tokens > limit // 3:
        steps = _steps(block, page, ruler, limit)
        if len(steps) > 1:
            return steps
    if tokens > limit:
        return _sentences(block, page, ruler, limit, with_next=False)
    colon = block.kind == "paragraph" and ruler.text[block.start : block.end].rstrip().endswith((":", "："))
    return [
        Unit(
            block.kind,
            page,
            block.start,
            block.end,
            tokens,
            guards or colon,
            block.heads,
            block.header_rows,
            block.heads,
        )
    ]


def refined(unit: Unit, ruler: TokenRuler, limit: int, caption: str = "") -> list[Unit]:
    """Break a unit into the smallest pieces that say something: rows with their heads, steps, sentences.

    Args:
        unit: What to break; a notice, a heading, code and a row by itself stay whole.
        ruler: Of its page.
        limit: Tokens that no piece may pass.
        caption: The words of the caption before a table.
    """
    block = Block(unit.kind, unit.start, unit.end, header_rows=unit.header_rows, heads=unit.heads)
    if (
        unit.kind == "table"
        and unit.context == unit.heads
        and "\n" in ruler.text[unit.start : unit.end].strip()
    ):
        return _rows(block, unit.page, ruler, limit, caption)
    if unit.kind not in ("list", "paragraph"):
        return [unit]
    steps = _steps(block, unit.page, ruler, limit)
    if len(steps) > 1:
        return steps
    spans = list(sentence_spans(ruler.text, unit.start, unit.end))
    pieces = [
        Unit(unit.kind, unit.page, start, end, ruler.count(start, end))
        for start, end in spans
        if ruler.text[start:end].strip()
    ]
    if len(pieces) < 2:
        return [unit]
    pieces[-1].with_next = unit.with_next
    return pieces


def _rows(block: Block, page: int, ruler: TokenRuler, limit: int, caption: str) -> list[Unit]:
    """Break a table into rows that carry the column heads as context."""
    lines = _lines(ruler.text, block.start, block.end)
    heads = lines[: block.header_rows]
    context = "\n".join(ruler.text[start:end].strip() for start, end in heads)
    if heads and ruler.count(heads[0][0], heads[-1][1]) > limit // 2:
        context = ""
    context = block.heads or "\n".join(part for part in (caption[:120], context) if part)
    units = [Unit("table", page, start, end, ruler.count(start, end), True) for start, end in heads]
    for start, end in lines[len(heads) :]:
        tokens = ruler.count(start, end)
        if tokens <= limit:
            units.append(Unit("table", page, start, end, tokens, context=context))
            continue
        # What is cut off a row says what it is about only with the row's first cell.
        key = ruler.text[start:end].partition(SEPARATOR)[0].strip()[:120]
        parts = _sentences(Block("table", start, end), page, ruler, limit, with_next=False)
        for part in parts:
            part.context = context if part.start == start else "\n".join(filter(None, (context, key)))
        units += parts
    return units


def _steps(block: Block, page: int, ruler: TokenRuler, limit: int) -> list[Unit]:
    """Break a list before each item."""
    cuts = [m.start() for m in _STEP.finditer(ruler.text, block.start, block.end)]
    cuts = sorted({block.start, *(cut for cut in cuts if cut >= block.start), block.end})
    units: list[Unit] = []
    for start, end in itertools.pairwise(cuts):
        tokens = ruler.count(start, end)
        if tokens > limit:
            units += _sentences(Block(block.kind, start, end), page, ruler, limit, with_next=False)
        elif ruler.text[start:end].strip():
            units.append(Unit(block.kind, page, start, end, tokens))
    return units


def _sentences(block: Block, page: int, ruler: TokenRuler, limit: int, *, with_next: bool) -> list[Unit]:
    """Break a block at sentence ends, and a sentence over the limit where it must be."""
    if ruler.count(block.start, block.end) <= limit // 2:
        spans = [(block.start, block.end)]
    elif block.kind == "code":
        spans = _lines(ruler.text, block.start, block.end)
    else:
        spans = list(sentence_spans(ruler.text, block.start, block.end))
    units = []
    for start, end in spans:
        while ruler.count(start, end) > limit:
            cut = ruler.cut(start, end, limit)
            if cut >= end:
                break
            units.append(Unit(block.kind, page, start, cut, ruler.count(start, cut)))
            start = cut
        if ruler.text[start:end].strip():
            units.append(Unit(block.kind, page, start, end, ruler.count(start, end)))
    if with_next and units:
        units[-1].with_next = True
    return units


def _lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    spans = []
    while start < end:
        stop = text.find("\n", start, end)
        stop = end if stop < 0 else stop + 1
        if text[start:stop].strip():
            spans.append((start, stop))
        start = stop
    return spans
