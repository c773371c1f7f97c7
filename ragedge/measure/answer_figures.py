"""Figures of one answer: words in common with the expert's, facts held, numbers that nothing cited holds."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ragedge.datatypes import Answer
from ragedge.generate.terms import fold, numbers

_WORD = re.compile(r"[a-z0-9]+")


def rouge_l(expected: str, given: str) -> float:
    """Return ROUGE-L's F-measure (Lin 2004): longest common subsequence of words."""
    a, b = _WORD.findall(expected.lower()), _WORD.findall(given.lower())
    row = [0] * (len(b) + 1)
    for word in a:
        before = 0
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], before + 1 if word == other else max(row[j], row[j - 1])
    common = row[-1]
    return 2 * common / (len(a) + len(b)) if common else 0.0


def holds(facts: Iterable[str], text: str) -> bool:
    """Whether a text holds every fact, in any spelling of spaces, dashes and case; numbers as whole numbers."""
    return all(_held(fact, text) for fact in facts)


def _held(fact: str, text: str) -> bool:
    # Two numbers that only a space, a line's end or a sentence's keeps apart stay two.
    parted = (re.sub(r"(?<=\d)[.,;]?\s+(?=\d)", "_", fold(t)) for t in (text, fact))
    given, wanted = (re.sub(r"(?<=\d),(?=\d{3})|[\s·•*-]+", "", t) for t in parted)
    pattern = re.escape(wanted)
    if wanted[:1].isdigit():
        pattern = r"(?<![\d.])" + pattern
    if wanted[-1:].isdigit():
        pattern += r"(?!\.?\d)"
    return bool(re.search(pattern, given))


def unsupported_numbers(answer: Answer) -> int:
    """Count the numbers of an answer that stand in none of their sentence's citations."""
    count = 0
    for sentence in answer.sentences:
        cited = "\n".join(answer.citations[i].quote for i in sentence.citations)
        contexts = "\n".join(
            p.context for p in answer.passages if any(q in p.text for q in cited.splitlines())
        )
        count += len(numbers(sentence.text) - numbers(f"{cited}\n{contexts}"))
    return count


def calibration_error(rows: Sequence[Mapping[str, Any]], bins: int = 10) -> float:
    """Return the mean distance of confidence from the share answerable, over bins of equal width."""
    total = 0.0
    for k in range(bins):
        inside = [r for r in rows if min(int(r["confidence"] * bins), bins - 1) == k]
        if inside:
            gap = statistics.mean(r["confidence"] for r in inside) - statistics.mean(
                r["answerable"] for r in inside
            )
            total += abs(gap) * len(inside) / len(rows)
    return total
