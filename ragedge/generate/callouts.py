"""From a number in a figure to the part: "clamp (6)" is "6. CLAMP – MS21333-96" in the legend of the same page."""

from __future__ import annotations

import re

from ragedge.generate.evidence import Evidence, Findings
from ragedge.generate.terms import content_terms, fold

_ASKS_WHICH = re.compile(
    r"\b(?:which|what (?:type|kind|size|sort) of)\s+(?P<one>(?:[\w-]+\s+){1,3})"
    r"|\b(?:part|stock|item|model) (?:no\.?|numbers?)\s+(?:of|for|has|does)\s+(?P<two>(?:[\w-]+\s*){1,6})"
    r"|\bnsn\s+(?:of|for)\s+(?P<three>(?:[\w-]+\s*){1,6})"
)
_CALLED_OUT = re.compile(r"(?P<name>(?:[a-z][a-z-]+\s){1,4})\(\s?(?P<number>\d{1,3})\s?\)")
_ENTRY = re.compile(r"\(?(?P<number>\d{1,3})[.)]\s")


def called_out(findings: Findings, best: Evidence) -> list[tuple[int, int]]:
    """Return where the parts stand that a question asks for and a unit names by their number in a figure.

    Args:
        findings: All the evidence.
        best: The unit that the answer begins with.

    Returns:
        (passage, unit) of the legend's entries, in the order of the numbers in the unit.
    """
    asks = _ASKS_WHICH.search(fold(findings.question.text))
    if asks is None:
        return []
    wanted = frozenset(content_terms(next(filter(None, asks.groups()))))
    here = findings.passages[best.passage]
    numbers: dict[str, frozenset[str]] = {}
    for found in _CALLED_OUT.finditer(fold(here.text(here.units[best.unit]))):
        named = frozenset(content_terms(found["name"].split()[-1]))
        if named & wanted:
            numbers.setdefault(found["number"], named)
    entries: dict[str, tuple[int, int]] = {}
    for place, passage in enumerate(findings.passages):
        if (passage.hit.source, passage.hit.page) != (here.hit.source, here.hit.page):
            continue
        for index, unit in enumerate(passage.units):
            entry = _ENTRY.match(passage.text(unit)) if unit.kind == "row" else None
            if entry and numbers.get(entry["number"], frozenset()) & passage.unit_terms[index]:
                entries.setdefault(entry["number"], (place, index))
    return [entries[number] for number in numbers if number in entries]
