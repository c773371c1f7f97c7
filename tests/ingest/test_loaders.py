"""Markdown, HTML and text loaders; the contract for them and for PDF."""

from __future__ import annotations

import io

import pytest

from ragedge.datatypes import iter_block_text
from ragedge.errors import SourceError
from ragedge.ingest import html, markdown, pdf, text
from ragedge.testing.loader_contract import LoaderContract

MARKDOWN = b"""---
model: EX-4
year: 2031
title: "Workshop manual"
---
# Engine

Remove the **drain plug** with a [16 mm key](tools.md).
It is at the bottom.

> [!WARNING]
> Hot oil burns.

1. Warm the engine.
2. Open the plug.

| Part | Torque |
|------|-------:|
| Drain plug | 25 Nm |

```
code  stays
```
"""
HTML = b"""<!DOCTYPE html><html><head><meta charset="utf-8"><title>Manual</title><style>p {}</style>
<script>var x = "drain plug";</script></head><body><nav>menu</nav><h1>Oil &amp; filter</h1>
<p>Open the <b>drain plug</b>.<br>Then wait.</p><p>CAUTION</p><p>Hot oil.</p>
<ol><li>Warm it<li>Drain it<ul><li>slowly</ul></ol>
<table><tr><th>Part</th><th>Torque</th></tr><tr><td>Plug</td><td>25 Nm</td></tr></table></body></html>"""


class TestMarkdown(LoaderContract):
    plugin = "markdown"

    def make_loader(self):
        return markdown.create({})

    def sample(self):
        return MARKDOWN


class TestHtml(LoaderContract):
    plugin = "html"

    def make_loader(self):
        return html.create({})

    def sample(self):
        return HTML


class TestText(LoaderContract):
    plugin = "text"

    def make_loader(self):
        return text.create({})

    def sample(self):
        return (
            b"OIL CHANGE\n\nOpen the drain plug.\n\nWARNING\n\nHot oil burns.\n\n1. Warm it.\n2. Drain it.\n"
        )


class TestPdf(LoaderContract):
    plugin = "pdf"

    def make_loader(self):
        return pdf.create({})

    def sample(self):
        canvas_module = pytest.importorskip("reportlab.pdfgen.canvas")
        out = io.BytesIO()
        canvas = canvas_module.Canvas(out, invariant=1)
        canvas.drawString(72, 720, "Open the drain plug.")
        canvas.showPage()
        canvas.drawString(72, 720, "Then close it.")
        canvas.save()
        return out.getvalue()


def blocks(document):
    return [(block.kind, text) for page in document.pages for block, text in iter_block_text(page)]


def test_markdown_blocks():
    document = markdown.create({}).load(MARKDOWN, "m.md")
    assert document.metadata == {"model": "EX-4", "year": 2031, "title": "Workshop manual"}
    assert document.title == "Workshop manual"
    assert blocks(document) == [
        ("heading", "Engine"),
        ("paragraph", "Remove the drain plug with a 16 mm key. It is at the bottom."),
        ("warning", "WARNING\nHot oil burns."),
        ("list", "1. Warm the engine.\n2. Open the plug."),
        ("table", "Part | Torque\nDrain plug | 25 Nm"),
        ("code", "code  stays"),
    ]
    assert document.pages[0].blocks[4].header_rows == 1


def test_html_blocks():
    document = html.create({}).load(HTML, "m.html")
    assert document.title == "Manual"
    assert blocks(document) == [
        ("heading", "Oil & filter"),
        ("paragraph", "Open the drain plug.\nThen wait."),
        ("caution", "CAUTION\nHot oil."),
        ("list", "1. Warm it\n2. Drain it\n  - slowly"),
        ("table", "Part | Torque\nPlug | 25 Nm"),
    ]


def test_html_in_a_declared_encoding():
    page = "<html><head><meta charset=shift_jis></head><body><p>冷却液の点検</p></body></html>".encode(
        "shift_jis"
    )
    assert "冷却液の点検" in html.create({}).load(page, "m.html").pages[0].text


def test_form_feeds_are_pages():
    document = text.create({}).load(b"one\fTwo\f", "a.txt")
    assert [(page.number, page.text) for page in document.pages] == [(1, "one"), (2, "Two")]


@pytest.mark.parametrize("loader", [markdown, html, text])
def test_no_words_is_no_text(loader):
    with pytest.raises(SourceError) as caught:
        loader.create({}).load(b"<!-- -->\n" if loader is not text else b"\x01\x02\n", "a")
    assert caught.value.code == "no_text"


def test_control_characters_are_dropped():
    assert text.create({}).load(b"a\x00b\x07c \xef\xbf\xbf", "a.txt").pages[0].text == "abc"
