"""Listens, asks and speaks, until the sound ends."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from ragedge import plugins
from ragedge.privacy import egress
from ragedge.voice.listening import Heard, Listener, What
from ragedge.voice.sound import BLOCK_SAMPLES, RATE, Ear, Mouth
from ragedge.voice.turn import Speaking, Turn
from ragedge.voice.vocabulary import vocabulary

if TYPE_CHECKING:
    from ragedge.knowledge_base import KnowledgeBase
    from ragedge.protocols import Int16, SpeechOutput, SpeechRecognizer
    from ragedge.voice.spoken_units import Language
    from ragedge.voice_config import VoiceConfig

NO_WAKE_WORD = "none"


class Assistant:
    """Answers what it hears from a knowledge base, aloud.

    Attributes:
        output: What speaks; its ``sample_rate`` is what ``Mouth.play`` is handed.
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        listener: Listener,
        recognizer: SpeechRecognizer,
        output: SpeechOutput,
        *,
        language: Language = "en",
        options: dict[str, Any] | None = None,
        most_sentences: int = 3,
        likely: str = "",
        noticed: Callable[[What], None] = lambda _what: None,
        answered: Callable[[Turn], None] = lambda _turn: None,
    ) -> None:
        """Join the parts.

        Args:
            kb: What answers.
            listener: Finds questions in sound.
            recognizer: Writes them down.
            output: Speaks.
            language: In whose words numbers and units are said.
            options: For ``KnowledgeBase.stream``: a session, a filter.
            likely: Words that the recognizer should expect.
            most_sentences: Of an answer are said; its warnings and pages besides.
            noticed: Told what is heard, as it is heard.
            answered: Told each turn once it is over.
        """
        self.output = output
        self._kb, self._listener, self._recognizer = kb, listener, recognizer
        self._language, self._options, self._most = language, options or {}, most_sentences
        self._likely = likely
        self._noticed, self._answered = noticed, answered
        self._writer = ThreadPoolExecutor(1, "ragedge-recognizer")
        self._written: Future[str] | None = None  # what was said by the last pause
        self._speaking: Speaking | None = None
        self._owed = 0.0  # samples of the answer that are due for what was heard

    def run(self, ear: Ear, mouth: Mouth) -> None:
        """Listen until the sound ends and the last answer is spoken.

        The wake word stops an answer, and so does speech where no wake word is asked for, unless the ear hears the
        mouth.

        Raises:
            RagedgeError: the sound failed, or asking or speaking did.
        """
        try:
            for samples in ear:
                deaf = self._speaking is not None and ear.hears_itself and not self._listener.wakes
                for heard in () if deaf else self._listener.hear(samples):
                    self._react(heard)
                self._play(mouth, len(samples), wait=ear.waits)
            for heard in self._listener.end():
                self._react(heard)
            while self._speaking is not None:
                self._play(mouth, BLOCK_SAMPLES, wait=True)
        finally:
            self._hush()
            self._writer.shutdown(cancel_futures=True)

    def _react(self, heard: Heard) -> None:
        self._noticed(heard.what)
        if heard.what is What.WOKEN or (heard.what is What.SPEECH and not self._listener.wakes):
            self._hush()
        if heard.what is What.SPEECH:
            self._written = None
        elif heard.what is What.PAUSE and heard.samples is not None:
            self._written = self._write(heard.samples)
        elif heard.what is What.QUESTION and heard.samples is not None:
            # Nothing was said since the pause: what was begun then is what was asked.
            question = self._written or self._write(heard.samples)
            self._written = None
            self._speaking = Speaking(
                self._kb, question, self.output, self._language, self._options, self._most
            )
            self._owed = 0.0

    def _write(self, samples: Int16) -> Future[str]:
        if self._written is not None:
            self._written.cancel()
        context = copy_context()  # the guard on the network goes with it
        return self._writer.submit(context.run, self._recognizer.recognize, samples, self._likely)

    def _play(self, mouth: Mouth, heard: int, *, wait: bool) -> None:
        """Play as much of the answer as time has passed."""
        if self._speaking is None:
            return
        self._owed += heard * self.output.sample_rate / RATE
        due = int(self._owed)
        self._owed -= due
        samples = self._speaking.take(due, wait=wait)
        if samples is None:
            turn, self._speaking = self._speaking.turn, None
            self._answered(turn)
        elif len(samples):
            mouth.play(samples)

    def _hush(self) -> None:
        if self._speaking is not None:
            speaking, self._speaking = self._speaking, None
            speaking.stop()
            self._answered(speaking.turn)


def assistant_for(kb: KnowledgeBase, *, wake: bool, **told: Any) -> Assistant:
    """Build an assistant with the plugins that the knowledge base's settings name.

    Args:
        kb: What answers; its settings name the plugins.
        wake: Ask for the wake word.
        told: See ``Assistant``.

    Raises:
        UnknownPluginError: a plugin is not installed.
        ModelNotFoundError: a model of one is not installed.
    """
    settings: VoiceConfig = kb.config.voice
    with egress.guarded():
        word = (
            plugins.create("wake_word", settings.wake_word, settings.wake_word_options)
            if wake and settings.wake_word != NO_WAKE_WORD
            else None
        )
        listener = Listener(
            word,
            plugins.create("voice_activity", settings.activity),
            end_silence_ms=settings.end_silence_ms,
            longest_s=settings.longest_s,
            wait_s=settings.wait_s,
        )
        recognizer = plugins.create("speech_recognizer", settings.recognizer, settings.recognizer_options)
        output_options = {"language": settings.language, **settings.output_options}
        output = plugins.create("speech_output", settings.output, output_options)
    return Assistant(
        kb,
        listener,
        recognizer,
        output,
        language=settings.language,
        most_sentences=settings.sentences,
        likely=vocabulary(kb),
        **told,
    )
