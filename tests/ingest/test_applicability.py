"""Metadata out of file names and headings."""

import pytest

from ragedge.datatypes import Block, Chunk, Document, Page, Span
from ragedge.errors import ConfigError
from ragedge.ingest import markdown
from ragedge.ingest.applicability import Applicability, typed


def test_a_file_name_says_what_its_named_groups_find():
    read = Applicability(
        [r"(?P<model>X\d+)(?:-(?P<variant>[a-z]+))?_(?P<year>\d{4})", r"_rev(?P<revision>[A-Z])"], []
    )
    assert read.of_source("eu/X1-sport_2024_revB.pdf") == {
        "model": "X1", "variant": "sport", "year": 2024, "revision": "B",
    }  # fmt: skip
    assert read.of_source("X2_2023.pdf") == {"model": "X2", "year": 2023}
    assert read.of_source("notes.txt") == {}


def sections(text, *spans):
    """Return the metadata of a chunk for each run of a Markdown text, under its headings."""
    document = markdown.create({}).load(text.encode(), "a.md")
    page = document.pages[0].text
    chunks = []
    for first, last in spans:
        start, end = page.index(first), page.index(last) + len(last)
        chunks.append(Chunk(page[start:end], (Span(0, start, end),)))
    read = Applicability([], [r"^Model (?P<model>\w+)", r"\((?P<market>EU|US)\)"])
    return [dict(chunk.metadata) for chunk in read.of_sections(document, chunks)]


PUMPS = """# Pumps

Common words.

## Model P1 (EU)

First.

### Model P3

Third.

## Model P2 (EU)

Second.

## Storage

Last.
"""


def test_a_section_is_what_its_headings_say_and_an_inner_one_wins():
    assert sections(PUMPS, *((word, word) for word in ("Common words.", "First.", "Third.", "Second.", "Last."))) == [
        {}, {"model": "P1", "market": "EU"}, {"model": "P3", "market": "EU"}, {"model": "P2", "market": "EU"}, {},
    ]  # fmt: skip


def test_a_chunk_over_two_sections_gets_what_both_agree_in():
    assert sections(PUMPS, ("First.", "Second.")) == [{"market": "EU"}]
    assert sections(PUMPS, ("Common", "First.")) == [{}]


def test_a_chunk_that_begins_with_its_own_heading_is_of_that_section():
    assert sections(PUMPS, ("Model P2 (EU)", "Second.")) == [{"model": "P2", "market": "EU"}]


def test_what_a_chunk_says_itself_stays():
    document = Document("a", "text/markdown", (Page(None, "Model P1\n\nOil", blocks=(
        Block("heading", 0, 8, 1), Block("paragraph", 10, 13))),))  # fmt: skip
    chunk = Chunk("Oil", (Span(0, 10, 13),), metadata={"model": "Z"})
    read = Applicability([], [r"Model (?P<model>\w+)"])
    assert read.of_sections(document, [chunk])[0].metadata == {"model": "Z"}


@pytest.mark.parametrize("pattern", ["(unclosed", r"X\d+"])
@pytest.mark.parametrize("setting", ["filename_metadata", "heading_metadata"])
def test_a_pattern_that_can_say_nothing_is_refused(setting, pattern):
    lists = ([pattern], []) if setting == "filename_metadata" else ([], [pattern])
    with pytest.raises(ConfigError, match=setting):
        Applicability(*lists)


@pytest.mark.parametrize(
    ("raw", "value"),
    [("2024", 2024), ("1.5", 1.5), ("true", True), ("007", "007"), ("1e3", "1e3"), ("B", "B")],
)
def test_only_what_is_plainly_a_number_is_one(raw, value):
    assert typed(raw) == value
    assert type(typed(raw)) is type(value)
