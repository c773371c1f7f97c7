"""Counts running heads, feet and page numbers that are left in chunks, and body text with the same words that is lost.

    python benchmarks/page_furniture.py [--data ../shared/data/army_manuals] [--list page_furniture.json] [--show]

The list says what furniture looks like; ``pdftotext -bbox-layout`` (poppler-utils), which knows nothing of our reader,
says where such a line stands on each page. Of a line's words, as often as they stand on a page, those in the listed
places are furniture and the rest is body: what our chunks of that page hold beyond the rest was left in, what they
hold less of it was lost.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import subprocess
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

from ragedge.config import IngestConfig
from ragedge.ingest.parser_process import CounterSpec, Parser

_PAGE = re.compile(r'<page width="[\d.]+" height="([\d.]+)">(.*?)</page>', re.S)
_LINE = re.compile(
    r'<line xMin="[\d.-]+" yMin="([\d.-]+)" xMax="[\d.-]+" yMax="([\d.-]+)">(.*?)</line>', re.S
)
_WORD = re.compile(r"<word[^>]*>(.*?)</word>", re.S)
_SHORT = (
    6  # characters up to which words are counted as tokens of their own; longer ones without their spaces
)


def poppler_pages(path: Path) -> list[list[tuple[float, str]]]:
    """Return each page's lines with their places: 0 at the top of the page, 1 at its foot."""
    done = subprocess.run(["pdftotext", "-bbox-layout", str(path), "-"], capture_output=True, check=True)
    pages = []
    for page in _PAGE.finditer(done.stdout.decode("utf-8", "replace")):
        lines = []
        for line in _LINE.finditer(page[2]):
            words = " ".join(html.unescape(word) for word in _WORD.findall(line[3]))
            lines.append(((float(line[1]) + float(line[2])) / 2 / float(page[1]), plain(words)))
        pages.append(lines)
    return pages


def chunk_pages(path: Path) -> list[str]:
    """Return the text of each page's chunks."""
    with Parser(IngestConfig(), CounterSpec("ragedge.testing.word_counter:create")) as parser:
        parsed = parser.parse(path.name, path.read_bytes())
    texts = [""] * len(parsed.document.pages)
    for chunk in parsed.chunks:
        for span in chunk.spans:
            texts[span.page_index] += (
                parsed.document.pages[span.page_index].text[span.start : span.end] + "\n"
            )
    return [plain(text, keep_lines=True) for text in texts]


def plain(text: str, *, keep_lines: bool = False) -> str:
    """Return text in NFKC with one space between words."""
    text = unicodedata.normalize("NFKC", text)
    lines = [" ".join(line.split()) for line in (text.split("\n") if keep_lines else [text])]
    return "\n".join(line for line in lines if line)


def occurrences(words: str, text: str) -> int:
    """Count words in a text: short ones as tokens, long ones wherever they stand."""
    if len(words) <= _SHORT:
        tokens, wanted = text.split(), words.split()
        return sum(tokens[i : i + len(wanted)] == wanted for i in range(len(tokens)))
    return "".join(text.split()).count("".join(words.split()))


def measure(path: Path, furniture: list[dict[str, Any]], *, show: bool) -> Counter[str]:
    """Count one manual's furniture: listed, left in chunks, and body text like it that was lost."""
    counts: Counter[str] = Counter()
    for number, (lines, ours) in enumerate(zip(poppler_pages(path), chunk_pages(path), strict=True), 1):
        rules = [
            (re.compile(rule["line"]), rule["edge"] == "top", rule["within"])
            for rule in furniture
            if number not in rule.get("except", ())
        ]
        listed = Counter(
            line
            for at, line in lines
            if any(
                pattern.fullmatch(line) and (at < within if top else at > 1 - within)
                for pattern, top, within in rules
            )
        )
        everything = "\n".join(line for _, line in lines)
        ends = ours.split("\n")[:1] + ours.split("\n")[-1:]
        for line, count in listed.items():
            body = max(occurrences(line, everything) - count, 0)
            kept = occurrences(line, ours)
            left = min(max(kept - body, int(line in ends)), count)
            lost = max(body - kept, 0)
            counts.update(listed=count, left=left, body=body, lost=lost)
            if show and (left or lost):
                print(f"  page {number}: {line!r}  listed {count}  body {body}  in chunks {kept}")
    return counts


def main() -> None:
    here = Path(__file__)
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=here.parents[2] / "shared" / "data" / "army_manuals")
    arguments.add_argument("--list", type=Path, default=here.with_suffix(".json"))
    arguments.add_argument("--show", action="store_true", help="print what was left in or lost")
    options = arguments.parse_args()
    total: Counter[str] = Counter()
    for manual in json.loads(options.list.read_text())["manuals"]:
        counts = measure(options.data / manual["file"], manual["furniture"], show=options.show)
        total += counts
        print(manual["file"], dict(counts))
    share = total["left"] / max(total["listed"], 1)
    print(json.dumps({**total, "left_share": round(share, 4)}))


if __name__ == "__main__":
    main()
