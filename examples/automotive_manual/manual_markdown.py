"""Reads the example manual's Markdown subset (see ``render_manual.py``) into chapters of blocks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
NOTICES = ("WARNING", "CAUTION", "NOTE", "REVISION")


@dataclass(frozen=True)
class Part:
    """One block of a chapter: its kind, its text or rows, and its options."""

    kind: str
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    options: str = ""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Chapter:
    """A Markdown file: its front matter and its blocks."""

    meta: dict[str, str]
    parts: tuple[Part, ...]


def read_chapters(folder: Path = HERE / "manual") -> list[Chapter]:
    """Read every chapter, in the order of the file names."""
    return [read_chapter(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.md"))]


def read_chapter(text: str) -> Chapter:
    """Read one file: front matter, then blocks."""
    _, front, body = text.split("---\n", 2)
    meta = dict(re.split(r":\s*", line, maxsplit=1) for line in front.strip().splitlines())
    return Chapter(meta, tuple(read_parts(body.splitlines())))


def read_parts(lines: list[str]) -> Iterator[Part]:
    """Turn lines into blocks."""
    options, caption, at = "", "", 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.strip():
            continue
        if line.startswith("#"):
            marks, _, text = line.partition(" ")
            yield Part(f"h{len(marks)}", text)
        elif line.startswith(":::"):
            inside, at = take_until(lines, at, ":::")
            yield Part(line[3:].strip(), parts=tuple(read_parts(inside)))
        elif line.startswith("{"):
            options = line.strip("{}")
        elif re.match(r"Table \S+\. ", line):
            caption = line
        elif line.startswith("|"):
            block, at = take_while(lines, at - 1, lambda s: s.startswith("|"))
            rows = [tuple(c.strip() for c in row.strip().strip("|").split("|")) for row in block]
            yield Part("table", caption, tuple(r for r in rows if set("".join(r)) - set("-: ")), options)
            options = caption = ""
        elif line.startswith("> "):
            block, at = take_while(lines, at - 1, lambda s: s.startswith(">"))
            found = re.match(r"\*\*(\w+)\*\*\s+(.*)", " ".join(s[1:].strip() for s in block), re.DOTALL)
            if not found or found[1] not in NOTICES:
                raise ValueError(f"not a notice: {line[:60]!r}; allowed: {', '.join(NOTICES)}")
            yield Part("notice", found[2], options=found[1])
        elif image := re.match(r"!\[(.*)\]\(figure:(.*)\)", line):
            yield Part("figure", image[1], options=image[2])
        elif re.match(r"(\d+\.|-) ", line):
            mark, _, text = line.partition(" ")
            more, at = take_while(lines, at, lambda s: s.startswith("  "))
            yield Part("item", " ".join([text, *(s.strip() for s in more)]), options=mark)
        else:
            more, at = take_while(lines, at, lambda s: bool(s.strip()) and s[0] not in "#:{|>!")
            yield Part("paragraph", " ".join([line, *more]))


def take_until(lines: list[str], at: int, end: str) -> tuple[list[str], int]:
    """Return the lines before ``end``, and the position after it."""
    stop = lines.index(end, at)
    return lines[at:stop], stop + 1


def take_while(lines: list[str], at: int, keep: Callable[[str], bool]) -> tuple[list[str], int]:
    """Return the lines from ``at`` that ``keep`` accepts, and the position after them."""
    stop = at
    while stop < len(lines) and keep(lines[stop]):
        stop += 1
    return lines[at:stop], stop
