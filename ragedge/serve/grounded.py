"""Answers from the documents, as a job hands them out: pieces of text with what carries them, then the answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ragedge.datatypes import Answer, Citation, Sentence

if TYPE_CHECKING:
    from ragedge.answer_stream import AnswerStream


@dataclass(frozen=True, slots=True)
class Said:
    """One more verified sentence.

    Attributes:
        text: What it adds to the answer's text: itself, and the space or line feed before it.
        sentence: Who wrote it, and the indices of its citations.
        citations: Those that no sentence before it had; they follow the earlier ones.
    """

    text: str
    sentence: Sentence
    citations: tuple[Citation, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the data of the event ``sentence``."""
        return {
            **asdict(self.sentence),
            "citations": list(self.sentence.citations),
            "added": self.text,
            "new_citations": [asdict(citation) for citation in self.citations],
        }


class GroundedWork:
    """An answer under way: yields what is said, then the whole answer."""

    def __init__(self, stream: AnswerStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[Said | Answer]:
        written = cited = 0
        for _ in self._stream:
            text, citations = self._stream.text, self._stream.citations
            yield Said(text[written:], self._stream.sentences[-1], citations[cited:])
            written, cited = len(text), len(citations)
        yield self._stream.result()

    def close(self) -> None:
        """Stop generating."""
        self._stream.close()
