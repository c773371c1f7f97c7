"""Word documents as python-docx and Word itself write them."""

from __future__ import annotations

import functools
import io
import zipfile

import docx as python_docx
import pytest
from docx.oxml import parse_xml as element
from docx.oxml.ns import nsdecls

from ragedge.errors import SourceError
from ragedge.ingest import docx
from ragedge.ingest.hidden_text import hidden_texts, visible
from ragedge.testing.loader_contract import LoaderContract


def saved(document):
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def blocks(document):
    [page] = docx.create({}).load(saved(document), "a.docx").pages
    return [(block.kind, page.text[block.start : block.end]) for block in page.blocks]


@functools.cache
def small():
    made = python_docx.Document()
    made.add_heading("Oil", 1)
    made.add_paragraph("Open the drain plug.")
    made.add_paragraph("Warm it.", style="List Number")
    return saved(made)


class TestDocx(LoaderContract):
    plugin = "docx"

    def make_loader(self):
        return docx.create({})

    def sample(self):
        return small()


def test_headings_have_their_depth_below_the_title():
    made = python_docx.Document()
    made.add_heading("Pump PX-4", 0)
    made.add_heading("Care", 1)
    made.add_heading("Oil", 2)
    made.add_paragraph().add_run("Filling up").bold = True
    made.add_paragraph("Slowly.")
    document = docx.create({}).load(saved(made), "a.docx")
    assert [block.level for block in document.pages[0].blocks] == [1, 2, 3, 4, 0]
    assert document.title == "Pump PX-4"


def test_the_files_own_title_names_it():
    made = python_docx.Document()
    made.core_properties.title = "Service manual"
    made.add_heading("Oil", 1)
    assert docx.create({}).load(saved(made), "a.docx").title == "Service manual"


def test_lists_are_numbered_as_word_shows_them():
    made = python_docx.Document()
    for text in ("Warm it.", "Drain it."):
        made.add_paragraph(text, style="List Number")
    made.add_paragraph("a rag", style="List Bullet")
    assert blocks(made) == [("list", "1. Warm it.\n2. Drain it.\n- a rag")]


NUMBERING = """<w:abstractNum {ns} w:abstractNumId="90">
<w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1"/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl>
<w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="upperRoman"/><w:lvlText w:val="(%3)"/></w:lvl>
</w:abstractNum>"""


def test_numbers_of_many_levels_start_where_they_are_told():
    made = python_docx.Document()
    numbering = made.part.numbering_part.element
    numbering.insert(0, element(NUMBERING.format(ns=nsdecls("w"))))
    numbering.append(element(f'<w:num {nsdecls("w")} w:numId="91"><w:abstractNumId w:val="90"/></w:num>'))
    for level, text in (
        (0, "Engine"),
        (1, "Oil"),
        (2, "Drain"),
        (2, "Fill"),
        (1, "Water"),
        (0, "Brakes"),
        (1, "Pads"),
    ):
        paragraph = made.add_paragraph(text)
        paragraph._p.get_or_add_pPr().append(
            element(f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{level}"/><w:numId w:val="91"/></w:numPr>')
        )
    [(kind, text)] = blocks(made)
    assert kind == "list"
    assert text.split("\n") == [
        "3 Engine", "  3.a) Oil", "    (I) Drain", "    (II) Fill", "  3.b) Water", "4 Brakes", "  4.a) Pads",
    ]  # fmt: skip


@pytest.mark.parametrize("marked", [True, False])
def test_tables_have_heads_and_repeat_what_is_merged(marked):
    made = python_docx.Document()
    made.add_paragraph("Table 1: Torques", style="Caption")
    table = made.add_table(rows=4, cols=3)
    rows = (["Group", "Torque", ""], ["", "Nm", "lb-ft"], ["Oil", "25", "18"], ["", "9", "7"])
    for row, texts in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.cell(0, 1).merge(table.cell(0, 2)).text = "Torque"
    table.cell(0, 0).merge(table.cell(1, 0)).text = "Group"
    table.cell(2, 0).merge(table.cell(3, 0)).text = "Oil"
    if marked:
        for row in table.rows[:2]:
            row._tr.get_or_add_trPr().append(element(f"<w:tblHeader {nsdecls('w')}/>"))
    [page] = docx.create({}).load(saved(made), "a.docx").pages
    found = [(b.kind, b.header_rows, page.text[b.start : b.end]) for b in page.blocks]
    assert found == [
        ("caption", 0, "Table 1: Torques"),
        ("table", 1, "Group | Torque Nm | Torque lb-ft\nOil | 25 | 18\nOil | 9 | 7"),
    ]


def test_a_first_row_of_words_is_the_heads_and_one_of_numbers_is_not():
    for first, heads in ((["Part", "Nm"], 1), (["12", "25"], 0)):
        made = python_docx.Document()
        table = made.add_table(rows=2, cols=2)
        for row, texts in zip(table.rows, (first, ["plug", "25"]), strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
        [page] = docx.create({}).load(saved(made), "a.docx").pages
        assert page.blocks[0].header_rows == heads


def test_notices_in_paragraphs_and_in_frames():
    made = python_docx.Document()
    made.add_paragraph("WARNING")
    made.add_paragraph("Hot oil burns.")
    frame = made.add_table(rows=1, cols=2)
    frame.cell(0, 0).text, frame.cell(0, 1).text = "CAUTION", "Do not tilt it."
    made.add_table(rows=1, cols=1).cell(0, 0).text = "Words in a box."
    assert blocks(made) == [
        ("warning", "WARNING\nHot oil burns."),
        ("caution", "CAUTION\nDo not tilt it."),
        ("paragraph", "Words in a box."),
    ]


def run(inner):
    return element(f"<w:r {nsdecls('w')}>{inner}</w:r>")


def test_what_was_deleted_or_hidden_is_not_read_and_what_was_inserted_is():
    made = python_docx.Document()
    paragraph = made.add_paragraph("Fill ")._p
    paragraph.append(element(f"<w:del {nsdecls('w')}><w:r><w:delText>3</w:delText></w:r></w:del>"))
    paragraph.append(element(f"<w:ins {nsdecls('w')}><w:r><w:t>4</w:t></w:r></w:ins>"))
    paragraph.append(run("<w:rPr><w:vanish/></w:rPr><w:t>secret</w:t>"))
    paragraph.append(run("<w:instrText>PAGEREF x</w:instrText>"))
    paragraph.append(
        run("<w:t xml:space='preserve'> litres</w:t><w:tab/><w:t>of oil</w:t><w:br/><w:t>slowly</w:t>")
    )
    paragraph.append(run("<w:rPr><w:sz w:val='1'/></w:rPr><w:t>speck</w:t>"))
    [page] = docx.create({}).load(saved(made), "a.docx").pages
    assert visible(page).text == "Fill 4 litres of oil\nslowly"
    assert hidden_texts(page) == {"marked_hidden": "secret", "tiny": "speck"}


def test_a_text_box_is_read_once_after_its_paragraph():
    made = python_docx.Document()
    box = "<w:txbxContent><w:p><w:r><w:t>In the box.</w:t></w:r></w:p></w:txbxContent>"
    made.add_paragraph("Anchor.")._p.append(
        run(
            "<mc:AlternateContent xmlns:mc='http://schemas.openxmlformats.org/markup-compatibility/2006'>"
            f"<mc:Choice Requires='wps'><w:drawing>{box}</w:drawing></mc:Choice>"
            f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent>"
        )
    )
    assert blocks(made) == [("paragraph", "Anchor."), ("paragraph", "In the box.")]


def with_part(data, name, text):
    out = io.BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(name, text)
    return out.getvalue()


def test_footnotes_stand_after_the_paragraph_that_names_them():
    made = python_docx.Document()
    made.add_paragraph("Use oil of grade 5")._p.append(run("<w:footnoteReference w:id='2'/>"))
    made.add_paragraph("Next.")
    note = "<w:footnote w:id='2'><w:p><w:r><w:t>Grade 3 below 0 C.</w:t></w:r></w:p></w:footnote>"
    notes = f"<w:footnotes {nsdecls('w')}>{note}</w:footnotes>"
    [page] = docx.create({}).load(with_part(saved(made), "word/footnotes.xml", notes), "a.docx").pages
    assert page.text == "Use oil of grade 5 [1]\n\n[1] Grade 3 below 0 C.\n\nNext."


def test_an_archive_without_its_body_is_damaged():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", "<document/>")
    with pytest.raises(SourceError) as caught:
        docx.create({}).load(out.getvalue(), "a.docx")
    assert caught.value.code == "damaged"


@pytest.mark.parametrize(("shaded", "seen"), [(False, False), (True, True)])
def test_white_words_are_seen_where_anything_is_shaded(shaded, seen):
    made = python_docx.Document()
    paragraph = made.add_paragraph("One. ")._p
    paragraph.append(run("<w:rPr><w:color w:val='FFFFFF'/></w:rPr><w:t>two</w:t>"))
    if shaded:
        other = made.add_paragraph("Three.")._p
        other.get_or_add_pPr().append(element(f"<w:shd {nsdecls('w')} w:val='clear' w:fill='003366'/>"))
    [page] = docx.create({}).load(saved(made), "a.docx").pages
    assert ("two" in visible(page).text) == seen
