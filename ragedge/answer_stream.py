"""An answer under way, as ``KnowledgeBase.stream`` hands it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
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

    def __init__(self, run: AnswerRun, guard: Callable[[], AbstractContextManager[None]]) -> None:
        self.sentences: list[Sentence] = []
        self._run = run
        self._guard = guard

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
            return self._run.result()

    def close(self) -> None:
        """Stop generating; what was handed out stands."""
        self._run.close()
