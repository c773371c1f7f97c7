"""The prompt: fixed words first, then numbered passages, the question last, within a token budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ragedge.datatypes import Message
from ragedge.generate.evidence import Findings
from ragedge.generate.sentences import flat

SYSTEM = (
    "Answer the question in one short sentence, in the words of the passages. Copy numbers and names exactly."
)
_QUESTION_SHARE = 0.4  # of the budget, at most
_MOST_PASSAGES = 4
_WORTH = (
    1.0  # below the best unit's score; what has less still costs time to read and leads a small model astray
)

Counter = Callable[[Sequence[Message]], int]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt and what it holds.

    Attributes:
        messages: System text, then passages and question in one turn.
        tokens: As counted.
        passages: Which passages have a sentence in it.
        trimmed: Words that had to be left out, in a phrase each.
    """

    messages: tuple[Message, ...]
    tokens: int
    passages: tuple[int, ...]
    trimmed: tuple[str, ...] = ()


def build_prompt(findings: Findings, count: Counter, budget: int) -> Prompt | None:
    """Put together a prompt that fits; None where not even one sentence does.

    Units come in by evidence, as long as it is worth it, and stand in the order of the passages: equal
    evidence gives equal bytes, and a prompt over the same passages begins with the same bytes.

    Args:
        findings: The passages and their ranked units.
        count: Counts a prompt's tokens, chat template included.
        budget: Most tokens.
    """
    question, trimmed = _fit_question(findings.question.text, count, int(budget * _QUESTION_SHARE))
    empty = count(_messages(findings, {}, question))
    if empty >= budget:
        return None
    chosen: dict[int, set[int]] = {}
    room = float(budget - empty)
    left_out = 0
    for evidence in findings.ranked:
        if evidence.score < findings.ranked[0].score - _WORTH:
            break
        if evidence.passage not in chosen and len(chosen) == _MOST_PASSAGES:
            continue
        passage = findings.passages[evidence.passage]
        words = flat(passage.text(passage.units[evidence.unit]))
        if evidence.passage not in chosen:
            words += f"\n[1] {_title(findings, evidence.passage)}: "
        cost = count([Message("user", words)]) - count([Message("user", "")])
        if cost > room:
            left_out += 1
            continue
        room -= cost
        chosen.setdefault(evidence.passage, set()).add(evidence.unit)
    # Tokens at the joints may differ from those counted apart: what matters least goes until it fits.
    ranked = [e for e in findings.ranked if e.unit in chosen.get(e.passage, ())]
    while ranked:
        messages = _messages(findings, chosen, question)
        tokens = count(messages)
        if tokens <= budget:
            notes = (
                *trimmed,
                *((f"{left_out} sentences of the passages left out of the prompt",) if left_out else ()),
            )
            return Prompt(messages, tokens, tuple(sorted(chosen)), notes)
        last = ranked.pop()
        chosen[last.passage].discard(last.unit)
        if not chosen[last.passage]:
            del chosen[last.passage]
        left_out += 1
    return None


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Estimate a prompt's tokens, on the high side, for a generator that cannot count.

    A token of English is about four characters, of CJK about one; a turn costs its markers.
    """
    total = 0.0
    for message in messages:
        wide = sum(ord(c) > 0x2E80 for c in message.content)
        total += (len(message.content) - wide) / 3 + wide * 1.5 + 8
    return int(total) + 1


def _messages(findings: Findings, chosen: dict[int, set[int]], question: str) -> tuple[Message, ...]:
    parts = []
    for number, place in enumerate(sorted(chosen), 1):
        passage = findings.passages[place]
        words = " ".join(flat(passage.text(passage.units[i])) for i in sorted(chosen[place]))
        title = _title(findings, place)
        parts.append(f"[{number}] {title}: {words}" if title else f"[{number}] {words}")
    passages = "\n".join(parts)
    return (Message("system", SYSTEM), Message("user", f"{passages}\n\nQuestion: {question}"))


def _title(findings: Findings, place: int) -> str:
    heading = findings.passages[place].hit.heading
    return flat(heading[-1])[:80] if heading else ""


def _fit_question(question: str, count: Counter, most: int) -> tuple[str, tuple[str, ...]]:
    """Cut a question at a word so that it keeps to its share of the budget."""
    base = count([Message("user", "")])
    if count([Message("user", question)]) - base <= most:
        return question, ()
    low, high = 1, len(question)
    while low < high:  # longest head that fits
        middle = (low + high + 1) // 2
        if count([Message("user", question[:middle])]) - base <= most:
            low = middle
        else:
            high = middle - 1
    head = question[:low]
    return (head.rsplit(" ", 1)[0] or head), ("the end of the question left out of the prompt",)
