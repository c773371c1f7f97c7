"""The JSON of the command line has the keys that docs/json.md promises."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragedge.datatypes import (
    Answer,
    Citation,
    IngestReport,
    PlacedSpan,
    Renamed,
    SafetyNotice,
    ScoredChunk,
    SearchResult,
    SearchTimings,
    Sentence,
    Skipped,
    UnreadPages,
)

CONTRACT = (Path(__file__).resolve().parent.parent / "docs" / "json.md").read_text(encoding="utf-8")
HIT = ScoredChunk(
    rank=1, chunk_id="c1", source="manual.pdf", page=12, page_label="2-4", pages=(12, 13),
    heading=("Oil", "Change"), kind="paragraph", text="first page\nsecond", start=100, end=110, score=0.5,
    metadata={"model": "X1"}, spans=(PlacedSpan(12, "2-4", 100, 110), PlacedSpan(13, "2-5", 7, 13)),
)  # fmt: skip
CITATION = Citation("manual.pdf", 12, "2-4", "first page", 100, 110, 0.5)
ANSWER = Answer(
    "first page", (Sentence("first page", "quote", (0,)),), (CITATION,),
    safety=(SafetyNotice("warning", "Hot.", "manual.pdf", 12),), passages=(HIT,),
)  # fmt: skip
REPORT = IngestReport(
    renamed=[Renamed("a.pdf", "b.pdf")], skipped=[Skipped("c.pdf", "damaged", "no header")],
    unread_pages=[UnreadPages("b.pdf", (3,))],
)  # fmt: skip


def promised(name: str) -> set[str]:
    """Return the keys in the first column of the table under a heading of docs/json.md."""
    section = re.search(rf"^##+ {re.escape(name)}\n(.*?)(?=^##|\Z)", CONTRACT, re.M | re.S)
    assert section is not None, f"docs/json.md has no section {name!r}"
    return set(re.findall(r"^\| `([a-z_@/0-9]+)", section[1], re.M))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hit", HIT.as_dict()),
        ("why", HIT.as_dict()["why"]),
        ("search", SearchResult([HIT], SearchTimings(1, 2, 3)).as_dict()),
        ("ask", ANSWER.as_dict()),
        ("sentence", ANSWER.as_dict()["sentences"][0]),
        ("citation", ANSWER.as_dict()["citations"][0]),
        ("safety", ANSWER.as_dict()["safety"][0]),
        ("timings", ANSWER.as_dict()["timings"]),
        ("ingest", REPORT.as_dict()),
        ("skipped", REPORT.as_dict()["skipped"][0]),
    ],
)
def test_the_keys_are_the_promised_ones(name: str, value: dict[str, Any]) -> None:
    asked_for = {"explain"} if name == "ask" else set()  # there with --explain alone
    assert set(value) == promised(name) - asked_for
    assert json.loads(json.dumps(value, allow_nan=False)) == value  # plain JSON: no tuples, no NaN


def test_renamed_has_from_and_to() -> None:
    assert REPORT.as_dict()["renamed"] == [{"from": "a.pdf", "to": "b.pdf"}]


@pytest.mark.parametrize(
    ("start", "end", "place"),
    [
        (0, 5, PlacedSpan(12, "2-4", 100, 105)),
        (6, 10, PlacedSpan(12, "2-4", 106, 110)),
        (6, 14, PlacedSpan(12, "2-4", 106, 110)),  # runs over the page: cut at its end
        (11, 17, PlacedSpan(13, "2-5", 7, 13)),
    ],
)
def test_locate_finds_the_page_and_the_offsets(start: int, end: int, place: PlacedSpan) -> None:
    assert HIT.locate(start, end) == place


@pytest.mark.parametrize(("start", "end"), [(0, 0), (-1, 3), (3, 99), (10, 12)])
def test_locate_refuses_what_is_not_in_the_text(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="range"):
        HIT.locate(start, end)


def test_a_citation_reads_as_a_place() -> None:
    assert str(CITATION) == "manual.pdf, page 12 (printed 2-4)"
    assert str(replace(CITATION, page_label="12")) == "manual.pdf, page 12"
    assert str(replace(CITATION, page=None, page_label=None)) == "manual.pdf"


def test_the_text_of_an_answer_is_its_string() -> None:
    assert str(ANSWER) == "first page"
