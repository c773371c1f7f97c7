"""The PDF loader on files made here, one behaviour each."""

from __future__ import annotations

import io
import zlib

import pypdf
import pytest
from reportlab.lib import pagesizes
from reportlab.pdfgen.canvas import Canvas

from ragedge.errors import SourceError
from ragedge.ingest import pdf
from ragedge.ingest.pdf.adobe_cjk import unicode_by_cid

PROSE = (
    "The coolant pump sits at the front of the motor and moves the coolant through the inverter, the motor "
    "and the radiator. It runs whenever the vehicle is on and for ten minutes after it was switched off, so "
    "that the power electronics cool down evenly. Do not disconnect it before that time has passed."
)


class Pages:
    """Draws pages; ``pdf()`` gives the file."""

    def __init__(self, size=pagesizes.A4):
        self._out = io.BytesIO()
        self.canvas = Canvas(self._out, pagesize=size, invariant=1)

    def lines(self, lines, x=72, y=720, step=14, font="Helvetica", size=11):
        self.canvas.setFont(font, size)
        for line in lines:
            self.canvas.drawString(x, y, line)
            y -= step
        return y

    def next(self):
        self.canvas.showPage()

    def pdf(self):
        self.canvas.save()
        return self._out.getvalue()


def wrapped(text, width):
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) + 1 > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]


def load(data):
    return pdf.create({}).load(data, "m.pdf")


def blocks(page):
    return [(block.kind, page.text[block.start : block.end]) for block in page.blocks]


def code_of(data):
    with pytest.raises(SourceError) as caught:
        load(data)
    return caught.value.code


def test_lines_of_a_paragraph_are_joined():
    pages = Pages()
    y = pages.lines(wrapped(PROSE, 80))
    pages.lines(["A second paragraph stands apart."], y=y - 20)
    assert blocks(load(pages.pdf()).pages[0]) == [
        ("paragraph", PROSE),
        ("paragraph", "A second paragraph stands apart."),
    ]


def test_hyphens_at_line_ends():
    pages = Pages()
    pages.lines(
        [
            "Each self-locking nut is new. The main-",
            "tenance of the drive unit needs a self-",
            "locking nut for every one of its bolts.",
        ]
    )
    text = load(pages.pdf()).pages[0].text
    assert "The maintenance of" in text
    assert "a self-locking nut for every" in text


def test_two_columns_are_read_one_after_the_other():
    pages = Pages()
    left, right = wrapped("Left side. " + PROSE, 42), wrapped("Right side. " + PROSE, 42)
    pages.lines(left, x=60)
    pages.lines(right, x=320)
    text = load(pages.pdf()).pages[0].text
    assert text.index("Left side.") < text.index("time has passed.") < text.index("Right side.")
    assert text.count(PROSE) == 2


def test_step_numbers_drawn_apart_stand_before_their_steps():
    pages = Pages()
    for number in range(1, 5):
        pages.canvas.drawString(60, 720 - 20 * number, f"{number}.")
    for number in range(1, 5):
        pages.canvas.drawString(90, 720 - 20 * number, f"Take out screw number {number} of the cover.")
    text = load(pages.pdf()).pages[0].text
    assert text == "\n".join(f"{n}. Take out screw number {n} of the cover." for n in range(1, 5))


@pytest.mark.parametrize("ruled", [False, True])
def test_a_table_gives_rows_with_cells_apart(ruled):
    pages = Pages()
    rows = [
        ("THREAD", "TORQUE", "GRADE"),
        ("M6", "9 Nm", "8.8"),
        ("M8", "22 Nm", "8.8"),
        ("M10", "44 Nm", "10.9"),
    ]
    for index, row in enumerate(rows):
        for x, cell in zip((72, 200, 330), row, strict=True):
            pages.canvas.drawString(x, 700 - 16 * index, cell)
        if ruled:
            pages.canvas.line(70, 696 - 16 * index, 400, 696 - 16 * index)
    page = load(pages.pdf()).pages[0]
    assert blocks(page) == [
        ("table", "THREAD | TORQUE | GRADE\nM6 | 9 Nm | 8.8\nM8 | 22 Nm | 8.8\nM10 | 44 Nm | 10.9")
    ]
    assert page.blocks[0].header_rows == 1


def test_a_cell_of_several_lines_is_one_cell():
    pages = Pages()
    for x, y, text in [
        (72, 700, "FAULT"), (150, 700, "REMEDY"), (420, 700, "HOURS"),
        (72, 680, "P0A0F"), (150, 680, "Check the high-voltage interlock and"), (420, 680, "0.5"),
        (150, 667, "replace the connector if it is bent."),
        (72, 645, "P0A1B"), (150, 645, "Read the inverter memory."), (420, 645, "0.2"),
        (72, 623, "P0AFA"), (150, 623, "Charge the battery."), (420, 623, "3.0"),
    ]:  # fmt: skip
        pages.canvas.drawString(x, y, text)
    text = load(pages.pdf()).pages[0].text
    assert "P0A0F | Check the high-voltage interlock and replace the connector if it is bent. | 0.5" in text


def test_running_heads_and_feet_are_left_out_and_give_the_label():
    pages = Pages()
    for number in range(1, 7):
        pages.canvas.drawString(72, 800, "EX-4 WORKSHOP MANUAL")
        pages.lines(wrapped(f"Page {number} speaks of item {number}. " + PROSE[number * 9 :], 80))
        pages.canvas.drawString(290, 30, f"2-{number}")
        pages.next()
    document = load(pages.pdf())
    assert [page.label for page in document.pages] == [f"2-{n}" for n in range(1, 7)]
    for page in document.pages:
        assert "WORKSHOP" not in page.text
        assert not page.text.endswith(f"2-{page.number}")
        assert f"item {page.number}." in page.text


def test_headings_by_size_and_number():
    pages = Pages()
    pages.lines(["Cooling system"], font="Helvetica-Bold", size=20)
    pages.lines(["2.1 Coolant pump"], y=680, font="Helvetica-Bold", size=14)
    pages.lines(wrapped(PROSE, 80), y=655)
    pages.next()
    pages.lines(["Brakes"], font="Helvetica-Bold", size=20)
    pages.lines(["3.1 Front brakes"], y=680, font="Helvetica-Bold", size=14)
    pages.lines(wrapped(PROSE, 80), y=655)
    page = load(pages.pdf()).pages[0]
    assert [(b.kind, b.level) for b in page.blocks] == [("heading", 1), ("heading", 2), ("paragraph", 0)]


def test_notices_are_typed():
    pages = Pages()
    pages.lines(["WARNING"], x=260, y=720)
    pages.lines(["High voltage. Wait ten minutes before", "you open the cover."], x=150, y=704)
    pages.lines(["1. Open the cover.", "2. Take out the fuse."], y=650)
    assert blocks(load(pages.pdf()).pages[0]) == [
        ("warning", "WARNING\nHigh voltage. Wait ten minutes before you open the cover."),
        ("list", "1. Open the cover.\n2. Take out the fuse."),
    ]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_rotated_page_reads_as_it_is_looked_at(turn):
    pages = Pages()
    width, height = pagesizes.A4
    # Draw against the page's turn, as a scanner that was fed sideways does.
    if turn == 90:
        pages.canvas.translate(width, 0)
    elif turn == 180:
        pages.canvas.translate(width, height)
    else:
        pages.canvas.translate(0, height)
    pages.canvas.rotate({90: 90, 180: 180, 270: 270}[turn])
    pages.lines(wrapped(PROSE, 80), x=72, y=500)
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pages.pdf()))
    writer.pages[0].rotate(turn)
    out = io.BytesIO()
    writer.write(out)
    assert load(out.getvalue()).pages[0].text == PROSE


def test_text_that_is_turned_on_an_upright_page():
    pages = Pages()
    pages.canvas.rotate(90)
    pages.lines(wrapped(PROSE, 80), x=100, y=-300)
    assert load(pages.pdf()).pages[0].text == PROSE


def test_letters_drawn_twice_or_apart_are_mended():
    pages = Pages()
    for shift in (0, 0.3):  # a bold font made by drawing twice
        pages.canvas.drawString(72 + shift, 700, "Fill in coolant.")
    pages.canvas.drawString(72, 660, "NNOOTTEE the level.")
    text = load(pages.pdf()).pages[0].text
    assert text.count("Fill in coolant.") == 1
    assert "NOTE the level." in text


def test_pages_that_are_one_image_are_marked():
    image_module = pytest.importorskip("PIL.Image")
    pages = Pages()
    picture = image_module.new("L", (40, 40), 128)
    pages.canvas.drawInlineImage(picture, 0, 0, 595, 842)
    pages.next()
    pages.lines(["Words."])
    document = load(pages.pdf())
    assert [page.has_image_only for page in document.pages] == [True, False]


def test_form_fields_are_read():
    pages = Pages()
    pages.lines(["Vehicle number"])
    pages.canvas.acroForm.textfield(value="EX4-0815", x=200, y=715, width=120, height=20, name="number")
    assert "EX4-0815" in load(pages.pdf()).pages[0].text


def encrypted(user, algorithm):
    pages = Pages()
    pages.lines(["Secret torque: 25 Nm."])
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pages.pdf()))
    writer.encrypt(user, "owner", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_the_empty_password_is_tried_first(algorithm):
    assert "25 Nm" in load(encrypted("", algorithm)).pages[0].text


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_a_needed_password_is_encrypted(algorithm):
    assert code_of(encrypted("secret", algorithm)) == "encrypted"


def test_no_text_on_any_page():
    pages = Pages()
    pages.canvas.rect(10, 10, 100, 100)
    assert code_of(pages.pdf()) == "no_text"


def test_nothing_but_a_header_is_damaged():
    assert code_of(b"%PDF-1.4\nnothing else") == "damaged"


def test_a_file_cut_off_before_its_end_is_read_as_far_as_it_goes():
    pages = Pages()
    pages.lines(["Still here."])
    data = pages.pdf()
    assert "Still here." in load(data[: data.rindex(b"xref", 0, data.rindex(b"startxref"))]).pages[0].text


def test_a_lost_cross_reference_table_is_rebuilt():
    pages = Pages()
    pages.lines(["Still here."])
    data = pages.pdf()
    assert "Still here." in load(data[: data.rindex(b"startxref")] + b"startxref\n99999\n%%EOF").pages[0].text


def one_page(content, extra=b""):
    """A file by hand, whose content stream is as given."""
    packed = zlib.compress(content)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>"
        + extra
        + b">>>>",
        b"<</Filter/FlateDecode/Length %d>>stream\n" % len(packed) + packed + b"\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    data = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj" % number + body + b"endobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return (
        data
        + b"xref\n0 6\n0000000000 65535 f \n"
        + table
        + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(data)
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (rb"BT /F1 12 Tf 72 700 Td (a \(nested (deep) one\) \101) Tj ET", "a (nested (deep) one) A"),
        (b"BT /F1 12 Tf 72 700 Td <48656C6C6F2> Tj ET", "Hello"),
        (b"BT /F1 12 Tf 72 700 Td [(Tor) 20 (que) -400 (valve)] TJ ET", "Torque valve"),
        (b"BT /F1 12 Tf 72 700 Td [(Profi) 265 ( ) -14 (le) ( ) (ok)] TJ ET", "Profile ok"),
        (b"BT /F1 12 Tf 14 TL 72 700 Td (one) Tj T* (two) Tj ET", "one two"),
        (b"BI /W 1 /H 1 ID \x00(junk) Tj\x01 EI BT /F1 12 Tf 72 700 Td (after) Tj ET", "after"),
        (b"BT /F1 12 Tf 72 700 Td [(a) 0.0 Tc -250.0 (b)] TJ ET", "a b"),
        (b"BT /F1 12 Tf 3 Tr 72 700 Td (scanned words) Tj ET", "scanned words"),
        (b"Q Q ) ] >> BT /F1 Tf 12 Tf /F1 12 Tf Td 72 700 Td (still) Tj ET", "still"),
    ],
)
def test_operators(content, expected):
    assert load(one_page(content)).pages[0].text == expected


def test_content_without_end_stops():
    content = b"BT /F1 12 Tf 72 700 Td (words) Tj ET " + b"q 1 0 0 1 0 0 cm " * 200_000
    assert load(one_page(content)).pages[0].text == "words"


def test_pages_that_differ_in_their_figures_alone_keep_them():
    pages = Pages()
    for number in range(1, 6):
        pages.lines([f"Torque of bolt {number}: {number * 7} Nm"], y=780)
        pages.next()
    assert [page.text for page in load(pages.pdf()).pages] == [
        f"Torque of bolt {n}: {n * 7} Nm" for n in range(1, 6)
    ]


def test_a_chapters_running_head_is_left_out_on_its_few_pages():
    pages = Pages()
    for number in range(1, 13):
        pages.canvas.drawString(72, 800, "Brakes" if number < 5 else f"Body part {number}")
        pages.lines(wrapped(f"Page {number} speaks of item {number}. " + PROSE[number * 9 :], 80), y=640)
        pages.next()
    texts = [page.text for page in load(pages.pdf()).pages]
    assert not any("Brakes" in text for text in texts)
    assert all(f"item {n}." in text for n, text in enumerate(texts, 1))


def test_entries_of_contents_stay_lines_of_their_own():
    pages = Pages()
    titles = (
        "Coolant pump of the front drive unit",
        "Inverter",
        "Belt",
        "Radiator and its hoses",
        "Fan",
        "Bleeding",
    )
    lines = [f"{n}.1 {title} {'.' * (70 - len(title))} {n * 3}" for n, title in enumerate(titles, 1)]
    pages.lines(lines)
    assert [line.partition(" … ")[2] for line in load(pages.pdf()).pages[0].text.split("\n")] == [
        "3", "6", "9", "12", "15", "18",
    ]  # fmt: skip


def test_columns_whose_lines_stand_at_different_heights():
    pages = Pages()
    pages.lines(["Noises. " + PROSE[:60]], y=760)
    pages.lines(wrapped("Left side. " + PROSE, 42), x=60, y=722)
    pages.lines(wrapped("Right side. " + PROSE, 42), x=320, y=715)
    text = load(pages.pdf()).pages[0].text
    assert text.index("Left side.") < text.index("time has passed.") < text.index("Right side.")
    assert text.count(PROSE) == 2


def test_a_running_head_that_names_the_section_is_left_out():
    pages = Pages()
    for number in range(1, 13):
        pages.lines(["Brakes and wheels"], y=800)
        pages.canvas.drawRightString(520, 800, f"{(number + 1) // 2}.1 Checking part {(number + 1) // 2}")
        title = [f"{(number + 1) // 2}.1 Checking part {(number + 1) // 2}"] if number % 2 else []
        pages.lines([*title, *wrapped(f"Item {number} follows. " + PROSE[number * 9 :], 80)], y=640)
        pages.next()
    texts = [page.text for page in load(pages.pdf()).pages]
    assert not any("Brakes and wheels" in text for text in texts)
    assert [text.count("Checking part") for text in texts] == [1, 0] * 6


def test_a_bold_word_before_a_sentence_is_no_heading():
    pages = Pages()
    y = pages.lines(wrapped(PROSE, 80))
    for term in ("Chiller.", "Interlock."):
        pages.canvas.setFont("Helvetica-Bold", 11)
        pages.canvas.drawString(72, y - 20, term)
        pages.canvas.setFont("Helvetica", 11)
        pages.canvas.drawString(
            74 + pages.canvas.stringWidth(term, "Helvetica-Bold", 11), y - 20, "A part that"
        )
        y = pages.lines(["keeps the battery cool while it charges, and the cabin while it drives."], y=y - 34)
    found = blocks(load(pages.pdf()).pages[0])
    assert [kind for kind, _ in found] == ["paragraph"] * 3
    assert found[1][1].startswith("Chiller. A part that keeps")


def test_numbered_paragraphs_and_suspended_hyphens():
    pages = Pages()
    first = wrapped(
        "3-6. Measure and cut the board in two places, remove all the burrs and the sharp edges.", 75
    )
    pages.lines(
        [*first[:1], "3-7. Install five nuts in the covers and stelle den Leistungs-", "und Rampenwert ein."]
    )
    assert load(pages.pdf()).pages[0].text.split("\n")[1:] == [
        "3-7. Install five nuts in the covers and stelle den Leistungs- und Rampenwert ein."
    ]


def test_a_table_whose_last_column_is_prose_stays_a_table():
    pages = Pages()
    y = 700
    for row in range(8):
        pages.canvas.drawString(60, y, f"C12{row}")
        pages.canvas.drawString(110, y, "Pressure store of the brakes low")
        long = wrapped(f"Check fuse {row} and the hose of the booster before the unit is replaced.", 36)
        pages.lines(long, x=320, y=y, size=12)
        y -= 7 + 14 * len(long)
        pages.canvas.setFont("Helvetica", 12)
    assert {kind for kind, _ in blocks(load(pages.pdf()).pages[0])} == {"table"}


def test_page_numbers_with_blank_pages_and_revisions_are_left_out():
    pages = Pages()
    for number in range(1, 7):
        pages.lines(wrapped(f"Page {number} speaks of item {number}. " + PROSE[number * 9 :], 80))
        pages.canvas.drawString(290, 30, "i" if number == 1 else f"{number}-1/({number}-2 blank)")
        pages.canvas.drawString(460, 30, "Change 2")
        pages.next()
    document = load(pages.pdf())
    assert [page.label for page in document.pages] == ["i", "2-1", "3-1", "4-1", "5-1", "6-1"]
    assert not any("blank" in page.text or "Change" in page.text for page in document.pages)


def test_the_foot_of_a_form_is_left_out_and_its_entries_stay():
    pages = Pages()
    for number in range(1, 11):
        pages.lines(wrapped(f"Entry {number} of the hand-over. " + PROSE[number * 9 :], 80))
        if number % 2:
            pages.lines(["WHEN USED AS A RECEIPT", "enter the number of the vehicle", "enter its key"], y=120)
            pages.canvas.drawString(420, 92, f"PAGE {number} OF 8 PAGES")
            pages.lines(["FORM 20-62", "EDITION OF MAY 2019 IS OBSOLETE"], y=60)
        pages.next()
    texts = [page.text for page in load(pages.pdf()).pages]
    assert all(f"Entry {n} of" in text for n, text in enumerate(texts, 1))
    assert not any(word in text for text in texts for word in ("RECEIPT", "its key", "PAGES", "OBSOLETE"))


def by_hand(*objects, root=1, trailer=b""):
    """A file of these objects, numbered from 1."""
    data = b"%PDF-1.4\n"
    table = b""
    for number, body in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(data)
        data += b"%d 0 obj" % number + body + b"endobj\n"
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer<</Size %d/Root %d 0 R%s>>\n" % (len(objects) + 1, root, trailer)
    return data + head + table + tail + b"startxref\n%d\n%%%%EOF" % len(data)


def test_a_list_of_pages_that_leads_back_into_itself_is_read_once():
    content = b"BT /F1 12 Tf 72 700 Td (once) Tj ET"
    data = by_hand(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2/MediaBox[0 0 595 842]/Resources<</Font<</F1 6 0 R>>>>>>",
        b"<</Type/Page/Parent 2 0 R/Contents 5 0 R>>",
        b"<</Type/Pages/Kids[4 0 R 2 0 R]/Count 1>>",
        b"<</Length %d>>stream\n" % len(content) + content + b"\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    assert [page.text for page in load(data).pages] == ["once"]


def test_a_field_that_the_file_does_not_draw_is_read():
    data = by_hand(
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>",
        b"<</Type/Page/Parent 2 0 R/Annots[4 0 R]>>",
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(vin)/V(EX4-0815)/Rect[72 700 200 716]>>",
    )
    assert load(data).pages[0].text == "EX4-0815"


def test_attachments_alone_may_be_encrypted():
    rules = (
        b"/Encrypt<</Filter/Standard/V 4/R 4/Length 128/P -4/StmF/Identity/StrF/Identity/EFF/StdCF"
        b"/CF<</StdCF<</CFM/AESV2/Length 16>>>>/O<%s>/U<%s>>>/ID[<00><00>]" % (b"ab" * 32, b"cd" * 32)
    )
    content = b"BT /F1 12 Tf 72 700 Td (open) Tj ET"
    data = by_hand(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>",
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n" % len(content) + content + b"\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        trailer=rules,
    )
    assert load(data).pages[0].text == "open"


def test_a_broken_encryption_is_encrypted():
    rules = (
        b"/Encrypt<</Filter/Standard/V 4/R 4/Length 48/P -4/StmF/StdCF/StrF/StdCF"
        b"/CF<</StdCF<</CFM/V2/Length 6>>>>/O<%s>/U<%s>>>/ID[<00><00>]" % (b"ab" * 32, b"cd" * 32)
    )
    data = by_hand(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>", trailer=rules)
    assert code_of(data) == "encrypted"


def ruled(pages, xs, ys, skip=()):
    """Draw a grid; ``skip`` names walls left out as ((x index, row), "v") or ((y index, column), "h")."""
    for i, x in enumerate(xs):
        for row in range(len(ys) - 1):
            if ((i, row), "v") not in skip:
                pages.canvas.line(x, ys[row], x, ys[row + 1])
    for i, y in enumerate(ys):
        for column in range(len(xs) - 1):
            if ((i, column), "h") not in skip:
                pages.canvas.line(xs[column], y, xs[column + 1], y)


def test_rules_tell_cells_of_several_lines_and_rows_that_words_alone_cannot():
    pages = Pages()
    ruled(pages, (60, 160, 330, 420), (740, 720, 690, 660))
    for x, y, text in [
        (64, 726, "Fault"), (164, 726, "Remedy"), (334, 726, "Hours"),
        (64, 708, "P0A0F high"), (164, 708, "Check the interlock for"), (334, 708, "0.5"),
        (64, 695, "voltage"), (164, 695, "moisture"),
        (64, 678, "P0A1B"), (164, 678, "Read the inverter, then re-"), (334, 678, "0.2"),
        (164, 665, "place it"),
    ]:  # fmt: skip
        pages.canvas.drawString(x, y, text)
    page = load(pages.pdf()).pages[0]
    assert blocks(page) == [
        (
            "table",
            "Fault | Remedy | Hours\nP0A0F high voltage | Check the interlock for moisture | 0.5\n"
            "P0A1B | Read the inverter, then replace it | 0.2",
        )
    ]
    assert page.blocks[0].header_rows == 1


def test_heads_over_several_columns_become_part_of_each_head():
    pages = Pages()
    skip = {((2, 0), "v"), ((1, 0), "h")}
    ruled(pages, (60, 160, 240, 320), (740, 720, 700, 680, 660), skip)
    for x, y, text in [
        (64, 712, "Bolt"), (164, 726, "Torque"), (164, 706, "Nm"), (244, 706, "lb-ft"),
        (64, 686, "M6"), (164, 686, "9"), (244, 686, "7"),
        (64, 666, "M8"), (164, 666, "22"), (244, 666, "16"),
    ]:  # fmt: skip
        pages.canvas.drawString(x, y, text)
    page = load(pages.pdf()).pages[0]
    assert page.text == "Bolt | Torque Nm | Torque lb-ft\nM6 | 9 | 7\nM8 | 22 | 16"
    assert page.blocks[0].header_rows == 1


def test_a_cell_over_several_rows_is_said_in_each():
    pages = Pages()
    ruled(pages, (60, 160, 240), (740, 720, 700, 680), {((2, 0), "h")})
    for x, y, text in [
        (64, 726, "Axle"), (164, 726, "Nut"), (64, 696, "Front"), (164, 706, "M12"), (164, 686, "M14"),
    ]:  # fmt: skip
        pages.canvas.drawString(x, y, text)
    assert load(pages.pdf()).pages[0].text == "Axle | Nut\nFront | M12\nFront | M14"


def test_rows_between_upright_rules_alone_stay_rows():
    pages = Pages()
    ruled(pages, (60, 160, 240), (740, 720, 640))
    for x, y, text in [
        (64, 726, "Point"), (164, 726, "Load"), (64, 705, "C22"), (164, 705, "10"),
        (64, 692, "F22"), (164, 692, "12"), (64, 679, "C34"), (164, 679, "14"),
    ]:  # fmt: skip
        pages.canvas.drawString(x, y, text)
    page = load(pages.pdf()).pages[0]
    assert page.text == "Point | Load\nC22 | 10\nF22 | 12\nC34 | 14"
    assert page.blocks[0].header_rows == 1


def test_columns_of_prose_with_rules_between_them_are_no_table():
    pages = Pages()
    ruled(pages, (50, 310, 560), (760, 500, 480))
    pages.lines(wrapped("Left side. " + PROSE * 3, 42), x=60, y=745, step=11, size=9)
    pages.lines(wrapped("Right side. " + PROSE * 3, 42), x=320, y=745, step=11, size=9)
    pages.canvas.drawString(60, 485, "left")
    pages.canvas.drawString(320, 485, "right")
    text = load(pages.pdf()).pages[0].text
    assert " | " not in text
    assert text.index("Left side.") < text.index("Right side.")
    assert text.count(PROSE) == 6


def test_what_stands_in_a_box_is_no_heading():
    pages = Pages()
    y = pages.lines(wrapped(PROSE, 80))
    pages.lines(["RESET RANGE"], x=200, y=y - 20)
    pages.canvas.rect(190, y - 26, 120, 20)
    pages.lines(wrapped(PROSE, 80), y=y - 60)
    assert [kind for kind, _ in blocks(load(pages.pdf()).pages[0])] == ["paragraph"] * 3


def test_raised_figures_stay_with_their_unit():
    pages = Pages()
    pages.lines(["The boot holds 0.4 m"])
    x = 72 + pages.canvas.stringWidth("The boot holds 0.4 m", "Helvetica", 11)
    pages.canvas.setFont("Helvetica", 6)
    pages.canvas.drawString(x + 0.5, 725, "3")
    pages.canvas.setFont("Helvetica", 11)
    pages.canvas.drawString(x + 4, 720, " of luggage.")
    assert load(pages.pdf()).pages[0].text == "The boot holds 0.4 m3 of luggage."


def test_rows_that_go_on_below_their_key_are_joined():
    pages = Pages()
    for index, row in enumerate(
        [
            ("PART", "NAME", "QTY"), ("10-1", "Cable, charging,", ""), ("", "with plug", "1"),
            ("10-2", "Cable, low voltage", "2"), ("10-3", "Fuse", "4"),
        ]
    ):  # fmt: skip
        for x, cell in zip((72, 200, 400), row, strict=True):
            pages.canvas.drawString(x, 700 - 24 * index, cell)
    text = load(pages.pdf()).pages[0].text
    assert "10-1 | Cable, charging, with plug | 1" in text


def test_a_notice_at_the_top_of_many_pages_stays():
    pages = Pages()
    for number in range(1, 9):
        pages.canvas.drawString(72, 810, "EX-4 WORKSHOP MANUAL")
        pages.canvas.drawString(280, 780, "NOTE")
        pages.canvas.drawString(72, 764, f"Part {number} is hot.")
        pages.lines(wrapped(PROSE[number * 9 :], 80), y=700)
        pages.next()
    for page in load(pages.pdf()).pages:
        assert page.blocks[0].kind == "note"
        assert page.text.startswith(f"NOTE\nPart {page.number} is hot.")


def test_the_number_of_a_frame_stays_and_the_head_above_it_goes():
    pages = Pages()
    for number in range(1, 11):
        pages.canvas.drawString(72, 810, "EX-4 WORKSHOP MANUAL")
        pages.canvas.drawString(72, 780, f"FRAME {number % 4 + 1}")
        pages.lines(wrapped(PROSE[number * 9 :], 80), y=700)
        pages.next()
    texts = [page.text for page in load(pages.pdf()).pages]
    assert [text.partition("\n")[0] for text in texts] == [f"FRAME {n % 4 + 1}" for n in range(1, 11)]


def test_page_numbers_that_are_missing_or_misread_follow_from_their_neighbours():
    pages = Pages()
    for number in range(1, 10):
        pages.lines(wrapped(f"Page {number} speaks of item {number}. " + PROSE[number * 9 :], 80))
        if number not in (4, 5):
            pages.canvas.drawString(290, 30, "I" if number == 7 else f"2-{number}")
        pages.next()
    assert [page.label for page in load(pages.pdf()).pages] == [f"2-{n}" for n in range(1, 10)]


def test_parts_named_beside_a_figure_are_no_headings():
    pages = Pages()
    y = pages.lines(["5-1. Attach plate (1) to floor (2) with four screws (4)."])
    y = pages.lines(["1. PLATE - A30-1 - QTY. 1", "4. SELF-TAPPING SCREW - 94-2 - QTY. 4"], y=y - 300)
    pages.lines(["Figure 5-2. Plate"], x=250, y=y - 10)
    assert [kind for kind, _ in blocks(load(pages.pdf()).pages[0])] == ["paragraph", "list", "caption"]


def test_the_number_of_a_part_that_wraps_stays_in_its_sentence():
    pages = Pages()
    pages.lines(["NOTE"], x=280, y=740)
    pages.lines(["Insulator (1) must be put back with the positive rectifier", "(2)."], x=150, y=720)
    assert blocks(load(pages.pdf()).pages[0]) == [
        ("note", "NOTE\nInsulator (1) must be put back with the positive rectifier (2).")
    ]


def test_a_title_of_two_lines_is_one_heading():
    pages = Pages()
    y = pages.lines(wrapped(PROSE, 80))
    y = pages.lines(["10. Setting up the connection", "for the app"], y=y - 24, step=22, size=16)
    pages.lines(wrapped(PROSE, 80), y=y - 8)
    found = [text for kind, text in blocks(load(pages.pdf()).pages[0]) if kind == "heading"]
    assert found == ["10. Setting up the connection for the app"]


def test_the_outline_tells_depths_with_and_without_its_numbers():
    pages = Pages()
    for number in range(1, 4):
        pages.canvas.bookmarkPage(f"c{number}")
        pages.canvas.addOutlineEntry(f"Part {number}", f"c{number}", level=0)
        pages.canvas.bookmarkPage(f"s{number}")
        pages.canvas.addOutlineEntry("Fitting the pump", f"s{number}", level=1)
        y = pages.lines([f"Part {number}"], font="Helvetica-Bold", size=20)
        y = pages.lines([f"{number}.1 Fitting the pump"], y=y - 20, font="Helvetica-Bold", size=13)
        pages.lines(wrapped(PROSE[number * 9 :], 80), y=y - 20)
        pages.next()
    for page in load(pages.pdf()).pages:
        assert [block.level for block in page.blocks] == [1, 2, 0]


def test_a_paragraph_after_a_nested_list_begins_anew():
    pages = Pages()
    y = pages.lines(wrapped(PROSE, 80))
    y = pages.lines(["- first-part.tar.gz", "- second-part.deb"], x=90, y=y - 6)
    pages.lines(wrapped("between the parts stands a dash. " + PROSE, 80), y=y - 12)
    found = blocks(load(pages.pdf()).pages[0])
    assert [kind for kind, _ in found] == ["paragraph", "list", "paragraph"]


def test_a_number_that_a_sentence_wraps_before_is_no_step():
    pages = Pages()
    lines = wrapped(PROSE + " The longest way through the levels is", 80)
    while len(lines[-1]) < 70:
        lines[-1] += " then"
    pages.lines([*lines, "10. For example, the lowest level may call the highest one and the pump"])
    assert [kind for kind, _ in blocks(load(pages.pdf()).pages[0])] == ["paragraph"]


def test_rows_without_a_rule_between_them_stay_rows_in_a_long_table():
    pages = Pages()
    ruled(pages, (60, 160, 240, 360), (740, 720, 670, 650, 630, 610))
    rows = [(726, "Name", "Type", "Use"), (705, "X.Low", "Real", "Lowest"), (692, "X.High", "Real", "Highest"),
            (679, "X.Mid", "Real", "Middle"), (656, "Qf", "Real", "Charge"), (636, "SN", "Real", "Speed"),
            (616, "SP", "Real", "Speed")]  # fmt: skip
    for y, *cells in rows:
        for x, cell in zip((64, 164, 244), cells, strict=True):
            pages.canvas.drawString(x, y, cell)
    page = load(pages.pdf()).pages[0]
    assert page.text == "\n".join(" | ".join(cells) for _, *cells in rows)
    assert page.blocks[0].header_rows == 1


def test_ligatures_of_bitmap_fonts_are_read():
    content = b"BT /F1 12 Tf 72 700 Td (the con\\034rmed \\033ort) Tj ET"
    shape = b"<</Length 27>>stream\n500 0 0 0 500 700 d1 0 0 m f\nendstream"
    names = b" ".join(b"/a%d" % code for code in range(27, 123))
    widths = b" ".join([b"500"] * 96)
    procedures = b"".join(b"/a%d 6 0 R" % code for code in range(27, 123))
    data = by_hand(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>",
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n" % len(content) + content + b"\nendstream",
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 500 700]/FontMatrix[0.001 0 0 0.001 0 0]/FirstChar 27"
        b"/LastChar 122/Widths[%s]/Encoding<</Type/Encoding/Differences[27 %s]>>/CharProcs<<%s>>>>"
        % (widths, names, procedures),
        shape,
    )
    assert load(data).pages[0].text == "the confirmed ffort"


def test_a_notice_whose_word_ends_the_page_goes_on_in_the_next():
    pages = Pages()
    pages.lines(wrapped(PROSE, 80))
    pages.lines(["WARNING"], y=560)
    pages.next()
    y = pages.lines(["High voltage stays on for ten minutes after the vehicle was switched off."])
    pages.lines(["1. Open the cover.", "2. Take out the fuse."], y=y - 20)
    first, second = load(pages.pdf()).pages
    assert [block.kind for block in first.blocks] == ["paragraph", "warning"]
    assert [block.kind for block in second.blocks] == ["warning", "list"]


def test_text_does_not_depend_on_whether_fonttools_is_installed():
    from pypdf.generic import _font

    assert not _font.HAS_FONTTOOLS  # it is in some environments; pypdf would read CFF fonts otherwise with it


def test_a_figure_that_lies_on_its_side_keeps_its_caption_and_call_outs():
    pages = Pages()
    y = pages.lines(wrapped(PROSE, 80))
    pages.lines(["The pump (2) is held by three bolts (1)."], y=y - 20)
    pages.canvas.rotate(90)
    for place, name in ((150, "1"), (250, "2"), (350, "3")):
        pages.canvas.drawString(place, -300, name)
    pages.lines(["Figure 4-2. Coolant pump, seen from the left"], x=140, y=-500)
    assert blocks(load(pages.pdf()).pages[0])[-2:] == [
        ("figure", "1 2 3"), ("caption", "Figure 4-2. Coolant pump, seen from the left"),
    ]  # fmt: skip


def test_a_page_that_lies_on_its_side_reads_like_any_other():
    pages = Pages()
    width, _ = pagesizes.A4
    pages.canvas.translate(width, 0)
    pages.canvas.rotate(90)
    pages.canvas.setFont("Helvetica", 11)
    pages.lines(["Table 4-3. Bolts"], x=72, y=540)
    for index, row in enumerate([("THREAD", "TORQUE"), ("M6", "9 Nm"), ("M8", "22 Nm"), ("M10", "44 Nm")]):
        for x, cell in zip((72, 300), row, strict=True):
            pages.canvas.drawString(x, 510 - 16 * index, cell)
            pages.canvas.rect(x - 4, 505 - 16 * index, 228, 16)
    pages.canvas.drawString(200, 300, "7")
    pages.canvas.drawString(400, 260, "8")
    pages.lines(["Figure 4-4. Where the bolts go"], x=72, y=200)
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pages.pdf()))
    for turn in (0, 90):  # printed sideways, and turned for the reader
        writer.pages[0].rotation = turn
        out = io.BytesIO()
        writer.write(out)
        assert blocks(load(out.getvalue()).pages[0]) == [
            ("caption", "Table 4-3. Bolts"),
            ("table", "THREAD | TORQUE\nM6 | 9 Nm\nM8 | 22 Nm\nM10 | 44 Nm"),
            ("figure", "7 8"),
            ("caption", "Figure 4-4. Where the bolts go"),
        ]


def test_letters_set_one_by_one_keep_their_doubles():
    pages = Pages()
    text = pages.canvas.beginText(72, 700)
    text.setFont("Helvetica", 11)
    x = 72.0
    for letter in "Fill all full":
        text.setTextOrigin(x, 700)
        text.textOut(letter)
        x += pages.canvas.stringWidth(letter, "Helvetica", 11)
    pages.canvas.drawText(text)
    assert load(pages.pdf()).pages[0].text == "Fill all full"


def test_a_notice_that_names_a_section_at_a_line_s_end_goes_on():
    pages = Pages()
    pages.lines(["NOTE"], x=260, y=720)
    pages.lines(["Clamps are large enough for the cables installed in", "Section XXIX."], x=150, y=704)
    pages.lines(["1. Open the clamp.", "2. Take out the cable."], y=650)
    assert blocks(load(pages.pdf()).pages[0])[0] == (
        "note", "NOTE\nClamps are large enough for the cables installed in Section XXIX.",
    )  # fmt: skip


def composite(ordering, mapping, codes):
    """A page in a font that is not embedded, with two-byte codes and a map to Unicode as given."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(codes), codes),
        b"<</Type/Font/Subtype/Type0/BaseFont/F/Encoding/Identity-H/DescendantFonts[6 0 R]/ToUnicode 7 0 R>>",
        b"<</Type/Font/Subtype/CIDFontType0/BaseFont/F/DW 1000/CIDSystemInfo"
        b"<</Registry(Adobe)/Ordering(%s)/Supplement 2>>>>" % ordering,
        b"<</Length %d>>stream\n%s\nendstream" % (len(mapping), mapping),
    ]
    return (
        b"%PDF-1.4\n"
        + b"".join(b"%d 0 obj%s endobj\n" % (n, body) for n, body in enumerate(objects, 1))
        + (b"trailer<</Size 8/Root 1 0 R>>\n%%EOF")
    )


def test_a_map_that_leans_on_adobe_s():
    cids = {char: cid for cid, char in unicode_by_cid("Korea1").items()}
    codes = "".join(f"{cids[char]:04X}" for char in "인터뷰")
    content = b"BT /F1 12 Tf 72 700 Td <%s> Tj ET" % codes.encode()
    data = composite(b"Korea1", b"/Adobe-Korea1-UCS2 usecmap", content)
    assert load(data).pages[0].text == "인터뷰"


def test_a_map_broken_over_lines_with_the_bytes_of_its_values_swapped():
    mapping = b"2 beginbfchar<0029\r> <4E00\r><002A\r> <6F00\r>endbfchar"
    data = composite(b"Identity", mapping, b"BT /F1 12 Tf 72 700 Td <0029002A> Tj ET")
    assert load(data).pages[0].text == "No"


def test_the_order_of_adobe_s_collections():
    # Adobe Technical Notes 5078, 5079 and 5093: the first and last of the main ranges.
    known = {
        "Japan1": {1: " ", 633: "　", 842: "ぁ", 843: "あ", 1125: "亜", 7477: "瑤"},
        "Korea1": {101: "　", 1086: "가", 3435: "힝", 3436: "伽", 9333: "갂"},
        "GB1": {96: "　", 940: "啊", 4694: "座", 4695: "亍", 7702: "齄"},
    }
    for ordering, places in known.items():
        table = unicode_by_cid(ordering)
        assert {cid: table.get(cid) for cid in places} == places


def test_a_lettered_paragraph_that_begins_several_pages_stays():
    pages = Pages()
    for number in range(1, 13):
        pages.lines(["g. Replacement." if number % 3 == 0 else f"Item {number} comes first."], y=790)
        pages.lines(wrapped(f"Page {number} speaks of item {number}. " + PROSE[number * 9 :], 80), y=640)
        pages.next()
    assert sum("g. Replacement." in page.text for page in load(pages.pdf()).pages) == 4
