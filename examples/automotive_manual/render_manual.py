"""Renders the Markdown under ``manual/`` to ``manual.pdf``, and keeps the pages in ``qa.jsonl`` true.

    python render_manual.py                 write manual.pdf (needs reportlab)
    python render_manual.py --check         compare manual.pdf with a fresh rendering (text, page labels), and
                                            qa.jsonl (facts, evidence, distractors) with the pages it names
    python render_manual.py --update-pages  recompute the pages in qa.jsonl from its evidence

Chapters are rendered in the order of their file names. The Markdown subset:

- front matter between ``---`` lines: ``chapter`` (the printed label's prefix; ``front`` counts i, ii, iii),
  ``title`` and who it applies to;
- ``#`` chapter, ``##`` numbered section (in the outline and the contents), ``###`` minor heading;
- paragraphs, ``- `` bullets, ``1. `` steps (a line indented by three spaces continues the item);
- ``> **WARNING** text``, also CAUTION, NOTE and REVISION: a box; it stays with the step that follows it;
- pipe tables; a line ``Table 4-1. Caption`` before one is its caption, repeated with "(continued)" on each
  further page; ``{widths=4,1,1 unruled}`` before the table sets column shares and leaves the rules out;
  ``<br>`` breaks a line inside a cell;
- ``![Figure 7-1. Caption](figure:name)``: a drawing of ``figures.py``;
- ``::: two-columns`` and ``::: landscape`` until ``:::``: pages of their own; a landscape page is drawn
  sideways and carries /Rotate 90, as scanners and drawing offices make them;
- ``::: cover``: a title page; ``::: contents``: the table of contents;
- ``{page:7.3}``: the printed label of the page on which section 7.3 starts.

Characters are those of Windows-1252, which the PDF's built-in fonts can show.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manual_markdown import HERE, Chapter, read_chapters

if TYPE_CHECKING:
    from manual_pages import Layout
    from reportlab.platypus import Flowable

TITLE = "Quillane Sarrow Service Manual"
DOCUMENT_NUMBER = "SM-SRW-2425 Rev. 3"


def render(chapters: list[Chapter]) -> tuple[bytes, Layout]:
    """Render chapters to PDF bytes; passes repeat until no page number moves."""
    from manual_pages import Layout

    layout = Layout()
    for _ in range(5):
        data, found = render_once(chapters, layout)
        if (found.labels, found.starts) == (layout.labels, layout.starts):
            return data, found
        layout = found
    raise RuntimeError("page numbers did not settle in 5 passes")


def render_once(chapters: list[Chapter], known: Layout) -> tuple[bytes, Layout]:
    """Render with the page numbers of the pass before; return the PDF and the numbers it came to."""
    from manual_pages import ManualDocument, Typesetter

    out = io.BytesIO()
    document = ManualDocument(out, known, title=TITLE, number=DOCUMENT_NUMBER)
    typesetter = Typesetter(document, known)
    story: list[Flowable] = []
    for chapter in chapters:
        story += typesetter.chapter(chapter)
    document.build(story)
    return out.getvalue(), document.found


# --- qa.jsonl against the pages --------------------------------------------------------------------------


def page_texts(pdf: bytes) -> list[str]:
    """Extract every page's text, white space collapsed."""
    from pypdf import PdfReader

    return [squeeze(page.extract_text()) for page in PdfReader(io.BytesIO(pdf)).pages]


def page_labels(pdf: bytes) -> list[str]:
    """Read the page labels that viewers show."""
    from pypdf import PdfReader

    return list(PdfReader(io.BytesIO(pdf)).page_labels)


def squeeze(text: str) -> str:
    """Collapse white space, so that a line break inside a quote does not matter."""
    return " ".join(text.split())


def read_questions(path: Path = HERE / "qa.jsonl") -> list[dict[str, Any]]:
    """Read the questions."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def find_pages(texts: list[str], needles: Iterable[str]) -> list[int]:
    """Return the 1-based positions of the pages that hold any of the needles."""
    wanted = [squeeze(n) for n in needles]
    return [n for n, text in enumerate(texts, 1) if any(w in text for w in wanted)]


def quotes(question: dict[str, Any]) -> list[str]:
    """Return the words of the manual that carry the answer, one string for each place where it stands."""
    return [quote for quote in (question["evidence"], *question["also"]) if quote]


def place(question: dict[str, Any], texts: list[str]) -> dict[str, Any]:
    """Return a question with its pages, and its distractors' pages, recomputed."""
    placed = dict(question)
    placed["pages"] = find_pages(texts, quotes(question))
    placed["distractors"] = [
        {"text": d["text"], "pages": [p for p in find_pages(texts, [d["text"]]) if p not in placed["pages"]]}
        for d in question["distractors"]
    ]
    return placed


def faults(question: dict[str, Any], texts: list[str]) -> list[str]:
    """Say what is wrong with a question against the pages; nothing when it is right."""
    found = []
    placed = place(question, texts)
    if placed["pages"] != question["pages"]:
        found.append(f"pages are {placed['pages']}, it says {question['pages']}")
    for quote in quotes(question):
        if not find_pages(texts, [quote]):
            found.append(f"evidence stands on no page: {quote!r}")
    for fact in question["facts"]:
        if not any(squeeze(fact) in texts[p - 1] for p in placed["pages"]):
            found.append(f"fact stands on none of its pages: {fact!r}")
    for was, now in zip(question["distractors"], placed["distractors"], strict=True):
        if not now["pages"]:
            found.append(f"distractor stands on no other page: {now['text']!r}")
        elif was.get("pages") != now["pages"]:
            found.append(f"distractor {now['text']!r} is on {now['pages']}")
    return found


def check(pdf_path: Path = HERE / "manual.pdf") -> list[str]:
    """Compare the committed PDF with a fresh rendering, and the questions with its pages."""
    fresh, committed = render(read_chapters())[0], pdf_path.read_bytes()
    problems = []
    if page_labels(fresh) != page_labels(committed):
        problems.append("the page labels of manual.pdf differ from a fresh rendering")
    texts = page_texts(committed)
    for number, (old, new) in enumerate(zip(texts, page_texts(fresh), strict=False), 1):
        if old != new:
            problems.append(f"page {number} of manual.pdf differs from a fresh rendering")
    for question in read_questions():
        problems += [f"{question['id']}: {fault}" for fault in faults(question, texts)]
    return problems


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Render the example manual, or check it.")
    parser.add_argument(
        "--check", action="store_true", help="compare manual.pdf and qa.jsonl with the sources"
    )
    parser.add_argument("--update-pages", action="store_true", help="recompute the pages in qa.jsonl")
    parser.add_argument("--out", type=Path, default=HERE / "manual.pdf")
    options = parser.parse_args()
    if options.check:
        problems = check(options.out)
        print("\n".join(problems) or "manual.pdf and qa.jsonl agree with the sources")
        return 1 if problems else 0
    if options.update_pages:
        texts = page_texts(options.out.read_bytes())
        lines = [json.dumps(place(q, texts), ensure_ascii=False) + "\n" for q in read_questions()]
        (HERE / "qa.jsonl").write_text("".join(lines), encoding="utf-8")
        return 0
    data, layout = render(read_chapters())
    options.out.write_bytes(data)
    print(f"{options.out.name}: {len(layout.labels)} pages, {len(data):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
