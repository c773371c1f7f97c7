"""An answer under way, as ``KnowledgeBase.stream`` hands it out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from ragedge.datatypes import Answer, Citation, Explanation, SafetyNotice, Sentence

if TYPE_CHECKING:
    from types import TracebackType

    from ragedge.generate.answer_run import AnswerRun


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
        record: Callable[[Answer, bool], None] | None = None,
    ) -> None:
        """Wrap a run.

        Args:
            run: The answer under way.
            guard: Entered for each step of it.
            notes: Of each source that was found.
            record: Told the answer once, when it is whole or closed before (then with True).
        """
        self.sentences: list[Sentence] = []
        self._run = run
        self._guard = guard
        self._notes = dict(notes or {})
        self._record = record

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
                self._recorded(closed=False)
                return
            self.sentences.append(sentence)
            yield sentence.text

    @property
    def text(self) -> str:
        """What was handed out so far, joined as in the answer."""
        return self._run.text

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What the sentences so far point to."""
        return self._run.citations

    @property
    def safety(self) -> tuple[SafetyNotice, ...]:
        """What guards the sentences so far."""
        return self._run.safety

    def result(self) -> Answer:
        """Return the whole answer, once the rest of it is written."""
        answer = self._recorded(closed=False)
        cited = dict.fromkeys(citation.source for citation in answer.citations)
        told = tuple(self._notes[source] for source in cited if source in self._notes)
        return replace(answer, notes=told) if told else answer

    def explain(self) -> Explanation:
        """Return how the answer came about, once the rest of it is written."""
        with self._guard():
            return self._run.explain()

    def close(self) -> None:
        """Stop generating; what was handed out stands."""
        self._run.close()
        if self._record is not None:
            with contextlib.suppress(ValueError):  # another thread is in a step, and records when it ends
                self._recorded(closed=True)

    def _recorded(self, *, closed: bool) -> Answer:
        """Return the answer, and have it recorded the first time."""
        with self._guard():
            answer = self._run.result()
            record, self._record = self._record, None
            if record is not None:
                record(answer, closed)
        return answer
