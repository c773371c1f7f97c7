"""Finds where sentences end, in scripts with and without spaces."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ABBREVIATIONS = frozenset(
    [
        "approx",
        "art",
        "ca",
        "cf",
        "ch",
        "chap",
        "dr",
        "e.g",
        "eq",
        "etc",
        "fig",
        "figs",
        "ft",
        "gal",
        "hr",
        "i.e",
        "in",
        "inc",
        "incl",
        "kg",
        "lb",
        "lbs",
        "ltd",
        "max",
        "min",
        "mm",
        "mr",
        "mrs",
        "ms",
        "no",
        "nos",
        "op",
        "oz",
        "p",
        "par",
        "para",
        "paras",
        "pp",
        "pt",
        "qt",
        "ref",
        "sec",
        "sect",
        "st",
        "std",
        "tel",
        "temp",
        "vol",
        "vs",
        "bzw",
        "ca",
        "d.h",
        "evtl",
        "ggf",
        "inkl",
        "nr",
        "s",
        "u.a",
        "usw",
        "vgl",
        "z.b",
        "abb",
    ]
)
# A full stop and space before a capital, digit or bracket; or a CJK full stop; or a blank line.
_END = re.compile(
    r"(?<=[.!?])[\"')\]”’]*(?=\s+[\"'(\[“‘]?[A-Z0-9ÄÖÜ\u3040-\u9fff])|(?<=[。！？])[」』）]*|\n(?=\s*\n)"
)


_MEASURED = re.compile(r"\d\s?[A-Za-z]\.$")  # "takes 4.2 L." is no initial


def sentence_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield half-open spans that together cover ``text[start:end]``, spaces after a sentence with it."""
    at = start
    for found in _END.finditer(text, start, end):
        stop = found.end()
        if stop >= end:
            break
        if text[stop - 1] == ".":
            word = text[max(at, stop - 12) : stop - 1].split()[-1:] or [""]
            bare = word[0].lstrip("(").lower()
            # An abbreviation, an initial, or the number of a step: the sentence goes on.
            if (
                bare in _ABBREVIATIONS
                or (len(bare) == 1 and bare.isalpha() and not _MEASURED.search(text, at, stop))
                or text[at : stop - 1].strip().isdigit()
            ):
                continue
        while stop < end and text[stop].isspace():
            stop += 1
        if stop > at:
            yield at, stop
            at = stop
    if at < end:
        yield at, end
