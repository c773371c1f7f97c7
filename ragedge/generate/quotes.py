"""The extractive answer: which units to quote, in which order, and how they read."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ragedge.generate.applies import Asked
from ragedge.generate.callouts import called_out
from ragedge.generate.comparison import evidence_by_side
from ragedge.generate.enough import Enough
from ragedge.generate.evidence import Evidence, Findings, holds_value
from ragedge.generate.passages import Passage
from ragedge.generate.sentences import NOT_QUOTED, cells, flat
from ragedge.generate.short_answer import asks_for_a_few_words, best_span
from ragedge.generate.subject import speaks_of
from ragedge.generate.terms import content_terms, fold
from ragedge.generate.unit_score import NOT_A_STATEMENT

# Characters, chosen on development questions (docs/decisions/022-how-much-is-quoted.md): a longer answer holds more
# of the facts, and is worse to read.
_LONGEST = {"value": 900, "where": 800, "yes_no": 800, "compare": 800, "explain": 800, "how_to": 600}
_PARAGRAPH = {"value": 200, "where": 780, "yes_no": 780, "compare": 830, "explain": 830, "how_to": 1100}
_LONGEST_STEPS = 2400  # a procedure cut short is worse than a long one
_COMPARED = 700  # ... with the evidence of both sides before it
_WORTH = 0.5  # of the best unit's share of the question's words
_NEAR = 0.5  # ... of a unit with a value, to stand before a first without
_LEVEL = 0.1  # ... of the first passage, to stand before another's
_UNRELATED = 0.1  # cosine with the question under which a sentence has nothing to do with it
# Of the weight of all spans; from here on 73 of 100 are right or hold what is right, below it fewer than half.
_SURE = 0.5
_FEWEST_WORDS, _FEWEST_SIGNS = 2, 4  # of a statement; signs where no spaces part words
_WORD = re.compile(r"[^\W\d_]{2,}")
_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
_PARENTHESES = re.compile(r"\s*[(\[]([^)\]]*)[)\]]\s*$")
_UNIT_HEAD = re.compile(
    r"n[·.•-]?m|(?:lbf?|ft|in)[ .·-]{1,2}(?:ft|lbf?s?|in)\.?|psi|bar|kpa|mm|cm|m|km|in\.?|inch(?:es)?|kg|g|lbs?|"
    r"l|liters?|litres?|ml|qts?|gal(?:lons)?|v(?:olts?)?|m?a(?:mps?)?|ah|k?wh?|watts?|ohms?|ω|hz|rpm|°\s?[cf]|miles|months?|years?|hours?|min(?:utes)?|s(?:econds)?|%",
    re.I,
)
_FIRST_STEP = re.compile(r"\(?(?:\d{1,3}-)?1[.)]\s")
_NUMBERED = re.compile(r"\(?(?:\d{1,3}-)?\d{1,3}[.)]\s")
_NUMERIC = re.compile(r"[±<>≤≥~]?\s?[\d.,/–-]+(?:\s?(?:to|–|-|±)\s?[\d.,/]+)?")


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of the answer taken from a passage.

    Attributes:
        text: The words on one line; a table row with its column heads before the cells.
        passage: Which passage.
        units: Its units that carry it: the one quoted first, then the column heads if they stand in the passage.
        alone: It is a few words of a sentence, on a line of their own.
    """

    text: str
    passage: int
    units: tuple[int, ...]
    alone: bool = False


def choose_quotes(findings: Findings) -> list[Quote]:
    """Return what to quote, the best first; empty where no unit holds a word of the question."""
    if not findings.ranked:
        return []
    form = findings.question.form
    if findings.question.language == "ja" and (short := _in_a_few_words(findings)):
        return short
    if form == "how_to" and (steps := _procedure(findings)):
        return steps
    if form == "compare" and (sides := evidence_by_side(findings)):
        quotes = [_fitted(findings, side) for side in sides]
        return _with_more(findings, sides[0], quotes, _COMPARED)
    best = _lead(findings)
    quotes = _run(findings, best, _PARAGRAPH[form])
    quotes += [as_quote(findings.passages[place], place, unit) for place, unit in called_out(findings, best)]
    return _with_more(findings, best, quotes, _LONGEST[form])


def choose_in_parts(findings: Findings) -> list[Quote]:
    """Return what to quote for each of the questions that a question asks, in their order, each unit once."""
    if not findings.parts:
        return choose_quotes(findings)
    chosen: dict[tuple[int, int], Quote] = {}
    for part in findings.parts:
        for quote in choose_quotes(part):
            chosen.setdefault((quote.passage, quote.units[0]), quote)
    return list(chosen.values())


def _in_a_few_words(findings: Findings) -> list[Quote]:
    """The words that answer, and the sentence that holds them; empty where a question asks for more."""
    question = findings.question.text
    if not asks_for_a_few_words(question):
        return []
    span = best_span(question, [passage.hit.text for passage in findings.passages])
    if span is None or span.share < _SURE:
        return []
    passage = findings.passages[span.text]
    held = (i for i, unit in enumerate(passage.units) if unit.start <= span.start and span.end <= unit.end)
    index = next(held, None)
    if index is None or passage.units[index].kind in NOT_QUOTED:
        return []
    whole = as_quote(passage, span.text, index)
    words = flat(passage.hit.text[span.start : span.end])
    return [Quote(words, span.text, (index,), alone=True), whole]


def as_quote(passage: Passage, place: int, index: int) -> Quote:
    """Quote one unit; a row gets its column heads."""
    unit = passage.units[index]
    text = passage.text(unit)
    if unit.kind != "row":
        return Quote(flat(text), place, (index,))
    heads = passage.heads(index)
    carried: tuple[int, ...] = (index,)
    if heads and not passage.hit.context:
        first = index
        while first > 0 and passage.units[first - 1].kind == "row":
            first -= 1
        carried = (index, first)
    return Quote(read_row(cells(text), heads), place, carried)


def read_row(row: list[str], heads: list[str]) -> str:
    """Write a table row to be read alone: ``Fastener: drain plug; 35 N·m``.

    A head that is a unit, or ends in one in brackets, follows the number that it measures.
    """
    if not heads:
        return " | ".join(cell for cell in row if cell)
    parts = []
    for cell, head in zip(row, heads, strict=False):
        if not cell:
            continue
        name, unit = head, ""
        if bracketed := _PARENTHESES.search(head):
            if _UNIT_HEAD.fullmatch(bracketed[1].strip()):
                name, unit = head[: bracketed.start()].strip(), bracketed[1].strip()
        elif _UNIT_HEAD.fullmatch(head.strip()):
            name, unit = "", head.strip()
        if unit and _NUMERIC.fullmatch(cell):
            cell = f"{cell} {unit}"
        elif unit:
            name = head
        parts.append(f"{name}: {cell}" if name and fold(name) != fold(cell) else cell)
    return "; ".join(parts)


def _lead(findings: Findings) -> Evidence:
    """The unit to begin with: the best statement, or one that does nearly as well.

    For a value, one that holds it; to explain, one of the first passage, which was found for all that it says.
    """
    ranked = [e for e in findings.ranked[:12] if _is_statement(findings, e)] or list(findings.ranked[:1])
    best = ranked[0]
    if findings.question.form == "value" and not holds_value(findings, best):
        return next((e for e in ranked if e.score >= best.score - _NEAR and holds_value(findings, e)), best)
    if findings.question.form == "explain" and not _is_row(findings, best):
        return next((e for e in ranked if e.score >= best.score - _LEVEL and e.passage == 0), best)
    return best


def _is_row(findings: Findings, evidence: Evidence) -> bool:
    return findings.passages[evidence.passage].units[evidence.unit].kind == "row"


def _with_more(findings: Findings, best: Evidence, quotes: list[Quote], longest: int) -> list[Quote]:
    """Add what else bears on the question, best first, while the answer stays short.

    The best unit is the one that answers in about two questions of three; the next few hold the answer to
    nearly all of the others (benchmarks/answers.py).
    """
    said = {(quote.passage, quote.units[0]) for quote in quotes}
    texts = {quote.text for quote in quotes}
    length = sum(len(text) for text in texts)
    enough = Enough(findings, best, length)
    for other in findings.ranked:
        if other.score < enough.least_score or len(quotes) - 1 >= enough.most:
            break
        if (
            (other.passage, other.unit) in said
            or not _adds(findings, best, other)
            or not enough.allows(other)
        ):
            continue
        quote = _fitted(findings, other)
        if quote.text in texts or length + len(quote.text) > longest:
            continue
        quotes.append(quote)
        texts.add(quote.text)
        length += len(quote.text)
    return quotes


def _adds(findings: Findings, best: Evidence, other: Evidence) -> bool:
    """Whether a unit besides the best one is worth its place.

    Not so: another row of the kind that says nothing itself of what is asked, what holds far fewer of the
    question's words, another variant's, and notices, which reach the reader apart.
    """
    kind = findings.passages[other.passage].units[other.unit].kind
    if kind in NOT_QUOTED or (other.conflict and not best.conflict):
        return False
    if kind == "row" and not other.own and best.own:
        return False
    return other.coverage >= _WORTH * best.coverage and _is_statement(findings, other)


def _fitted(findings: Findings, evidence: Evidence) -> Quote:
    """Quote a unit; of a row's columns, those for other models or years than the question's are left out."""
    passage = findings.passages[evidence.passage]
    quote = as_quote(passage, evidence.passage, evidence.unit)
    if passage.units[evidence.unit].kind != "row":
        return quote
    row, heads = cells(passage.text(passage.units[evidence.unit])), passage.heads(evidence.unit)
    asked = Asked(findings.question.text)
    named = [i for i, head in enumerate(heads[: len(row)]) if i and asked.settles(head)]
    if not named:
        return quote
    kept = [i for i in range(min(len(row), len(heads))) if i in named or not asked.conflicts(heads[i])]
    if len(kept) == len(row):
        return quote
    text = read_row([row[i] for i in kept], [heads[i] for i in kept])
    return Quote(text, quote.passage, quote.units)


def _is_statement(findings: Findings, evidence: Evidence) -> bool:
    """Whether a unit says something: a row, or words enough; call-out numbers of a figure (``27 27 26 ~``) do not."""
    passage = findings.passages[evidence.passage]
    text = passage.text(passage.units[evidence.unit])
    if NOT_A_STATEMENT.search(text):
        return False
    if passage.units[evidence.unit].kind == "row":
        return any(c.isalpha() for c in text)
    return len(_WORD.findall(text)) >= _FEWEST_WORDS or len(_HAN.findall(text)) >= _FEWEST_SIGNS


def _run(findings: Findings, best: Evidence, longest: int) -> list[Quote]:
    """The best unit with its neighbours, better side first, as long as the answer stays short."""
    passage = findings.passages[best.passage]
    if passage.units[best.unit].kind == "row":
        return [_fitted(findings, best)]
    here = {e.unit: e for e in findings.ranked if e.passage == best.passage}
    score = {
        i: here[i].score if i in here else 0.0
        for i, u in enumerate(passage.units)
        if i in here or u.kind == "order"
    }
    first = last = best.unit
    length = _length(passage, best.unit)
    while True:
        sides = [i for i in (last + 1, first - 1) if 0 <= i < len(passage.units) and i in score]
        sides = [i for i in sides if passage.units[i].kind != "row"]
        sides = [i for i in sides if length + _length(passage, i) <= longest]
        if not sides:
            break
        chosen = max(sides, key=lambda i: (score[i] + (0.1 if i > last else 0.0), i))
        first, last = min(first, chosen), max(last, chosen)
        length += _length(passage, chosen)
    return [
        as_quote(passage, best.passage, i)
        for i in range(first, last + 1)
        if i == best.unit or (passage.units[i].kind not in NOT_QUOTED and _belongs(findings, here[i]))
    ]  # a warning passed on the way reaches the reader as a notice


def _belongs(findings: Findings, evidence: Evidence) -> bool:
    """Whether a unit beside the best one is about the question at all, by its words or its vector."""
    if not _is_statement(findings, evidence):
        return False
    passage = findings.passages[evidence.passage]
    if passage.is_suspicious:
        return evidence.own > 0  # what was planted there, and is not recognised, stands beside what was
    if evidence.own == 0 and passage.is_strange(evidence.unit):
        return False
    return evidence.own > 0 or evidence.similarity is None or evidence.similarity >= _UNRELATED


def _procedure(findings: Findings) -> list[Quote]:
    """All steps of the section that the best evidence stands in, in order; empty where it has none."""
    place = findings.ranked[0].passage
    here = findings.passages[place].hit
    parts = sorted(
        (
            (p.hit.page or 0, p.hit.start, i)
            for i, p in enumerate(findings.passages)
            if p.hit.source == here.source and p.hit.heading == here.heading
        )
    )
    titles = findings.passages[place].section(findings.ranked[0].unit)
    said = (
        findings.passages[part].text(unit)
        for _, _, part in parts
        for unit in findings.passages[part].units
        if unit.kind in ("step", "sentence")
    )
    if not speaks_of(findings.weights, titles, said):
        return []
    quotes: list[Quote] = []
    length = 0
    for _, _, part in parts:
        passage = findings.passages[part]
        steps = [i for i, unit in enumerate(passage.units) if unit.kind == "step"]
        if len(steps) < 2 and not (quotes and steps):
            continue
        start, stop = steps[0], steps[-1]
        if start and passage.units[start - 1].kind == "sentence" and not quotes:
            start -= 1  # what the steps are for
        for i in range(start, stop + 1):
            if passage.units[i].kind in NOT_QUOTED:
                continue  # notices reach the reader by themselves
            length += _length(passage, i)
            if length > _LONGEST_STEPS:
                return one_procedure(findings, quotes)
            quotes.append(as_quote(passage, part, i))
    return one_procedure(findings, quotes)


def one_procedure(findings: Findings, quotes: list[Quote]) -> list[Quote]:
    """Of procedures one after the other, each numbered from 1, return the one that holds most of the question.

    Another stays where it holds words of the question that this one does not: steps left out do harm.
    """
    runs: list[list[Quote]] = [[]]
    for quote in quotes:
        if _FIRST_STEP.match(quote.text) and any(_NUMBERED.match(q.text) for q in runs[-1]):
            runs.append([])
        runs[-1].append(quote)

    told = [
        {t for t in findings.weights if t in frozenset(content_terms(" ".join(q.text for q in run)))}
        for run in runs
    ]
    most = max(range(len(runs)), key=lambda i: sum(findings.weights[t] for t in told[i]))
    return [quote for i, run in enumerate(runs) if i == most or told[i] - told[most] for quote in run]


def _length(passage: Passage, index: int) -> int:
    unit = passage.units[index]
    return unit.end - unit.start
