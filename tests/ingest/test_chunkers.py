"""Chunkers: the contract for all of them, and what each promises beyond it."""

from __future__ import annotations

import itertools

import pytest

import ragedge
from ragedge.datatypes import PART_OF, Block, Document, Page
from ragedge.errors import ConfigError
from ragedge.ingest import (
    markdown,
    meaning_chunker,
    rows_chunker,
    section_chunker,
    small_to_big_chunker,
    window_chunker,
)
from ragedge.testing.chunker_contract import ChunkerContract
from ragedge.testing.hash_embedder import HashEmbedder
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


class TestRowsChunker(ChunkerContract):
    plugin = "rows"

    def make_chunker(self, max_tokens):
        return rows_chunker.create({"max_tokens": max_tokens})


class TestSmallToBigChunker(ChunkerContract):
    plugin = "small_to_big"

    def make_chunker(self, max_tokens):
        return small_to_big_chunker.create({"max_tokens": max_tokens})


class TestMeaningChunker(ChunkerContract):
    plugin = "meaning"

    def make_chunker(self, max_tokens):
        return meaning_chunker.create({"max_tokens": max_tokens})

    def make_counter(self):
        return HashEmbedder()


def cut(text, max_tokens=60, chunker=section_chunker, counter=None):
    document = markdown.create({}).load(text.encode(), "m.md")
    return list(chunker.create({"max_tokens": max_tokens}).chunk(document, counter or WordCounter()))


TABLE = "| Part | Torque |\n|---|---|\n| Plug | 25 Nm |\n| Cover | 9 Nm |\n| Nut | 120 Nm |\n"


def test_rows_stand_by_themselves_with_their_heads():
    chunks = cut(f"# Torques\n\nValues for cold parts.\n\n{TABLE}\nOil all threads.\n", chunker=rows_chunker)
    assert [chunk.text for chunk in chunks] == [
        "Torques\n\nValues for cold parts.",
        "Part | Torque\nPlug | 25 Nm",
        "Cover | 9 Nm",
        "Nut | 120 Nm",
        "Oil all threads.",
    ]
    assert [chunk.context for chunk in chunks] == ["", "", "Part | Torque", "Part | Torque", ""]
    assert [chunk.heading for chunk in chunks] == [(), *[("Torques",)] * 4]
    assert not any(PART_OF in chunk.metadata for chunk in chunks)


def test_parts_are_small_and_name_the_passage_that_is_read():
    text = " ".join(f"The valve {i} opens at {i} bar of pressure in the line." for i in range(30))
    chunks = cut(f"# Valves\n\n{text}\n\n# Short\n\nOne.\n", chunker=small_to_big_chunker)
    whole = cut(f"# Valves\n\n{text}\n\n# Short\n\nOne.\n")
    passages = {}
    for chunk in chunks[:-1]:
        passages.setdefault(chunk.metadata[PART_OF], []).append(chunk)
    assert PART_OF not in chunks[-1].metadata, "a passage that is one part is what it is"
    assert len(chunks) > 2 * len(whole)
    assert [
        (parts[0].spans[0].start, parts[-1].spans[-1].end) for parts in passages.values()
    ] == [(chunk.spans[0].start, chunk.spans[-1].end) for chunk in whole[:-1]]  # fmt: skip


def test_a_change_of_subject_is_where_sentences_part():
    oil = [f"The engine oil pump {i} moves engine oil." for i in range(6)]
    radio = [f"A radio station {i} plays radio music." for i in range(6)]
    chunks = cut("# All\n\n" + " ".join(oil + radio), 80, meaning_chunker, HashEmbedder())
    assert len(chunks) == 2
    assert "oil" not in chunks[1].text and "radio" not in chunks[0].text


@pytest.mark.parametrize("chunker", ["rows", "meaning", "small_to_big", "window"])
def test_every_chunker_answers_through_an_ingest(tmp_path, home_with_models, chunker):
    sentences = " ".join(f"Valve number {i} opens at {i + 40} bar of line pressure." for i in range(25))
    (tmp_path / "m.md").write_text(f"# Valves\n\n{sentences}\n\n# Torques\n\n{TABLE}\n")
    settings = {"ingest.chunker": chunker, "generate.generator": "none"}
    with ragedge.open(tmp_path / "kb", create=True, settings=settings) as kb:
        kb.ingest(tmp_path / "m.md")
        hit = kb.search("torque of the cover")[0]
        assert "Cover | 9 Nm" in hit.text
        page = kb.inspect("m.md", page=1)[0]["text"]
        assert page[hit.start : hit.end] == hit.text
        answer = kb.ask("What is the torque of the cover?")
        assert "9 Nm" in answer.text
        found = kb.search("line pressure at which valve number 7 opens")
        texts = [hit.text for hit in found]
        assert len(set(texts)) == len(texts), "a passage is given once"
        if chunker == "small_to_big":
            big = next(hit for hit in found if PART_OF in hit.metadata)
            assert big.text.count("Valve number") > 3
            assert page[big.start : big.end] == big.text


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


def test_a_row_too_long_for_one_chunk_says_in_each_what_it_is_about():
    told = " ".join(f"The limit holds for case {n} as long as nothing else is set." for n in range(12))
    chunks = cut(f"# Lock\n\n| Command | Function |\n|---|---|\n| LOCK | {told} |\n| STAT | Shows it. |\n")
    parts = [chunk.index_text for chunk in chunks if "The limit holds" in chunk.text]
    assert len(parts) > 1
    assert all("LOCK" in part.split("\n", 1)[1] for part in parts)
