"""What every speech recognizer must do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from ragedge import plugins
from ragedge.errors import ConfigError

if TYPE_CHECKING:
    from ragedge.protocols import Int16, SpeechRecognizer


class SpeechRecognizerContract:
    """Subclass it, set ``plugin``, and override ``utterance`` and ``words``.

    Attributes:
        plugin: The name it is registered under in the group ``ragedge.speech_recognizer``.
        words: Some that are said in the utterance, in lower case.
    """

    plugin: ClassVar[str] = ""
    words: ClassVar[Sequence[str]] = ()

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return what the factory is given."""
        return {}

    @pytest.fixture
    def recognizer(self, options: Mapping[str, Any]) -> SpeechRecognizer:
        """Build the plugin."""
        made: SpeechRecognizer = plugins.create("speech_recognizer", self.plugin, options)
        return made

    def utterance(self) -> Int16:
        """Return a spoken sentence, 16 kHz."""
        raise NotImplementedError

    def test_it_writes_down_what_is_said(self, recognizer: SpeechRecognizer) -> None:
        text = recognizer.recognize(self.utterance())
        assert text == text.strip()
        assert self.words
        for word in self.words:
            assert word in text.lower()

    def test_it_is_repeatable(self, recognizer: SpeechRecognizer) -> None:
        assert recognizer.recognize(self.utterance()) == recognizer.recognize(self.utterance())

    @pytest.mark.parametrize("samples", [0, 1, 400, 16_000])
    def test_silence_has_no_words(self, recognizer: SpeechRecognizer, samples: int) -> None:
        assert recognizer.recognize(np.zeros(samples, np.int16)) == ""
        assert recognizer.recognize(np.zeros(samples, np.int16), "drain plug, wheel nut.") == ""

    def test_likely_words_do_not_displace_what_is_said(self, recognizer: SpeechRecognizer) -> None:
        text = recognizer.recognize(self.utterance(), "air filter, brake fluid.").lower()
        assert all(word in text for word in self.words)
        assert "brake fluid" not in text

    def test_unknown_options_are_refused(self) -> None:
        with pytest.raises(ConfigError):
            plugins.create("speech_recognizer", self.plugin, {"no_such_option": "1"})
