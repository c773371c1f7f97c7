"""Tables that a page break cuts: every row is read with the heads that only the first page shows."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from reportlab.lib import colors
from reportlab.lib.pagesizes import A5
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import BaseDocTemplate, Frame, PageBreak, PageTemplate, Paragraph, Table

from ragedge.datatypes import Chunk, Document
from ragedge.ingest import pdf, section_chunker
from ragedge.testing import word_counter

HEADS = ("Fastener", "Thread", "Torque (Nm)")
PARTS = (
    "Drain plug",
    "Oil filter",
    "Wheel bolt",
    "Brake caliper",
    "Drive shaft",
    "Motor mount",
    "Strut top",
    "Tie rod",
)
STYLE = getSampleStyleSheet()["Normal"]


class Parsed(NamedTuple):
    document: Document
    chunks: Sequence[Chunk]


def bolts(count):
    return [(f"{PARTS[n % 8]} {n}", f"M{6 + n % 9} x 1.{n % 5}", str(20 + n)) for n in range(count)]


def document(*flowables, shift=0, **options):
    """A file on small pages; ``shift`` moves every second page to the side."""
    out = io.BytesIO()
    made = BaseDocTemplate(out, pagesize=A5, invariant=1, **options)
    frames = [Frame(40 + x, 40, 330, 500, id=f"f{x}") for x in (0, shift)]
    made.addPageTemplates(
        [PageTemplate(f"t{i}", [f], autoNextPageTemplate=f"t{1 - i}") for i, f in enumerate(frames)]
    )
    made.build(list(flowables))
    read = pdf.create({}).load(out.getvalue(), "m.pdf")
    return Parsed(read, section_chunker.create({"max_tokens": 48}).chunk(read, word_counter.create({})))


def table(rows, *, ruled=True, bold=True, widths=(140, 90, 90), repeat=0):
    style = [("FONT", (0, 0), (-1, -1), "Helvetica", 10)]
    if bold:
        style.append(("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 10))
    if ruled:
        style.append(("GRID", (0, 0), (-1, -1), 0.5, colors.black))
    return Table(rows, colWidths=widths, style=style, repeatRows=repeat, hAlign="LEFT")


def rows_without_heads(parsed):
    """Rows of bolts in whose chunk the heads stand neither as text nor as what is carried."""
    return [
        line
        for chunk in parsed.chunks
        for line in chunk.text.split("\n")
        if " | M" in line and "Fastener | Thread | Torque (Nm)" not in chunk.index_text
    ]


@pytest.mark.parametrize("ruled", [True, False])
@pytest.mark.parametrize("bold", [True, False])
@pytest.mark.parametrize("shift", [0, 25])
def test_rows_on_the_next_pages_carry_the_heads(ruled, bold, shift):
    parsed = document(table([HEADS, *bolts(70)], ruled=ruled, bold=bold), shift=shift)
    assert len(parsed.document.pages) == 3
    assert rows_without_heads(parsed) == []
    later = [block for page in parsed.document.pages[1:] for block in page.blocks if block.kind == "table"]
    assert [(block.header_rows, block.heads) for block in later] == [
        (0, "Fastener | Thread | Torque (Nm)")
    ] * 2
    assert sum(chunk.text.count(" | M") for chunk in parsed.chunks) == 70


@pytest.mark.parametrize("ruled", [True, False])
def test_a_single_row_on_the_next_page(ruled):
    rows = bolts(60)
    for count in range(20, 40):
        parsed = document(table([HEADS, *rows[:count]], ruled=ruled))
        if len(parsed.document.pages) == 2:
            break
    [block] = parsed.document.pages[1].blocks
    assert block.kind == "table"
    assert parsed.document.pages[1].text == " | ".join(rows[count - 1])
    assert rows_without_heads(parsed) == []


def test_the_caption_goes_with_the_heads_and_continued_may_stand_between():
    caption = Paragraph("Table 4-1. Torques", STYLE)
    rows = bolts(60)
    parsed = document(
        caption, table([HEADS, *rows[:20]]), PageBreak(),
        Paragraph("Table 4-1. Torques (continued)", STYLE), table(rows[20:40]),
    )  # fmt: skip
    block = parsed.document.pages[1].blocks[-1]
    assert block.heads == "Table 4-1. Torques\nFastener | Thread | Torque (Nm)"
    assert rows_without_heads(parsed) == []


@pytest.mark.parametrize("bold", [True, False])
def test_repeated_heads_are_those_of_their_page(bold):
    parsed = document(table([HEADS, *bolts(60)], bold=bold, repeat=1))
    assert all((b.header_rows, b.heads) == (1, "") for page in parsed.document.pages for b in page.blocks)


@pytest.mark.parametrize(
    "second",
    [
        table([("Lamp", "Socket", "Power (W)"), ("Full", "H7", "55"), ("Brake", "P21W", "21"), ("Dip", "H1", "9")]),
        table([("Lamp", "Socket", "Power (W)"), ("Headlamp", "H7", "55"), ("Brake lamp", "P21W", "21")], bold=False),
        table([("Headlamp", "H7", "55"), ("Brake lamp", "P21W", "21"), ("Horn", "-", "9")], widths=(60, 120, 140)),
        table([("Headlamp", "H7"), ("Brake lamp", "P21W"), ("Horn", "S1")], widths=(140, 180)),
    ],
)  # fmt: skip
def test_another_table_on_the_next_page_is_left_alone(second):
    parsed = document(table([HEADS, *bolts(20)]), PageBreak(), second)
    assert [block.heads for block in parsed.document.pages[1].blocks] == [""]


def test_a_table_after_other_words_does_not_go_on():
    parsed = document(
        table([HEADS, *bolts(20)]), PageBreak(), Paragraph("Lamps follow.", STYLE), table(bolts(9))
    )
    assert [block.heads for block in parsed.document.pages[1].blocks] == ["", ""]
    parsed = document(
        table([HEADS, *bolts(20)]), Paragraph("That was all.", STYLE), PageBreak(), table(bolts(9))
    )
    assert [block.heads for block in parsed.document.pages[1].blocks] == [""]
