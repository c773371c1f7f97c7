"""An answer under way, as ``KnowledgeBase.stream`` hands it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from ragedge.datatypes import Answer, Sentence

if TYPE_CHECKING:
    from types import TracebackType

    from ragedge.generate.answerer import AnswerRun


class AnswerStream:
    """An answer under way: iterate it for verified sentences, or take ``result()``; closing it aborts.

    Attributes:
        sentences: What was handed out so far, with its origin and citations.
    """

    def __init__(
        self,
        run: AnswerRun,
        guard: Callable[[], AbstractContextManager[None]],
        notes: Mapping[str, str] | None = None,
    ) -> None:
        self.sentences: list[Sentence] = []
        self._run = run
        self._guard = guard
        self._notes = dict(notes or {})  # of each source that was found

    def __enter__(self) -> AnswerStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[str]:
        sentences = iter(self._run)
        while True:
            with self._guard():
                sentence = next(sentences, None)
            if sentence is None:
                return
            self.sentences.append(sentence)
            yield sentence.text

    def result(self) -> Answer:
        """Return the whole answer, once the rest of it is written."""
        with self._guard():
            answer = self._run.result()
        cited = dict.fromkeys(citation.source for citation in answer.citations)
        told = tuple(self._notes[source] for source in cited if source in self._notes)
        return replace(answer, notes=told) if told else answer

    def close(self) -> None:
        """Stop generating; what was handed out stands."""
        self._run.close()
