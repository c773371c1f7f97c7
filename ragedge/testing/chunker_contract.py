"""The suite that every chunker must pass: subclass it and override ``make_chunker``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragedge.datatypes import Block, BlockKind, Chunk, Document, Page
from ragedge.protocols import Chunker, TokenCounter
from ragedge.testing.word_counter import WordCounter

_KINDS: tuple[BlockKind, ...] = (
    "heading", "paragraph", "list", "table", "code", "caption", "figure", "warning", "caution", "note",
)  # fmt: skip
_WORDS = st.sampled_from(
    [
        "Torque",
        "the",
        "drain",
        "plug",
        "to",
        "25",
        "Nm.",
        "|",
        "1.",
        "2.",
        "(3)",
        "WARNING",
        "NOTE:",
        "hot",
        "surface",
        "警告",
        "高電圧。",
        "é",
        "naïve",
        "🙂",
        "12-V",
        "a",
        "b.",
        "Remove",
        "bolts,",
        "then",
        "lift",
        "Fig.",
        "2",
        "\n",
        "\n\n",
        "\t",
        "internationalisation-of-everything",
    ]
)
_TEXTS = st.one_of(
    st.lists(_WORDS, max_size=120).map(" ".join),
    st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from(" \n"), max_size=300),
    st.integers(1, 400).map(lambda count: "x" * count),
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Draw a document: pages with blocks that cover some, all or none of their text."""
    pages = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        text = draw(_TEXTS)
        cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
        blocks = []
        for start, end in itertools.pairwise(cuts):
            kind = draw(st.sampled_from(_KINDS))
            rows = draw(st.integers(0, 2)) if kind == "table" else 0
            blocks.append(Block(kind, start, end, draw(st.integers(1, 7)) if kind == "heading" else 0, rows))
        kept = [block for block in blocks if draw(st.booleans())]
        pages.append(Page(number, text, None, tuple(kept)))
    return Document("drawn.pdf", "application/pdf", tuple(pages))


class ChunkerContract:
    """What any chunker must do with any document."""

    max_tokens: Sequence[int] = (16, 40, 192)

    def make_chunker(self, max_tokens: int) -> Chunker:
        """Build the chunker under test with that limit."""
        raise NotImplementedError

    def make_counter(self) -> TokenCounter:
        """Build the token counter to test with."""
        return WordCounter()

    def chunk(self, document: Document, max_tokens: int) -> Sequence[Chunk]:
        """Cut a document."""
        return self.make_chunker(max_tokens).chunk(document, self.make_counter())

    @given(document=documents(), which=st.integers(0, 2))
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    def test_every_character_is_in_some_chunk(self, document: Document, which: int) -> None:
        covered = [[False] * len(page.text) for page in document.pages]
        for chunk in self.chunk(document, self.max_tokens[which]):
            for span in chunk.spans:
                covered[span.page_index][span.start : span.end] = [True] * (span.end - span.start)
        for page, marks in zip(document.pages, covered, strict=True):
            lost = [
                i
                for i, (char, mark) in enumerate(zip(page.text, marks, strict=True))
                if not mark and not char.isspace()
            ]
            assert not lost, f"characters {lost[:10]} of page {page.number} are in no chunk"

    @given(document=documents(), which=st.integers(0, 2))
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    def test_no_chunk_is_over_the_limit(self, document: Document, which: int) -> None:
        counter = self.make_counter()
        for chunk in self.chunk(document, self.max_tokens[which]):
            assert len(counter.token_spans(chunk.index_text)) <= self.max_tokens[which]

    @given(document=documents(), which=st.integers(0, 2))
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    def test_text_is_what_the_spans_say(self, document: Document, which: int) -> None:
        for chunk in self.chunk(document, self.max_tokens[which]):
            assert chunk.spans
            texts = []
            for span in chunk.spans:
                text = document.pages[span.page_index].text
                assert 0 <= span.start < span.end <= len(text)
                texts.append(text[span.start : span.end])
            assert chunk.text == "\n".join(texts)
            assert chunk.text.strip()
            places = [(span.page_index, span.start) for span in chunk.spans]
            assert places == sorted(places)

    @given(document=documents())
    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    def test_the_same_document_is_cut_the_same_way(self, document: Document) -> None:
        assert list(self.chunk(document, 40)) == list(self.chunk(document, 40))

    def test_a_document_without_text_has_no_chunks(self) -> None:
        assert (
            list(self.chunk(Document("empty.pdf", "application/pdf", (Page(1, ""), Page(2, " \n"))), 40))
            == []
        )
