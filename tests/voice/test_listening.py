"""Where questions begin and end, with a detector that says what the test tells it."""

from __future__ import annotations

import numpy as np

from ragedge.voice.listening import Heard, Listener, What

WINDOW = 512
SPEAKS, SILENT = 1, 0
LOUD = 100


class Told:
    """A detector, and a wake word, that read it off the samples: LOUD is speech, -1 the wake word."""

    window_samples = WINDOW

    def __init__(self) -> None:
        self.reset()

    def hear(self, samples: np.ndarray) -> np.ndarray:
        self._samples = np.concatenate((self._samples, samples))
        whole = len(self._samples) // WINDOW
        found = [float(self._samples[i * WINDOW] == LOUD) for i in range(whole)]
        self._samples = self._samples[whole * WINDOW :]
        return np.array(found, np.float32)

    def reset(self) -> None:
        self._samples = np.empty(0, np.int16)


class Word:
    def hear(self, samples: np.ndarray) -> bool:
        return bool(np.any(samples == -1))

    def reset(self) -> None: ...


def sound(*parts: tuple[int, float]) -> np.ndarray:
    """Return windows of a value for so many seconds each."""
    return np.concatenate(
        [np.full(round(seconds * 16_000 / WINDOW) * WINDOW, value, np.int16) for value, seconds in parts]
    )


def heard(listener: Listener, samples: np.ndarray, block: int = 1_280) -> list[Heard]:
    found = [h for i in range(0, len(samples), block) for h in listener.hear(samples[i : i + block])]
    return [*found, *listener.end()]


def test_a_question_ends_with_silence_and_holds_what_was_said() -> None:
    found = heard(Listener(None, Told()), sound((0, 1), (LOUD, 2), (0, 1), (LOUD, 1), (0, 1)))
    assert [h.what for h in found] == [
        What.SPEECH, What.PAUSE, What.QUESTION, What.SPEECH, What.PAUSE, What.QUESTION,
    ]  # fmt: skip
    first, second = (h.samples for h in found if h.what is What.QUESTION and h.samples is not None)
    assert np.count_nonzero(first) == len(sound((LOUD, 2)))
    assert np.count_nonzero(second) == len(sound((LOUD, 1)))
    assert len(first) < 16_000 * 2.7  # with a little silence before and after


def test_a_short_pause_is_part_of_the_question() -> None:
    found = heard(Listener(None, Told()), sound((LOUD, 1), (0, 0.4), (LOUD, 1), (0, 1)))
    assert [h.what for h in found] == [What.SPEECH, What.PAUSE, What.SPEECH, What.PAUSE, What.QUESTION]
    question = found[-1].samples
    assert question is not None
    assert np.count_nonzero(question) == 2 * len(sound((LOUD, 1)))


def test_what_was_written_down_at_the_pause_is_the_question() -> None:
    found = heard(Listener(None, Told()), sound((LOUD, 1), (0, 1)))
    pause, question = found[-2].samples, found[-1].samples
    np.testing.assert_array_equal(pause, question)


def test_a_click_is_no_question() -> None:
    assert heard(Listener(None, Told()), sound((0, 1), (LOUD, 0.1), (0, 2))) == []


def test_nothing_is_heard_before_the_wake_word() -> None:
    listener = Listener(Word(), Told(), wait_s=2)
    assert heard(listener, sound((LOUD, 2), (0, 1))) == []
    found = heard(listener, sound((-1, 0.08), (0, 0.5), (LOUD, 1), (0, 1), (LOUD, 2), (0, 1)))
    whats = [h.what for h in found if h.what is not What.WOKEN]
    assert whats == [What.SPEECH, What.PAUSE, What.QUESTION]
    assert found[0].what is What.WOKEN


def test_it_sleeps_again_where_nobody_asks() -> None:
    listener = Listener(Word(), Told(), wait_s=1)
    found = heard(listener, sound((-1, 0.08), (0, 2), (LOUD, 2), (0, 1)))
    assert [h.what for h in found][-1] is What.NOTHING


def test_a_question_is_cut_off() -> None:
    found = heard(Listener(None, Told(), longest_s=3), sound((LOUD, 5)))
    questions = [h.samples for h in found if h.what is What.QUESTION]
    assert len(questions) == 2
    assert questions[0] is not None
    assert len(questions[0]) <= 3 * 16_000


def test_a_question_that_the_sound_ends_in_is_asked() -> None:
    found = heard(Listener(None, Told()), sound((0, 1), (LOUD, 2)))
    assert [h.what for h in found] == [What.SPEECH, What.QUESTION]
