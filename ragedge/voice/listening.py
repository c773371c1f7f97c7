"""From sound to utterances: the wake word, where speech begins, where it pauses, where it ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

from ragedge.voice.sound import RATE

if TYPE_CHECKING:
    from ragedge.protocols import Int16, VoiceActivity, WakeWord

# Speech goes on at a lower probability than it begins at, as in Silero's own iterator.
_BEGINS, _GOES_ON = 0.5, 0.35
_BEFORE_MS = 320  # kept from before speech was sure: the detector is late by a window or two
_LEAST_SPEECH_MS = 250  # less is a click, or the end of the wake word
_PAUSE_MS = 240  # worth writing down what was said so far


class What(Enum):
    """What was heard."""

    WOKEN = auto()  # the wake word
    SPEECH = auto()  # somebody speaks, for longer than a click
    PAUSE = auto()  # a pause; the utterance may be over
    QUESTION = auto()  # the utterance is over
    NOTHING = auto()  # nobody spoke after the wake word


@dataclass(frozen=True, slots=True)
class Heard:
    """Something heard; ``samples`` is the utterance so far where it is a pause or a question."""

    what: What
    samples: Int16 | None = None


class Listener:
    """Takes sound block by block, and tells what is heard in it."""

    _pending: Int16

    def __init__(
        self,
        wake_word: WakeWord | None,
        activity: VoiceActivity,
        *,
        end_silence_ms: int = 700,
        longest_s: float = 15,
        wait_s: float = 6,
    ) -> None:
        """Begin to listen.

        Args:
            wake_word: None takes every utterance for a question.
            activity: Tells speech from other sound.
            end_silence_ms: Silence that ends a question.
            longest_s: A question is cut off then.
            wait_s: How long after the wake word a question may begin.
        """
        self._wake_word = wake_word
        self._activity = activity
        window = activity.window_samples
        self._end_windows = -(-end_silence_ms * RATE // 1000 // window)
        self._pause_windows = -(-_PAUSE_MS * RATE // 1000 // window)
        self._least_windows = -(-_LEAST_SPEECH_MS * RATE // 1000 // window)
        self._most_windows = int(longest_s * RATE / window)
        self._wait_windows = int(wait_s * RATE / window) if wake_word is not None else None
        self._before_windows = -(-_BEFORE_MS * RATE // 1000 // window)
        self._awake = wake_word is None
        self._begin()

    @property
    def wakes(self) -> bool:
        """Whether it waits for a wake word."""
        return self._wake_word is not None

    def hear(self, samples: Int16, /) -> Iterator[Heard]:
        """Take the next samples, (n,); yield what is heard in them."""
        if self._wake_word is not None and self._wake_word.hear(samples):
            self._awake = True
            self._begin()
            yield Heard(What.WOKEN)
            return
        if not self._awake:
            return
        self._pending = np.concatenate((self._pending, samples))
        window = self._activity.window_samples
        for probability in self._activity.hear(samples):
            yield from self._window(self._pending[:window], float(probability))
            self._pending = self._pending[window:]
            if not self._awake:
                return

    def end(self) -> Iterator[Heard]:
        """There is no more sound: yield the question that was under way."""
        if self._awake and self._voiced >= self._least_windows:
            yield Heard(What.QUESTION, self._utterance())
        self._over()

    def _begin(self) -> None:
        self._activity.reset()
        self._pending = np.empty(0, np.int16)
        self._windows: deque[Int16] = deque(maxlen=self._before_windows)
        self._voiced = self._silent = self._waited = 0
        self._speaking = False

    def _over(self) -> None:
        self._awake = self._wake_word is None
        self._begin()

    def _window(self, window: Int16, probability: float) -> Iterator[Heard]:
        self._windows.append(window)
        speech = probability >= (_GOES_ON if self._speaking else _BEGINS)
        if not self._speaking:
            self._waited += 1
            if speech:
                self._speaking = True
                self._windows = deque(self._windows)  # from here on all of it is kept
            elif self._wait_windows is not None and self._waited > self._wait_windows:
                yield Heard(What.NOTHING)
                self._over()
                return
        if not self._speaking:
            return
        if speech:
            resumed = self._silent >= self._pause_windows
            self._voiced += 1
            self._silent = 0
            if resumed or self._voiced == self._least_windows:
                yield Heard(What.SPEECH)
        else:
            self._silent += 1
            if self._voiced < self._least_windows:
                if self._silent >= self._pause_windows:  # a click
                    self._speaking, self._voiced, self._silent = False, 0, 0
                    self._windows = deque(self._windows, maxlen=self._before_windows)
                return
            if self._silent == self._pause_windows:
                yield Heard(What.PAUSE, self._utterance())
        if self._silent >= self._end_windows or len(self._windows) >= self._most_windows:
            utterance = self._utterance()
            self._over()
            yield Heard(What.QUESTION, utterance)

    def _utterance(self) -> Int16:
        """Return what was said, without the silence that ends it but for the pause."""
        kept = len(self._windows) - max(self._silent - self._pause_windows, 0)
        return np.concatenate(list(self._windows)[:kept])
