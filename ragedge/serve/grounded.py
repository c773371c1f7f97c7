"""Answers from the documents, as a job hands them out: for ``/ragedge/v1`` as data, for a chat as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ragedge.datatypes import Answer, Citation, GenerationStats, SafetyNotice, Sentence
from ragedge.question_text import clean_question
from ragedge.retrieve.follow_up import whole_question
from ragedge.serve.chat import Chat, Done, Piece
from ragedge.serve.refusals import RefusedError

if TYPE_CHECKING:
    from ragedge.answer_stream import AnswerStream
    from ragedge.knowledge_base import KnowledgeBase

_MOST_TOKENS = 4096  # as the setting generate.max_new_tokens has it


@dataclass(frozen=True, slots=True)
class Said:
    """One more verified sentence.

    Attributes:
        text: What it adds to the answer's text: itself, and the space or line feed before it.
        sentence: Who wrote it, and the indices of its citations.
        citations: Those that no sentence before it had; they follow the earlier ones.
        safety: What guards it and no sentence before it; to be shown first.
    """

    text: str
    sentence: Sentence
    citations: tuple[Citation, ...]
    safety: tuple[SafetyNotice, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the data of the event ``sentence``."""
        return {
            **asdict(self.sentence),
            "citations": list(self.sentence.citations),
            "added": self.text,
            "new_citations": [asdict(citation) for citation in self.citations],
            "new_safety": [asdict(notice) for notice in self.safety],
        }


class GroundedWork:
    """An answer under way: yields what is said, then the whole answer."""

    def __init__(self, stream: AnswerStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[Said | Answer]:
        written = cited = 0
        warned: set[SafetyNotice] = set()
        for _ in self._stream:
            text, citations = self._stream.text, self._stream.citations
            safety = tuple(notice for notice in self._stream.safety if notice not in warned)
            yield Said(text[written:], self._stream.sentences[-1], citations[cited:], safety)
            written, cited = len(text), len(citations)
            warned.update(safety)
        yield self._stream.result()

    def close(self) -> None:
        """Stop generating."""
        self._stream.close()


class GroundedChat:
    """The same as text: each sentence with the numbers of its pages, and the pages below."""

    def __init__(self, work: GroundedWork, *, footnotes: bool) -> None:
        self._work = work
        self._footnotes = footnotes

    @classmethod
    def begin(cls, kb: KnowledgeBase, chat: Chat) -> GroundedChat:
        """Begin to answer the last message; earlier ones make it whole where it leans on them."""
        question, extra = last_question(chat), chat.extra
        if extra.session is None:
            question = _whole(question, chat)
        most = chat.max_new_tokens
        stream = kb.stream(
            question,
            where=extra.where,
            session=extra.session,
            budget_ms=extra.budget_ms,
            max_new_tokens=None if most is None else min(most, _MOST_TOKENS),
            seed=chat.sampling.get("seed"),
        )
        return cls(GroundedWork(stream), footnotes=extra.footnotes)

    def __iter__(self) -> Iterator[Piece | Done]:
        citations: list[Citation] = []
        places: dict[str, int] = {}
        for item in self._work:
            if isinstance(item, Said):
                citations += item.citations
                marks = ""
                if self._footnotes:
                    cited = dict.fromkeys(str(citations[i]) for i in item.sentence.citations)
                    marks = "".join(f"[{places.setdefault(place, len(places) + 1)}]" for place in cited)
                yield Piece(item.text + (f" {marks}" if marks else ""))
            else:
                if item.abstained:
                    yield Piece(item.text)
                below = _below(item, places, footnotes=self._footnotes)
                if below:
                    yield Piece(below)
                yield Done("stop", _stats(item), answer=item)

    def close(self) -> None:
        """Stop generating."""
        self._work.close()


def check(chat: Chat) -> None:
    """Refuse what an answer that is quoted from documents cannot be.

    Raises:
        RefusedError: 400: it has to be JSON, or a function's call.
        QuestionError: the question is empty or too long.
    """
    name = chat.model.name
    if chat.grammar is not None:
        raise RefusedError(
            400, f"{name} answers in the documents' words, not in a form that is asked for",
            hint="ask the plain generator, by its own name", code="unsupported_value", param="response_format",
        )  # fmt: skip
    if chat.tool_choice not in ("auto", "none"):
        raise RefusedError(
            400, f"{name} answers from the documents and calls no function of yours",
            hint="ask the plain generator, by its own name", code="unsupported_value", param="tool_choice",
        )  # fmt: skip
    clean_question(last_question(chat))


def last_question(chat: Chat) -> str:
    """Return what was asked last.

    Raises:
        RefusedError: 400: nobody asked anything.
    """
    asked = [turn.text for turn in chat.turns if turn.role == "user"]
    if not asked:
        raise RefusedError(
            400, "there is no message of the role user", code="invalid_value", param="messages"
        )
    return asked[-1]


def _whole(question: str, chat: Chat) -> str:
    """Return a question with what it leans on in the messages before it."""
    wholes: list[str] = []
    for asked in [turn.text for turn in chat.turns if turn.role == "user"][:-1]:
        wholes.append(whole_question(" ".join(asked.split()), wholes))
    return whole_question(clean_question(question), wholes)


def _below(answer: Answer, places: dict[str, int], *, footnotes: bool) -> str:
    """Return what stands below the text: what guards it, and the pages that its numbers mean."""
    parts = [
        f"{notice.kind.upper()}: {notice.text}"
        + (f" ({notice.source}, page {notice.page})" if notice.page else "")
        for notice in answer.safety
    ]
    if footnotes and places:
        parts.append("\n".join(f"[{number}] {place}" for place, number in places.items()))
    if footnotes and answer.notes:
        parts.append("\n".join(f"Note: {note}" for note in answer.notes))
    return "".join(f"\n\n{part}" for part in parts)


def _stats(answer: Answer) -> GenerationStats:
    times = answer.timings
    decode_ms = 1e3 * times.new_tokens / times.tokens_per_s if times.tokens_per_s else 0.0
    return GenerationStats(
        prompt_tokens=times.prompt_tokens,
        cached_tokens=times.cached_tokens,
        new_tokens=times.new_tokens,
        decode_ms=decode_ms,
    )


def facts(answer: Answer) -> dict[str, Any]:
    """Return the object ``ragedge`` of an answer in any dialect: all but the text and the passages."""
    told = answer.as_dict()
    for key in ("text", "passages", "model"):
        del told[key]
    return told
