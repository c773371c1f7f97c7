"""Markdown, HTML and text loaders; the contract for them and for PDF."""

from __future__ import annotations

import io

import pytest

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
    return [(b.kind, p.text[b.start : b.end]) for p in document.pages for b in p.blocks]


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


JAPANESE = [
    "冷却液の量を点検する。エンジンが冷えて",
    "いるときに、リザーブタンクの液面が上限",
    "と下限の間にあることを確かめる。",
]


@pytest.mark.parametrize(
    ("loader", "text_of"),
    [
        (markdown, "\n".join(JAPANESE)),
        (html, "<p>" + "\n  ".join(JAPANESE) + "</p>"),
        (text, "\n".join(JAPANESE)),
    ],
)
def test_wrapped_lines_of_japanese_are_joined_without_a_space(loader, text_of):
    assert loader.create({}).load(text_of.encode(), "a").pages[0].text == "".join(JAPANESE)


@pytest.mark.parametrize("loader", [markdown, html])
def test_wrapped_lines_of_other_scripts_keep_their_space(loader):
    for first, second in (("Open the", "plug."), ("냉각수를", "점검한다."), ("バルブ", "EX-4")):
        assert loader.create({}).load(f"{first}\n{second}".encode(), "a").pages[0].text == f"{first} {second}"


def test_short_lines_of_japanese_text_stay_apart():
    parts = "部品表\nドレンプラグのガスケット\n注油口キャップ"
    assert text.create({}).load(parts.encode(), "a.txt").pages[0].text == parts
    address = "本社\n東京都\n電話"
    assert text.create({}).load(address.encode(), "a.txt").pages[0].text == address


SPANNED = b"""<table><tr><th rowspan=2>Group</th><th colspan=2>Torque</th></tr><tr><th>Nm</th><th>lb-ft</th></tr>
<tr><td rowspan=2>Oil</td><td>25</td><td>18</td></tr><tr><td>9</td><td>7</td></tr>
<tr><td colspan=2>see page 3</td><td>x</td></tr></table>"""


def test_cells_over_several_rows_and_columns_keep_the_others_in_their_columns():
    document = html.create({}).load(SPANNED, "a.html")
    assert blocks(document) == [
        ("table", "Group | Torque Nm | Torque lb-ft\nOil | 25 | 18\nOil | 9 | 7\nsee page 3 | - | x")
    ]
    assert document.pages[0].blocks[0].header_rows == 1


@pytest.mark.parametrize(("first", "heads"), [("<td>Part<td>Nm", 1), ("<td>12<td>25", 0)])
def test_a_table_without_head_cells_has_heads_if_its_first_row_names_columns(first, heads):
    rows = "".join(f"<tr><td>M{i}<td>{i}" for i in range(3))
    document = html.create({}).load(f"<table><tr>{first}{rows}</table>".encode(), "a.html")
    assert document.pages[0].blocks[0].header_rows == heads


@pytest.mark.parametrize(
    "tail", [b"<!--" * 50_000, b"<a" * 50_000, b"<svg>" + b"<g>" * 50_000 + b"</a>" * 50_000]
)
def test_html_that_never_ends_what_it_begins_is_read(tail):
    page = html.create({}).load(b"<p>Before.</p>" + tail, "a.html").pages[0]
    assert page.text.startswith("Before.")


def test_a_comment_left_open_in_a_script_hides_nothing():
    page = html.create({}).load(b"<script><!-- x </script><p>After.</p>", "a.html").pages[0]
    assert page.text == "After."


def test_brackets_that_never_close_cost_no_search():
    page = (
        markdown.create({})
        .load(b"# One\n\n" + b"![" * 50_000 + b" [two](https://x.example) [see [3](#three)]", "a.md")
        .pages[0]
    )
    assert page.text.endswith(" two [see 3]")
