"""Checks a sentence that the model wrote against the passages: what they do not hold does not get out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ragedge.generate.evidence import Passage
from ragedge.generate.terms import codes, content_terms, fold, numbers, quantities

Reason = Literal[
    "", "too_short", "too_long", "unfinished", "loops", "repeats", "question", "numbers", "codes", "names", "support",
    "negation", "refers",
]  # fmt: skip

_SUPPORT = 0.8  # share of a sentence's content terms that its citation must hold
_NEW = 1  # terms a sentence must hold that the question does not
_SHORTEST, _LONGEST = 3, 60  # words
_WIDEST = 2  # neighbouring units that one sentence may rest on
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nor|neither|cannot|without|unless|except|only if|nicht|kein\w*|nie(?:mals)?|ohne)\b"
    r"|n't\b|ない|ません|禁止"
)
_MARKER = re.compile(r"\s*[\[(](?:passage\s*)?\d{1,2}[\])]")
_META = re.compile(
    r"\b(?:passages?|numbered|the text|the question|the user|as an ai|provided (?:text|information|context))\b|https?://"
)
_NAME = re.compile(r"(?<![.!?:]\s)(?<!^)\b[A-Z][\w'-]*(?:\s+[A-Z][\w'-]*)*")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a sentence may stand, why not, and the units that carry it (of one passage)."""

    reason: Reason
    passage: int = 0
    units: tuple[int, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the sentence was verified."""
        return self.reason == ""


def plain(sentence: str) -> str:
    """Return a sentence without passage markers and list marks."""
    return re.sub(r"^(?:[-*•]\s+|\d{1,2}[.)]\s+)", "", " ".join(_MARKER.sub("", sentence).split())).strip(
        "*` "
    )


def verify(
    sentence: str,
    passages: Sequence[Passage],
    question_terms: Sequence[str],
    said: Sequence[str],
    *,
    finished: bool = True,
) -> Verdict:
    """Check one sentence.

    Every number, quantity, code and name must stand in one run of at most two neighbouring units of one
    passage, with its heading; most content words too; and both must negate or neither.

    Args:
        sentence: As ``plain`` returns it.
        passages: What was retrieved.
        question_terms: A sentence must say more than these.
        said: Sentences that the answer already holds.
        finished: The model ended the sentence by itself.
    """
    words = sentence.split()
    terms = content_terms(sentence)
    unlike = _form(sentence, words, terms, frozenset(question_terms), said, finished=finished)
    if unlike:
        return Verdict(unlike)
    needs = frozenset(terms)
    wanted = (numbers(sentence), quantities(sentence), codes(sentence))
    named = {fold(name) for name in _NAME.findall(sentence)}
    negated = bool(_NEGATION.search(fold(sentence)))
    nearest: tuple[float, Reason] = (0.0, "support")
    best: tuple[float, Verdict] | None = None
    for place, passage in enumerate(passages):
        for first in range(len(passage.units)):
            for width in range(1, _WIDEST + 1):
                if first + width > len(passage.units):
                    continue
                reason, support = _check(passage, first, width, needs, wanted, named, negated)
                if not reason and (best is None or support > best[0]):
                    best = (support, Verdict("", place, tuple(range(first, first + width))))
                elif reason and support > nearest[0]:
                    nearest = (support, reason)
    return best[1] if best else Verdict(nearest[1])


def _form(
    sentence: str,
    words: list[str],
    terms: list[str],
    asked: frozenset[str],
    said: Sequence[str],
    *,
    finished: bool,
) -> Reason:
    """Find what is wrong with a sentence whatever the passages hold."""
    if not finished:
        return "unfinished"
    cjk = not sentence.isascii() and len(words) < len(terms) / 2
    if len(words) < _SHORTEST and not cjk:
        return "too_short"
    if len(words) > _LONGEST:
        return "too_long"
    if _META.search(fold(sentence)):
        return "refers"
    triples = Counter(zip(words, words[1:], words[2:], strict=False))
    if triples and max(triples.values()) > 2:
        return "loops"
    needs = frozenset(terms)
    if len(needs - asked) < _NEW:
        return "question"
    for earlier in said:
        before = frozenset(content_terms(earlier))
        if needs <= before or len(needs & before) > 0.75 * len(needs | before):
            return "repeats"
    return ""


def _check(
    passage: Passage,
    first: int,
    width: int,
    needs: frozenset[str],
    wanted: tuple[set[str], set[str], set[str]],
    named: set[str],
    negated: bool,
) -> tuple[Reason, float]:
    """Hold a sentence against a run of units; also return the share of its terms that the run holds."""
    run = range(first, first + width)
    held = passage.heading_terms.union(*(passage.unit_terms[i] for i in run))
    support = len(needs & held) / len(needs)
    if support < _SUPPORT:
        return "support", support
    own = "\n".join(passage.text(passage.units[i]) for i in run)
    heads = [head for i in run if passage.units[i].kind == "row" for head in passage.heads(i)]
    text = "\n".join((own, *heads, *passage.hit.heading))
    if wanted[0] - numbers(text):
        return "numbers", support
    if _unheld(wanted[1] - quantities(text), own, heads):
        return "numbers", support
    if wanted[2] - codes(text):
        return "codes", support
    folded = " ".join(fold(text).split())
    if any(name not in folded for name in named):
        return "names", support
    if negated != bool(_NEGATION.search(fold(own))):
        return "negation", support
    return "", support


def _unheld(missing: set[str], own: str, heads: list[str]) -> bool:
    """Whether a quantity stands in none of the cells under a head that is its unit."""
    if not missing:
        return False
    if not heads:
        return True
    values = numbers(own)
    under = {q for head in heads for value in values for q in quantities(f"{value} {head.strip('()[]')}")}
    under |= {
        q
        for head in heads
        if "(" in head
        for value in values
        for q in quantities(f"{value} {head.split('(')[-1].strip(')] ')}")
    }
    return bool(missing - under)
