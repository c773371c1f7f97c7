"""Which pages are contents or an index, and which only look like it."""

from __future__ import annotations

import pytest

from ragedge.datatypes import Block, Chunk, Document, Page, Span
from ragedge.ingest.contents import entry_lines, mark

TITLES = ("Safety", "Engine oil", "Coolant", "Front brakes", "Wheels", "Charging", "Fuses", "Lamps", "Towing")
LED = "\n".join(f"{n}.1 {title} … {n * 4}" for n, title in enumerate(TITLES, 1))
CELLS = "\n".join(f"{n} {title} | {n}-1" for n, title in enumerate(TITLES, 1))
INDEX = "\n".join(f"• {title}, {len(title)}-2, {n}-1" for n, title in enumerate(sorted(TITLES), 1))
PARTS = "\n".join(f"{n}. {title} | QS-446-{5100 + n} | {1 + n % 3}" for n, title in enumerate(TITLES))
TORQUES = "\n".join(
    f"V-0{n} | {title} bolt | H16 | {v} | {v * 3 // 4}"
    for n, (title, v) in enumerate(zip(TITLES, (28, 55, 6, 9, 8, 20, 7, 70, 5), strict=True))
)
SPECIFICATION = "Length … 4570 mm\nWidth … 2160 mm\nHeight … 1830 mm\nWeight … 2360 kg\n"
SPECIFICATION += "Cylinders … 8\nForward gears … 4\nSeats … 2\nWheels … 4\nBatteries … 2"
STEPS = "\n".join(f"{n}. Fit {title.lower()} and tighten item ({10 - n})." for n, title in enumerate(TITLES))


@pytest.mark.parametrize("text", [LED, CELLS, INDEX, LED.replace("… ", "… 2-"), "Contents\n\n" + LED])
def test_contents_and_indexes_are_told(text):
    assert len(entry_lines(text)) == len(TITLES)


@pytest.mark.parametrize("text", [PARTS, TORQUES, SPECIFICATION, STEPS, "", "Engine 1\nOil 2\nFan 3"])
def test_tables_and_steps_are_not(text):
    assert entry_lines(text) == []


def test_only_chunks_of_contents_are_marked_and_nothing_is_lost():
    prose = "\n\nThe coolant pump runs for ten minutes after the vehicle was switched off."
    page = Page(1, LED + prose, blocks=(Block("paragraph", 0, len(LED + prose)),))
    chunks = [
        Chunk(LED, (Span(0, 0, len(LED)),), metadata={"year": 2024}),
        Chunk(prose.strip(), (Span(0, len(LED) + 2, len(LED + prose)),)),
    ]
    marked = mark(Document("m.pdf", "application/pdf", (page,)), chunks)
    assert [chunk.metadata for chunk in marked] == [{"year": 2024, "contents": True}, {}]
    assert [chunk.text for chunk in marked] == [chunk.text for chunk in chunks]


@pytest.mark.parametrize(
    "text", ["word " * 40_000, "a, " * 40_000 + "x", "… " * 40_000 + "x", " " * 99_999 + "1"]
)
def test_a_line_of_any_length_is_read_from_its_end(text):
    assert entry_lines(text) == []
