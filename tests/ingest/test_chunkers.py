"""Chunkers: the contract for both, and what the section chunker promises beyond it."""

from __future__ import annotations

import itertools

import pytest

from ragedge.datatypes import Block, Document, Page
from ragedge.errors import ConfigError
from ragedge.ingest import markdown, section_chunker, window_chunker
from ragedge.testing.chunker_contract import ChunkerContract
from ragedge.testing.word_counter import WordCounter


class TestSectionChunker(ChunkerContract):
    plugin = "section"

    def make_chunker(self, max_tokens):
        return section_chunker.create({"max_tokens": max_tokens})


class TestWindowChunker(ChunkerContract):
    plugin = "window"

    def make_chunker(self, max_tokens):
        return window_chunker.create({"max_tokens": max_tokens})


class TestOverlappingWindows(ChunkerContract):
    def make_chunker(self, max_tokens):
        return window_chunker.create({"max_tokens": max_tokens, "overlap_tokens": max_tokens // 3})

    def test_neighbours_share_tokens(self):
        text = " ".join(f"word{i}" for i in range(300))
        chunks = self.chunk(Document("a", "text/plain", (Page(None, text),)), 40)
        assert all(b.spans[0].start < a.spans[0].end for a, b in itertools.pairwise(chunks))


def cut(text, max_tokens=60):
    document = markdown.create({}).load(text.encode(), "m.md")
    return list(section_chunker.create({"max_tokens": max_tokens}).chunk(document, WordCounter()))


def test_sections_are_not_mixed_and_know_their_headings():
    chunks = cut("# Engine\n\nIntro here.\n\n## Oil\n\nFill 4 l.\n\n## Coolant\n\nFill 6 l.\n")
    assert [chunk.text for chunk in chunks] == [
        "Engine\n\nIntro here.",
        "Oil\n\nFill 4 l.",
        "Coolant\n\nFill 6 l.",
    ]
    assert [chunk.heading for chunk in chunks] == [(), ("Engine",), ("Engine",)]


def test_a_heading_without_a_body_goes_with_the_next_section():
    chunks = cut("# Chapter 2\n\n## Oil\n\nFill 4 l.\n")
    assert [chunk.text for chunk in chunks] == ["Chapter 2\n\nOil\n\nFill 4 l."]


def test_a_later_part_of_a_section_carries_its_own_heading():
    chunks = cut(
        "# Oil\n\n"
        + "\n\n".join(f"Sentence number {i} is about engine oil and nothing else." for i in range(12))
    )
    assert len(chunks) > 2
    assert all(chunk.heading == ("Oil",) for chunk in chunks[1:])


def test_a_table_cut_in_two_repeats_its_heads_as_context():
    rows = "\n".join(f"| M{i} | {i * 7} Nm | bolt number {i} |" for i in range(1, 30))
    chunks = cut(f"# Torque\n\n| Thread | Torque | Where |\n|---|---|---|\n{rows}\n")
    assert len(chunks) > 2
    for chunk in chunks[1:]:
        assert chunk.context == "Thread | Torque | Where"
        assert chunk.kind == "table"
        assert all(line.count(" | ") == 2 for line in chunk.text.splitlines()), "a row was cut"


def test_a_table_that_fits_stays_whole():
    chunks = cut(
        "# A\n\n"
        + "Words before it. " * 6
        + "\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n"
        + "Words after it. " * 6
    )
    assert sum("1 | 2\n3 | 4" in chunk.text for chunk in chunks) == 1


def test_a_warning_stays_with_the_step_it_guards():
    steps = "\n".join(f"{i}. Remove the bolt number {i} from the cover plate." for i in range(1, 9))
    chunks = cut(f"# Job\n\n{'Some words of introduction. ' * 8}\n\nWARNING\n\nHigh voltage.\n\n{steps}\n")
    guarded = next(chunk for chunk in chunks if "High voltage" in chunk.text)
    assert "1. Remove the bolt number 1" in guarded.text


def test_long_prose_is_cut_at_sentence_ends():
    chunks = cut(
        "# A\n\n" + " ".join(f"The valve no. {i} opens at approx. {i} bar of pressure." for i in range(40))
    )
    assert len(chunks) > 3
    assert all(chunk.text.endswith("pressure.") for chunk in chunks)


def test_a_sentence_over_a_page_break_is_in_one_chunk_with_two_spans():
    pages = (
        Page(4, "Tighten the drain plug with", None, (Block("paragraph", 0, 27),)),
        Page(
            5,
            "a torque of 25 Nm.\n\nAnother matter.",
            None,
            (Block("paragraph", 0, 18), Block("paragraph", 20, 35)),
        ),
    )
    chunks = section_chunker.create({"max_tokens": 60}).chunk(
        Document("a.pdf", "application/pdf", pages), WordCounter()
    )
    whole = next(chunk for chunk in chunks if "drain plug" in chunk.text)
    assert "25 Nm" in whole.text
    assert [span.page_index for span in whole.spans] == [0, 1]


def test_pages_are_not_mixed_otherwise():
    pages = tuple(Page(n, f"Page {n} ends here.", None, (Block("paragraph", 0, 17),)) for n in (1, 2, 3))
    chunks = section_chunker.create({"max_tokens": 60}).chunk(
        Document("a.pdf", "application/pdf", pages), WordCounter()
    )
    assert [len(chunk.spans) for chunk in chunks] == [1, 1, 1]


@pytest.mark.parametrize("factory", [section_chunker.create, window_chunker.create])
@pytest.mark.parametrize(
    "options", [{"max_tokens": 15}, {"max_tokens": "192"}, {"max_tokens": True}, {"size": 1}]
)
def test_wrong_options_are_refused(factory, options):
    with pytest.raises(ConfigError):
        factory(options)


def test_an_overlap_of_more_than_half_is_refused():
    with pytest.raises(ConfigError, match="over half"):
        window_chunker.create({"max_tokens": 40, "overlap_tokens": 21})
