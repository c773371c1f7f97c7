"""The prompt: fixed words first, then numbered passages, the question last, within a token budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ragedge.datatypes import Message
from ragedge.generate.evidence import Findings
from ragedge.generate.prompt_memory import Block, best_beginning
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
        blocks: The passages as they stand in it.
    """

    messages: tuple[Message, ...]
    tokens: int
    passages: tuple[int, ...]
    trimmed: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()


def build_prompt(
    findings: Findings,
    count: Counter,
    budget: int,
    *,
    fill: Literal["evidence", "passages"] = "evidence",
    earlier: Sequence[Sequence[Block]] = (),
) -> Prompt | None:
    """Put together a prompt that fits; None where not even one sentence does.

    Passages come before the question and equal evidence gives equal bytes, so that a prompt over the same passages
    begins with the same tokens.

    Args:
        findings: The passages and their ranked units.
        count: Counts a prompt's tokens, chat template included.
        budget: Most tokens.
        fill: Take units by ``evidence``, as long as it is worth it; or whole ``passages``, best first, which is more
            to read once and less to read anew for the next question.
        earlier: The blocks of earlier prompts, the last first; one is begun with where that saves reading.
    """
    question, trimmed = _fit_question(findings.question.text, count, int(budget * _QUESTION_SHARE))
    empty = count(_messages((), question))
    if empty >= budget:
        return None
    choose = _by_evidence if fill == "evidence" else _whole_passages
    order, left_out = choose(findings, count, budget - empty)
    ids = [passage.hit.chunk_id for passage in findings.passages]
    wanted = {ids[place]: set(_lines(findings, place, units)) for place, units in _grouped(order).items()}
    for kept in dict.fromkeys((best_beginning(earlier, wanted, frozenset(ids)), ())):
        held = {(block.chunk_id, line) for block in kept for line in block.lines}
        added = [(p, u) for p, u in order if (ids[p], *_lines(findings, p, (u,))) not in held]
        dropped = left_out
        # Tokens at the joints may differ from those counted apart: what matters least goes until it fits.
        while kept or added:
            blocks = (*kept, *_blocks(findings, _grouped(added)))
            messages = _messages(blocks, question)
            tokens = count(messages)
            if tokens <= budget:
                notes = (f"{dropped} sentences of the passages left out of the prompt",) if dropped else ()
                places = sorted({ids.index(block.chunk_id) for block in blocks})
                return Prompt(messages, tokens, tuple(places), (*trimmed, *notes), blocks)
            if not added:
                break
            added.pop()
            dropped += 1
    return None


def _by_evidence(findings: Findings, count: Counter, room: float) -> tuple[list[tuple[int, int]], int]:
    """Choose units by their scores; return them, best first, and how many that were worth it had no room."""
    order: list[tuple[int, int]] = []
    left_out = 0
    for evidence in findings.ranked:
        if evidence.score < findings.ranked[0].score - _WORTH:
            break
        begun = {place for place, _ in order}
        if evidence.passage not in begun and len(begun) == _MOST_PASSAGES:
            continue
        passage = findings.passages[evidence.passage]
        words = flat(passage.text(passage.units[evidence.unit]))
        if evidence.passage not in begun:
            words += f"\n[1] {_title(findings, evidence.passage)}: "
        cost = _cost(count, words)
        if cost > room:
            left_out += 1
            continue
        room -= cost
        order.append((evidence.passage, evidence.unit))
    return order, left_out


def _whole_passages(findings: Findings, count: Counter, room: float) -> tuple[list[tuple[int, int]], int]:
    """Choose passages, best first, each whole; where the first does not fit, what of it is evidence does."""
    order: list[tuple[int, int]] = []
    for place, passage in enumerate(findings.passages):
        units = [at for at, unit in enumerate(passage.units) if unit.kind not in ("heading", "order")]
        block = " ".join(_lines(findings, place, units))
        cost = _cost(count, f"\n[1] {_title(findings, place)}: {block}")
        if not units or cost > room:
            continue
        room -= cost
        order += [(place, at) for at in units]
        if len(_grouped(order)) == _MOST_PASSAGES:
            break
    return (order, 0) if order else _by_evidence(findings, count, room)


def _cost(count: Counter, words: str) -> int:
    return count([Message("user", words)]) - count([Message("user", "")])


def _grouped(order: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    """Return each passage's units, passages and units in their own order."""
    groups: dict[int, list[int]] = {}
    for place, unit in sorted(order):
        groups.setdefault(place, []).append(unit)
    return groups


def _lines(findings: Findings, place: int, units: Sequence[int]) -> list[str]:
    passage = findings.passages[place]
    return [flat(passage.text(passage.units[at])) for at in units]


def _blocks(findings: Findings, groups: Mapping[int, Sequence[int]]) -> list[Block]:
    return [
        Block(
            findings.passages[place].hit.chunk_id,
            _title(findings, place),
            tuple(_lines(findings, place, units)),
        )
        for place, units in groups.items()
    ]


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Estimate a prompt's tokens, on the high side, for a generator that cannot count.

    A token of English is about four characters, of CJK about one; a turn costs its markers.
    """
    total = 0.0
    for message in messages:
        wide = sum(ord(c) > 0x2E80 for c in message.content)
        total += (len(message.content) - wide) / 3 + wide * 1.5 + 8
    return int(total) + 1


def _messages(blocks: Sequence[Block], question: str) -> tuple[Message, ...]:
    passages = "\n".join(block.text(number) for number, block in enumerate(blocks, 1))
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
