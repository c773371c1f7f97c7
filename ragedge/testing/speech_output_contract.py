"""What every speech output must do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from ragedge import plugins
from ragedge.errors import ConfigError

if TYPE_CHECKING:
    from ragedge.protocols import Int16, SpeechOutput

_SENTENCE = "Tighten the drain plug to thirty-one newton metres."


class SpeechOutputContract:
    """Subclass it and set ``plugin``.

    Attributes:
        plugin: The name it is registered under in the group ``ragedge.speech_output``.
    """

    plugin: ClassVar[str] = ""

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return what the factory is given."""
        return {}

    @pytest.fixture
    def speech(self, options: Mapping[str, Any]) -> SpeechOutput:
        """Build the plugin."""
        made: SpeechOutput = plugins.create("speech_output", self.plugin, options)
        return made

    def said(self, speech: SpeechOutput, text: str) -> Int16:
        """Return the whole sound of a text."""
        return np.concatenate([np.empty(0, np.int16), *speech.speak(text)])

    def test_a_sentence_takes_as_long_as_people_take(self, speech: SpeechOutput) -> None:
        sound = self.said(speech, _SENTENCE)
        assert sound.dtype == np.int16
        assert 1.5 < len(sound) / speech.sample_rate < 10
        assert np.abs(sound.astype(int)).max() > 1_000

    def test_it_comes_in_pieces(self, speech: SpeechOutput) -> None:
        pieces = list(speech.speak(_SENTENCE))
        assert len(pieces) > 3
        assert all(piece.ndim == 1 for piece in pieces)

    def test_it_can_be_stopped_and_speaks_again(self, speech: SpeechOutput) -> None:
        sound = speech.speak(_SENTENCE * 20)
        next(sound)
        sound.close()  # type: ignore[attr-defined]  # of a generator, which is the usual iterator
        assert len(self.said(speech, _SENTENCE))

    def test_longer_text_takes_longer(self, speech: SpeechOutput) -> None:
        assert len(self.said(speech, _SENTENCE)) > 2 * len(self.said(speech, "Yes."))

    @pytest.mark.parametrize("text", ["", " ", "\n\n"])
    def test_nothing_to_say_is_no_error(self, speech: SpeechOutput, text: str) -> None:
        assert len(self.said(speech, text)) < speech.sample_rate

    @pytest.mark.parametrize("text", ["-v evil", "<speak>a</speak>", "[[a]]", "締め付け", "a\x00b", "🔧"])
    def test_odd_text_is_spoken_somehow(self, speech: SpeechOutput, text: str) -> None:
        self.said(speech, text)

    def test_unknown_options_are_refused(self) -> None:
        with pytest.raises(ConfigError):
            plugins.create("speech_output", self.plugin, {"no_such_option": "1"})
