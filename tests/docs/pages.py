"""Reads the project's Markdown pages for the tests beside this file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md"))
    if not path.name.startswith(".")
)
_FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^```", re.M | re.S)


@dataclass(frozen=True)
class Fenced:
    """A fenced block: its page, the line it begins on, its language and its code."""

    page: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def fenced(page: Path) -> list[Fenced]:
    """Return a page's fenced blocks."""
    text = page.read_text(encoding="utf-8")
    return [
        Fenced(page, text.count("\n", 0, found.start()) + 1, found["language"], found["code"])
        for found in _FENCE.finditer(text)
    ]


def blocks(*languages: str) -> list[Fenced]:
    """Return the blocks of these languages on all pages."""
    return [block for page in PAGES for block in fenced(page) if block.language in languages]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))
