"""What OCR makes of scans: pictures of pages out of robust_pdfs, and pages whose text is known.

    python benchmarks/scans.py                                  # connectors/ocr installed
    python benchmarks/scans.py --known examples/automotive_manual/manual.pdf --pages 6

The first table: each file of `robust_pdfs/` that labels.json calls image_only, or without text and with images, its
characters read and the engine's confidence. The second: pages of a PDF with a text layer are drawn as pictures at
150 dots an inch and read again; characters right are those in the longest alignment of both texts, spaces left out.
Files without a word in them (test patterns) are told apart by --words, made by eye, one name a line.
"""

from __future__ import annotations

import argparse
import difflib
import io
import json
import time
from pathlib import Path
from typing import Any

from ragedge.config import IngestConfig
from ragedge.errors import SourceError
from ragedge.ingest.ocr_process import OcrProcess
from ragedge.ingest.parser_process import CounterSpec, Parser

COUNTER = CounterSpec("ragedge.testing.word_counter:create")
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--robust", type=Path, default=DATA / "robust_pdfs")
    parser.add_argument("--known", type=Path, default=ROOT / "examples/automotive_manual/manual.pdf")
    parser.add_argument("--pages", type=int, default=6, help="pages of --known, spread over it; 0 for none")
    parser.add_argument("--words", type=Path, help="names of the files that hold words")
    parser.add_argument("--ocr", default="rapidocr")
    arguments = parser.parse_args()
    config = IngestConfig(ocr=arguments.ocr, ocr_page_s=600, timeout_s=600)
    ocr = OcrProcess(config)
    with Parser(config, COUNTER, ocr=ocr) as reader:
        if arguments.pages:
            known(arguments.known, arguments.pages, reader)
        if arguments.robust.is_dir():
            rows = robust(arguments.robust, reader)
            names = set(arguments.words.read_text().split()) if arguments.words else {r["file"] for r in rows}
            worded = [row for row in rows if row["file"] in names]
            read = sum(row["characters"] > 0 for row in worded)
            print(json.dumps({"files": len(rows), "with_words": len(worded), "text_from": read}))
    ocr.close()


def robust(folder: Path, reader: Parser) -> list[dict[str, Any]]:
    rows = []
    for label in json.loads((folder / "labels.json").read_text()):
        scanned = label["label"] == "image_only" or (not label["text_chars"] and label["images"])
        if not scanned or label["needs_password"]:
            continue
        started = time.perf_counter()
        try:
            parsed = reader.parse(label["file"], (folder / label["file"]).read_bytes())
            text = "".join(page.text for page in parsed.document.pages)
            sure = [b.confidence for p in parsed.document.pages for b in p.blocks if b.confidence is not None]
            found = {"characters": len("".join(text.split())), "confidence": round(min(sure, default=1.0), 2)}
        except SourceError as exc:
            found = {"characters": 0, "code": exc.code}
        rows.append({"file": label["file"], **found, "seconds": round(time.perf_counter() - started, 1)})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def known(file: Path, count: int, reader: Parser) -> None:
    typed = reader.parse(file.name, file.read_bytes()).document
    places = [i for i, page in enumerate(typed.pages) if len(page.text) > 400]
    right = total = 0
    for place in places[:: max(1, len(places) // count)][:count]:
        read = reader.parse("scan.pdf", picture_of(file, place)).document.pages[0]
        a, b = ("".join(text.split()) for text in (typed.pages[place].text, read.text))
        blocks = difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
        matched = sum(block.size for block in blocks)
        right, total = right + matched, total + len(a)
        print(
            json.dumps({"page": place + 1, "characters": len(a), "right": matched, "read": len(b)}),
            flush=True,
        )
    print(
        json.dumps(
            {"known": file.name, "characters": total, "right": right, "share": round(right / total, 4)}
        )
    )


def picture_of(file: Path, page: int) -> bytes:
    import pypdfium2
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    drawn = pypdfium2.PdfDocument(file)[page]
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=drawn.get_size())
    canvas.drawImage(ImageReader(drawn.render(scale=150 / 72).to_pil()), 0, 0, *drawn.get_size())
    canvas.save()
    return out.getvalue()


if __name__ == "__main__":
    main()
