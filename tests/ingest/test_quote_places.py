"""Where a quote stands on a drawn page: compared with where it was written."""

import hashlib
import io

import pytest
from pypdf import PdfWriter
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas
from reportlab.platypus import Table, TableStyle

from ragedge.errors import SourceError
from ragedge.ingest.page_renderer import PageRenderer
from ragedge.ingest.quote_places import Box, place_quote
from ragedge.ingest.render import PdfPictures

WIDTH, HEIGHT = A4


def drawn(draw, *, rotate: int = 0) -> PdfPictures:
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A4)
    page.setFont("Helvetica", 12)
    draw(page)
    page.save()
    if rotate:
        turned = PdfWriter(clone_from=out)
        turned.pages[0].rotate(rotate)
        turned.write(out := io.BytesIO())
    return PdfPictures(out.getvalue(), "m.pdf")


def boxes_of(pictures: PdfPictures, text: str, quote: str, nth: int = 0) -> list[Box]:
    start = -1
    for _ in range(nth + 1):
        start = text.index(quote, start + 1)
    [found] = pictures.quote_boxes(0, text, [(start, start + len(quote))])
    return found


def lines(page, *texts, top=700, left=72):
    for number, text in enumerate(texts):
        page.drawString(left, top - 20 * number, text)


def baseline(y: float) -> float:
    return 1 - y / HEIGHT


def test_a_quote_over_two_lines_has_a_box_for_each():
    pictures = drawn(lambda page: lines(page, "Tighten the drain plug", "to 35 N·m. Then fill up."))
    [first, second] = boxes_of(
        pictures, "Tighten the drain plug to 35 N·m. Then fill up.", "drain plug to 35 N·m."
    )
    assert first.top < baseline(700) < first.bottom
    assert second.top < baseline(680) < second.bottom
    assert first.left == pytest.approx((72 + 62) / WIDTH, abs=0.01), "after “Tighten the”"
    assert second.left == pytest.approx(72 / WIDTH, abs=0.005)
    assert second.right < first.right


def test_hyphens_ligatures_and_spaces_may_differ():
    pictures = drawn(lambda page: lines(page, "The speci-", "fied  torque"))
    assert len(boxes_of(pictures, "The speciﬁed torque", "speciﬁed torque")) == 2


def test_of_equal_words_the_surroundings_tell_which_are_meant():
    pictures = drawn(lambda page: lines(page, "Front: torque 80 N·m", "Middle: none", "Rear: torque 80 N·m"))
    text = "Front: torque 80 N·m\nMiddle: none\nRear: torque 80 N·m"
    for nth, y in ((0, 700), (1, 660)):
        [box] = boxes_of(pictures, text, "torque 80 N·m", nth)
        assert box.top < baseline(y) < box.bottom


def test_the_cells_of_a_row_are_found_one_by_one():
    rows = [
        ["Item", "Bolt", "N·m"],
        ["S-01", "Wheel nut", "80"],
        ["S-02", "Hub nut", "80"],
        ["S-03", "Cap", "12"],
    ]

    def draw(page):
        # Column by column, as some programs write: nothing of a row stands together.
        for column in range(3):
            cells = Table([[row[column]] for row in rows], colWidths=120, rowHeights=24)
            cells.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black)]))
            cells.wrapOn(page, 400, 400)
            cells.drawOn(page, 72 + 120 * column, 500)

    text = "\n".join(" | ".join(row) for row in rows)
    found = boxes_of(drawn(draw), text, "S-02 | Hub nut | 80")
    assert len(found) == 3
    assert len({round(box.top, 3) for box in found}) == 1, "the 80 of its own row, not of the one above"
    middle = baseline(500 + 24 * 1.5)
    assert all(abs((box.top + box.bottom) / 2 - middle) < 0.012 for box in found)


def test_a_turned_page_is_marked_as_it_is_shown():
    pictures = drawn(lambda page: lines(page, "Tighten the plug"), rotate=90)
    assert pictures.size(0) == pytest.approx((HEIGHT, WIDTH), abs=1)
    [box] = boxes_of(pictures, "Tighten the plug", "plug")
    assert box.bottom - box.top > box.right - box.left, "it runs down the page"


def test_what_is_not_there_is_not_marked():
    pictures = drawn(lambda page: lines(page, "Tighten the plug"))
    assert boxes_of(pictures, "Something else altogether 123", "else altogether 123") == []
    empty = drawn(lambda page: page.rect(10, 10, 50, 50))
    assert boxes_of(empty, "A scan that was read by OCR", "that was read") == []
    assert place_quote([], [], "text", 0, 4) == []
    assert place_quote(["a"], [Box(0, 0, 1, 1)], "…", 0, 1) == [], "nothing to go by"


@pytest.fixture
def renderer():
    made = PageRenderer()
    yield made
    made.close()


def pdf_bytes(text: str) -> bytes:
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A4)
    page.drawString(72, 700, text)
    page.save()
    return out.getvalue()


def test_the_worker_draws_and_places_and_keeps_the_file(renderer):
    data = pdf_bytes("Tighten the plug")
    asked = []

    def read():
        asked.append(1)
        return data

    sha = hashlib.sha256(data).hexdigest()
    picture = renderer.picture("m.pdf", sha, read, 1, 400)
    assert picture.data.startswith(b"\x89PNG") and picture.media_type == "image/png"
    size, [places] = renderer.places("m.pdf", sha, read, 1, "Tighten the plug", [(12, 16)])
    assert size == pytest.approx(A4, abs=1) and len(places) == 1
    assert len(asked) == 1, "a second page of the same file takes no second reading"


def test_a_file_that_cannot_be_drawn_is_refused_and_the_next_one_is_drawn(renderer):
    with pytest.raises(SourceError, match="cannot be opened"):
        renderer.picture("bad.pdf", "0" * 64, lambda: b"%PDF-1.4 nonsense", 1)
    data = pdf_bytes("Fine")
    with pytest.raises(SourceError, match="page 2 of"):
        renderer.picture("m.pdf", "1" * 64, lambda: data, 2)
    assert renderer.picture("m.pdf", "1" * 64, lambda: data, 1).data


def test_a_worker_that_died_is_replaced(renderer):
    data = pdf_bytes("Fine")
    renderer.picture("m.pdf", "1" * 64, lambda: data, 1)
    renderer._worker._process.kill()
    renderer._worker._process.wait()
    assert renderer.picture("m.pdf", "1" * 64, lambda: data, 1).data
