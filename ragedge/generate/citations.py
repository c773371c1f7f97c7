"""Citations: where an answer's words stand, each once, numbered as the sentences point to them."""

from __future__ import annotations

from ragedge.datatypes import Citation, PlacedSpan, ScoredChunk


class Citations:
    """Collects citations; the same place gets the same number.

    Attributes:
        items: In order of first use.
    """

    def __init__(self) -> None:
        self.items: list[Citation] = []

    def add(
        self, hit: ScoredChunk, start: int, end: int, heading: tuple[str, ...] | None = None
    ) -> tuple[int, ...]:
        """Cite ``hit.text[start:end]``; one citation for each page that it runs over.

        Args:
            hit: What was found.
            start: In its text.
            end: In its text.
            heading: The headings over these words; None takes those over the hit.
        """
        numbers = []
        for placed, quote in place(hit, start, end):
            at = (placed.page, placed.page_label, quote, placed.start, placed.end)
            citation = Citation(hit.source, *at, hit.score, hit.heading if heading is None else heading)
            if citation not in self.items:
                self.items.append(citation)
            numbers.append(self.items.index(citation))
        return tuple(numbers)


def place(hit: ScoredChunk, start: int, end: int) -> list[tuple[PlacedSpan, str]]:
    """Return the runs of pages that ``hit.text[start:end]`` is made of, each with its words.

    For each, ``page_text[run.start:run.end]`` is the words. A hit without spans stands on one page.
    """
    if not hit.spans:
        whole = PlacedSpan(hit.page, hit.page_label, hit.start + start, hit.start + end)
        return [(whole, hit.text[start:end])]
    runs = []
    before = 0
    for span in hit.spans:
        length = span.end - span.start
        first, last = max(start, before), min(end, before + length)
        while first < last and hit.text[first].isspace():
            first += 1
        while last > first and hit.text[last - 1].isspace():
            last -= 1
        if first < last:
            runs.append((hit.locate(first, last), hit.text[first:last]))
        before += length + 1  # spans are joined by one line feed
    return runs
