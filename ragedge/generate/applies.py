"""Which model, year, market or side a question is about, and what is said of another one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ragedge.generate.terms import codes, content_terms, fold, stem

# Words that exclude each other: what is said of one is not said of the others.
OPPOSED = tuple(
    frozenset(stem(word) for word in group.split())
    for group in (
        "front rear", "left right", "upper lower", "inner outer", "intake exhaust", "driver passenger", "eu usa jp",
        "awd fwd rwd", "summer winter", "maximum minimum", "vorne hinten", "links rechts", "oben unten", "innen außen",
        "petrol diesel", "automatic manual", "disconnect reconnect", "unlock lock",
    )
)  # fmt: skip
_YEAR = re.compile(r"(?<![\w.,])(?:19|20)\d\d(?![\w]|[.,]\d)")
_DECIMAL = re.compile(r"(?<![\w.,])\d\.\d(?!\d|\s?%|[.,]\d)(?=\s+[a-z])")
_NAMED = re.compile(r"(?<!^)(?<![.!?]\s)\b([A-Z][\w-]*)\s(\d{1,3})(?![\w.,]|\s?%)")
_SHARED = 0.5  # of two codes' characters, at their ends, from which they name things of one kind


def years(text: str) -> frozenset[str]:
    """Return the calendar years that a text names."""
    return frozenset(_YEAR.findall(text))


class Asked:
    """The models, years, markets and sides that a question names, read once for all that is held against it."""

    def __init__(self, question: str) -> None:
        """Read a question."""
        terms = set(content_terms(question))
        self._groups = [(group, terms & group) for group in OPPOSED if terms & group]
        self._years = years(question)
        self._codes = codes(question)

    def __bool__(self) -> bool:
        return bool(self._groups or self._years or self._codes)

    def conflicts(self, text: str) -> int:
        """Count what a text (a sentence, a row, a heading) says of another model, year, market or side."""
        if not self:
            return 0
        count = 0
        if self._groups:
            said = set(content_terms(text))
            count += sum(bool(said & group) and not said & wanted for group, wanted in self._groups)
        if self._years:
            named = years(text)
            count += bool(named and not named & self._years)
        if self._codes:
            others = codes(text)
            count += sum(any(_alike(code, other) for other in others) for code in self._codes - others)
        return count

    def settles(self, text: str) -> int:
        """Count the years, codes and opposed words of the question that a text names."""
        if not self:
            return 0
        count = 0
        if self._groups:
            said = set(content_terms(text))
            count += sum(bool(said & wanted) for _, wanted in self._groups)
        if self._years:
            count += len(self._years & years(text))
        if self._codes:
            count += len(self._codes & codes(text))
        return count


def absent(question: str, texts: Iterable[str]) -> frozenset[str]:
    """Return what the question names exactly and no text does: years, sizes such as ``2.0``, ``Type 3``.

    A name with a number counts only where the texts hold the name with another number.
    """
    everything = "\n".join(texts)
    missing = set(years(question) - years(everything))
    missing |= {size for size in _DECIMAL.findall(fold(question)) if size not in everything}
    for name, number in _NAMED.findall(question):
        held = set(re.findall(rf"\b{re.escape(name)}\s(\d{{1,3}})\b", everything, re.I))
        if held and number not in held:
            missing.add(f"{name} {number}")
    return frozenset(missing)


def _alike(code: str, other: str) -> bool:
    """Whether two codes name things of one kind: ``QE16P`` and ``QE16A``, ``H16`` and ``P16``."""
    shapes = (re.sub(r"\d", "9", re.sub(r"[^\W\d_]", "a", c)) for c in (code, other))
    short, long = sorted(shapes, key=len)
    if code == other or not long.startswith(short) or len(long) - len(short) > 1:
        return False
    head = next((i for i, (a, b) in enumerate(zip(code, other, strict=False)) if a != b), len(short))
    tail = next(
        (i for i, (a, b) in enumerate(zip(code[::-1], other[::-1], strict=False)) if a != b), len(short)
    )
    return max(head, tail) >= _SHARED * len(short)
