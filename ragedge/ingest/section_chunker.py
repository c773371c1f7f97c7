"""The default chunker: one section at a time, facts with their subject, steps with their warnings."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ragedge.datatypes import PART_OF, BlockKind, Chunk, Document, Span
from ragedge.ingest.options import integers
from ragedge.ingest.packing import Packing
from ragedge.ingest.token_ruler import TokenRuler
from ragedge.ingest.units import Section, Unit, read_sections, runs_on
from ragedge.protocols import TokenCounter

_HEADING_SHARE = 4  # the heading path takes at most this part of a chunk


def create(options: Mapping[str, Any]) -> SectionChunker:
    """Build the chunker; options ``max_tokens`` (192) and ``overlap_tokens``, which it has no use for."""
    checked = integers(
        "chunker", "section", options, {"max_tokens": (16, 192, 65536), "overlap_tokens": (0, 0, 65536)}
    )
    return SectionChunker(checked["max_tokens"], Packing())


class SectionChunker:
    """Cuts at headings and pages; what lies between them is put together by its packing.

    Args:
        max_tokens: Longest chunk, headings included.
        packing: Decides where to cut within a section.
    """

    def __init__(self, max_tokens: int, packing: Packing) -> None:
        self._max_tokens, self._packing = max_tokens, packing

    @property
    def needs_embedder(self) -> bool:
        """Whether ``chunk`` wants an embedder as its counter."""
        return self._packing.needs_embedder

    def chunk(self, document: Document, counter: TokenCounter, /) -> Sequence[Chunk]:
        """Cut a document."""
        rulers = [TokenRuler(page.text, counter) for page in document.pages]
        limit = self._max_tokens - self._max_tokens // _HEADING_SHARE
        chunks: list[Chunk] = []
        wholes = itertools.count()
        for section in read_sections(document, rulers, limit):
            for path, parts in self._groups(section, rulers, counter):
                made = [chunk for units in parts for chunk in self._emit(units, path, rulers, counter)]
                if len(parts) > 1:
                    metadata = {PART_OF: next(wholes)}
                    made = [replace(chunk, metadata=metadata) for chunk in made]
                chunks.extend(made)
        return chunks

    def _groups(
        self, section: Section, rulers: Sequence[TokenRuler], counter: TokenCounter
    ) -> Iterator[tuple[tuple[str, ...], list[list[Unit]]]]:
        """Yield runs of units that fit, each with the headings above it that are not in its own text.

        A run is one chunk, or several parts that are found by themselves and read together.
        """
        first, rest = (
            self._fit(section.path, counter),
            self._fit((*section.path, *section.titles[-1:]), counter),
        )
        path = first
        for run in _page_runs(section.units, rulers):
            budget = self._max_tokens - _path_tokens(rest, counter) - 1
            for parts in self._packing.pack(run, budget, rulers, counter):
                yield path, parts
                path = rest

    def _fit(self, path: tuple[str, ...], counter: TokenCounter) -> tuple[str, ...]:
        """Shorten a heading path that would fill the chunk: outermost first, then the words of the last."""
        most = max(self._max_tokens // _HEADING_SHARE, 4)
        while len(path) > 1 and _path_tokens(path, counter) > most:
            path = path[1:]
        if path and _path_tokens(path, counter) > most:
            title = path[0]
            path = (title[: counter.token_spans(title)[most - 1][1]].rstrip(),)
        return path

    def _emit(
        self, units: list[Unit], path: tuple[str, ...], rulers: Sequence[TokenRuler], counter: TokenCounter
    ) -> Iterator[Chunk]:
        """Yield one chunk, or several where counting it whole shows that it is too long after all."""
        chunk = _chunk(units, path, rulers)
        if chunk is None:
            return
        if len(counter.token_spans(chunk.index_text)) <= self._max_tokens:
            yield chunk
        elif len(units) > 1:
            middle = len(units) // 2
            yield from self._emit(units[:middle], path, rulers, counter)
            yield from self._emit(units[middle:], path, rulers, counter)
        elif "\n" in chunk.context:  # the last line holds the column heads
            units[0].context = units[0].context.rpartition("\n")[2]
            yield from self._emit(units, path, rulers, counter)
        elif chunk.context:
            units[0].context = ""
            yield from self._emit(units, path, rulers, counter)
        elif path:
            yield from self._emit(units, path[1:], rulers, counter)
        else:
            unit = units[0]
            cut = rulers[unit.page].cut(unit.start, unit.end, max(unit.tokens // 2, 1))
            if cut >= unit.end:
                cut = (unit.start + unit.end) // 2
            if not unit.start < cut < unit.end:  # a single character over the limit cannot be cut
                yield chunk
                return
            for start, end in ((unit.start, cut), (cut, unit.end)):
                tokens = rulers[unit.page].count(start, end)
                yield from self._emit([Unit(unit.kind, unit.page, start, end, tokens)], path, rulers, counter)


def _path_tokens(path: tuple[str, ...], counter: TokenCounter) -> int:
    return len(counter.token_spans(" > ".join(path))) if path else 0


def _page_runs(units: Sequence[Unit], rulers: Sequence[TokenRuler]) -> Iterator[list[Unit]]:
    """Yield units page by page; a paragraph that runs over the page break keeps its two parts together."""
    run: list[Unit] = []
    for unit in units:
        if run and unit.page != run[-1].page and not all(u.kind == "heading" for u in run):
            last = run[-1]
            text, following = (
                rulers[last.page].text[last.start : last.end],
                rulers[unit.page].text[unit.start : unit.end],
            )
            if last.kind == unit.kind and last.kind in ("paragraph", "list") and runs_on(text, following):
                yield from _nonempty(run[:-1])
                run = [last]
            else:
                yield run
                run = []
        run.append(unit)
    yield from _nonempty(run)


def _nonempty(run: list[Unit]) -> Iterator[list[Unit]]:
    if run:
        yield run


def _chunk(units: Sequence[Unit], path: tuple[str, ...], rulers: Sequence[TokenRuler]) -> Chunk | None:
    spans: list[Span] = []
    for unit in units:
        if spans and spans[-1].page_index == unit.page:
            spans[-1] = Span(unit.page, spans[-1].start, unit.end)
        else:
            spans.append(Span(unit.page, unit.start, unit.end))
    trimmed = [s for s in (_trim(span, rulers[span.page_index].text) for span in spans) if s.start < s.end]
    if not trimmed:
        return None
    text = "\n".join(rulers[s.page_index].text[s.start : s.end] for s in trimmed)
    first = next((unit for unit in units if unit.kind not in ("heading", "caption")), units[0])
    context = first.context if first.context not in text else ""
    return Chunk(text, tuple(trimmed), path, _main_kind(units), context)


def _trim(span: Span, text: str) -> Span:
    start, end = span.start, span.end
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(span.page_index, start, end)


def _main_kind(units: Sequence[Unit]) -> BlockKind:
    """Return the kind that most tokens are of; headings count only alone."""
    weight: dict[BlockKind, int] = {}
    for unit in units:
        weight[unit.kind] = weight.get(unit.kind, 0) + (unit.tokens if unit.kind != "heading" else 0)
    return max(weight, key=lambda kind: weight[kind])
