"""One question and its answer: written down, asked, and spoken sentence by sentence while the rest is written."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.privacy.egress import guarded_thread
from ragedge.voice.spoken_text import spoken
from ragedge.voice.spoken_units import Language

if TYPE_CHECKING:
    from ragedge.answer_stream import AnswerStream
    from ragedge.datatypes import Answer, SafetyNotice
    from ragedge.knowledge_base import KnowledgeBase
    from ragedge.protocols import Int16, SpeechOutput

_PAGE = {"en": "Page", "de": "Seite", "ja": "ページ"}
_NOTICE = {"de": {"warning": "Warnung", "caution": "Vorsicht", "danger": "Gefahr", "note": "Hinweis"}}
_UNHEARD = {
    "en": "I did not understand the question.",
    "de": "Ich habe die Frage nicht verstanden.",
    "ja": "質問が聞き取れませんでした。",
}


@dataclass
class TurnTimings:
    """Milliseconds from the end of the question; None where it did not come to that."""

    question_ms: float | None = None
    first_sentence_ms: float | None = None
    first_sound_ms: float | None = None
    total_ms: float | None = None


@dataclass
class Turn:
    """What came of a question.

    Attributes:
        question: As it was written down; empty where no word was understood.
        spoken: The sentences that were handed to the speech output, in words.
        answer: None where nothing was asked, or the answer was cut short.
        interrupted: Somebody spoke into it.
    """

    question: str = ""
    spoken: list[str] = field(default_factory=list)
    answer: Answer | None = None
    interrupted: bool = False
    timings: TurnTimings = field(default_factory=TurnTimings)

    def as_dict(self) -> dict[str, Any]:
        """Return what ``ragedge voice --json`` prints of it."""
        return {
            "schema": 1,
            "question": self.question,
            "spoken": self.spoken,
            "answer": None if self.answer is None else self.answer.as_dict(),
            "interrupted": self.interrupted,
            "timings": vars(self.timings),
        }


class Speaking:
    """A turn under way, in a thread of its own; its sound is taken out piece by piece."""

    def __init__(
        self,
        kb: KnowledgeBase,
        question: Future[str],
        output: SpeechOutput,
        language: Language,
        options: dict[str, Any],
        most_sentences: int,
    ) -> None:
        self.turn = Turn()
        self._kb, self._question, self._output = kb, question, output
        self._language, self._options, self._most = language, options, most_sentences
        self._started = time.perf_counter()
        self._sound: deque[Int16] = deque()
        self._changed = threading.Condition()
        self._stop = False
        self._over = False
        self._error: BaseException | None = None
        self._stream: AnswerStream | None = None
        self._thread = guarded_thread(self._run, name="ragedge-voice")
        self._thread.start()

    def take(self, count: int, *, wait: bool) -> Int16 | None:
        """Return up to ``count`` samples; None once all were taken.

        With ``wait``, fewer than that come only at the end; without, as many as there are.

        Raises:
            RagedgeError: what asking or speaking raised.
        """
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._over or sum(map(len, self._sound)) >= count)
            taken: list[Int16] = []
            while count and self._sound:
                block = self._sound.popleft()
                taken.append(block[:count])
                if len(block) > count:
                    self._sound.appendleft(block[count:])
                count -= len(taken[-1])
            if not taken and self._over:
                self._thread.join()
                if self._error is not None:
                    raise self._error
                return None
        return np.concatenate(taken) if taken else np.empty(0, np.int16)

    def stop(self) -> None:
        """Say no more, and write no more."""
        with self._changed:
            self._stop = True
            if not self._over or self._sound:
                self.turn.interrupted = True
            self._sound.clear()
            stream = self._stream
        if stream is not None:
            stream.close()
        self._thread.join()
        with self._changed:
            self._sound.clear()

    def _run(self) -> None:
        try:
            self._answer()
        except BaseException as exc:  # handed to whoever takes the sound
            self._error = exc
        finally:
            with self._changed:
                self._over = True
                self.turn.timings.total_ms = self._elapsed_ms()
                self._changed.notify_all()

    def _answer(self) -> None:
        self.turn.question = self._question.result()
        self.turn.timings.question_ms = self._elapsed_ms()
        if not any(character.isalnum() for character in self.turn.question):
            self._say(_UNHEARD[self._language])
            return
        with self._kb.stream(self.turn.question, **self._options) as stream:
            self._stream = stream
            warned: set[str] = set()
            for number, sentence in enumerate(stream):
                if self._stop:
                    return
                if number >= self._most:
                    continue
                for notice in self._new(stream.safety, warned):
                    self._say(notice)
                self._say(sentence)
            if self._stop:
                return
            answer = stream.result()
            for notice in self._new(answer.safety, warned):
                self._say(notice)
            self._say(answer.text if answer.abstained else self._place(answer))
            if not self._stop:
                self.turn.answer = answer

    def _new(self, notices: tuple[SafetyNotice, ...], warned: set[str]) -> Iterator[str]:
        """Yield the warnings that were not said yet; they come before the sentence that they guard."""
        for notice in notices:
            if notice.text not in warned:
                warned.add(notice.text)
                kind = _NOTICE.get(self._language, {}).get(notice.kind, notice.kind)
                begins = notice.text.casefold().startswith(kind.casefold())
                yield notice.text if begins else f"{kind.capitalize()}. {notice.text}"

    def _place(self, answer: Answer) -> str:
        """Name the pages that carry an answer, at most three."""
        pages = dict.fromkeys(c.page_label or str(c.page) for c in answer.citations if c.page is not None)
        return f"{_PAGE[self._language]} {', '.join(list(pages)[:3])}." if pages else ""

    def _say(self, text: str) -> None:
        words = spoken(text, self._language)
        if not words or self._stop:
            return
        if self.turn.timings.first_sentence_ms is None:
            self.turn.timings.first_sentence_ms = self._elapsed_ms()
        self.turn.spoken.append(words)
        sound = self._output.speak(words)
        try:
            for samples in sound:
                with self._changed:
                    if self._stop:
                        return
                    if self.turn.timings.first_sound_ms is None:
                        self.turn.timings.first_sound_ms = self._elapsed_ms()
                    self._sound.append(samples)
                    self._changed.notify_all()
        finally:
            close = getattr(sound, "close", None)
            if close is not None:
                close()

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1e3
