"""``inspect --html``: the page that shows what was read, with and without pictures."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

import ragedge

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Collects the elements and the text of a page, and checks that every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def named(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def pdf():
    canvas_module = pytest.importorskip("reportlab.pdfgen.canvas")
    out = io.BytesIO()
    canvas = canvas_module.Canvas(out, invariant=1)
    for words in ("Open the drain plug.", "Close it & <b>wait</b>."):
        canvas.drawString(72, 720, words)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


@pytest.fixture
def kb(tmp_path, home_with_models):
    (tmp_path / "m.pdf").write_bytes(pdf())
    rows = "\n".join(f"| M{i} | {i * 7} Nm | bolt {i} |" for i in range(1, 60))
    table = f"| Thread | Torque | Where |\n|---|---|---|\n{rows}"
    (tmp_path / "t.md").write_text(f"# Torque <x>\n\nWARNING\n\nHot.\n\n{table}\n")
    with ragedge.open(tmp_path / "kb", create=True) as made:
        made.ingest(tmp_path / "m.pdf", tmp_path / "t.md")
    return tmp_path / "kb"


def run(*args):
    return subprocess.run(
        [sys.executable, "-m", "ragedge", "inspect", *map(str, args)], capture_output=True, text=True
    )


def test_each_page_stands_beside_its_picture(kb, tmp_path):
    out = tmp_path / "out.html"
    done = run("m.pdf", "--kb", kb, "--html", out)
    assert done.returncode == 0, done.stderr
    page = Page(out.read_text("utf-8"))
    pictures = [image["src"] for image in page.named("img")]
    assert len(pictures) == 2
    assert all(re.match("data:image/(png|webp);base64,[A-Za-z0-9+/]+=*$", source) for source in pictures)
    assert pictures[0] != pictures[1]
    assert "Open the drain plug." in page.text
    assert "Close it & <b>wait</b>." in page.text, "the document's text is text, not markup"
    assert not page.named("script") and not page.named("link")
    assert "default-src 'none'" in page.named("meta")[1]["content"]
    links = {attrs["href"] for attrs in page.named("a")}
    assert links == {f"#{attrs['id']}" for attrs in page.named("section")}


def test_a_format_without_pages_has_blocks_and_chunks_alone(kb, tmp_path):
    out = tmp_path / "out.html"
    done = run("t.md", "--kb", kb, "--html", out, "--json")
    assert json.loads(done.stdout) == {"schema": 1, "html": str(out), "pages": 1, "pictures": 0}
    assert "no pictures" not in done.stderr
    page = Page(out.read_text("utf-8"))
    assert not page.named("img")
    assert "Torque <x>" in page.text
    kinds = {attrs.get("class", "") for attrs in page.named("div")}
    assert {"block heading", "block warning", "block table"} <= kinds
    chunks = page.named("article")
    assert len(chunks) > 2
    assert all(attrs["class"] == "chunk" for attrs in chunks), "every character is in some chunk"
    assert page.named("th")[-1].get("class") == "carried", "a part of a table shows the heads that it carries"


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_without_the_file_it_says_so_and_shows_the_rest(kb, tmp_path, change):
    moved = tmp_path / "elsewhere.pdf"
    (tmp_path / "m.pdf").rename(moved)
    if change == "changed":
        (tmp_path / "m.pdf").write_bytes(b"%PDF-1.4 another")
    out = tmp_path / "out.html"
    done = run("m.pdf", "--kb", kb, "--html", out)
    assert done.returncode == 0
    assert "--file PATH" in done.stderr
    page = Page(out.read_text("utf-8"))
    assert "--file PATH" in page.text and "Open the drain plug." in page.text
    assert not page.named("img")
    assert run("m.pdf", "--kb", kb, "--html", out, "--file", moved, "--page", 2).returncode == 0
    page = Page(out.read_text("utf-8"))
    assert len(page.named("img")) == 1 and "Open" not in page.text


def test_without_the_extra_it_names_it(kb, tmp_path, monkeypatch):
    from ragedge.errors import MissingExtraError
    from ragedge.ingest.render import PdfPictures

    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(MissingExtraError, match=r"ragedge\[render\]"):
        PdfPictures(pdf(), "m.pdf")


def test_an_output_that_cannot_be_written_leaves_nothing(kb, tmp_path):
    done = run("t.md", "--kb", kb, "--html", tmp_path / "no such folder" / "out.html")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr


def test_as_text_it_shows_blocks_and_chunks(kb):
    done = run("t.md", "--kb", kb)
    lines = done.stdout.splitlines()
    assert "[heading 0:10]" in lines and "[warning 12:24]" in lines
    chunks = [line for line in lines if line.startswith("(chunk ")]
    assert len(chunks) > 2
    assert chunks[-1].endswith("Torque <x>  with: Thread | Torque | Where")
