"""What every wake word must do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from ragedge import plugins
from ragedge.errors import ConfigError

if TYPE_CHECKING:
    from ragedge.protocols import Int16, WakeWord

_SECOND = 16_000


class WakeWordContract:
    """Subclass it, set ``plugin``, and override ``called`` and ``other``.

    Attributes:
        plugin: The name it is registered under in the group ``ragedge.wake_word``.
    """

    plugin: ClassVar[str] = ""

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return what the factory is given."""
        return {}

    @pytest.fixture
    def wake_word(self, options: Mapping[str, Any]) -> WakeWord:
        """Build the plugin."""
        made: WakeWord = plugins.create("wake_word", self.plugin, options)
        return made

    def called(self) -> Int16:
        """Return the words spoken once, 16 kHz, without silence around them."""
        raise NotImplementedError

    def other(self) -> Int16:
        """Return some seconds of other speech."""
        raise NotImplementedError

    def heard(self, wake_word: WakeWord, sound: Int16, block: int = 1_280) -> int:
        """Return how often the words were heard in a sound with silence around it."""
        silence = np.zeros(2 * _SECOND, np.int16)
        whole = np.concatenate((silence, sound, silence))
        return sum(wake_word.hear(whole[i : i + block]) for i in range(0, len(whole), block))

    def test_it_hears_the_words_once(self, wake_word: WakeWord) -> None:
        assert self.heard(wake_word, self.called()) == 1

    @pytest.mark.parametrize("block", [160, 1_000, 64_000])
    def test_blocks_of_any_size_are_the_same(self, wake_word: WakeWord, block: int) -> None:
        assert self.heard(wake_word, self.called(), block) == 1

    def test_it_does_not_hear_them_in_other_speech_silence_or_noise(self, wake_word: WakeWord) -> None:
        noise = np.random.default_rng(7).integers(-3_000, 3_000, 4 * _SECOND).astype(np.int16)
        for sound in (self.other(), np.zeros(4 * _SECOND, np.int16), noise):
            wake_word.reset()
            assert self.heard(wake_word, sound) == 0

    def test_reset_forgets(self, wake_word: WakeWord) -> None:
        words = self.called()
        wake_word.hear(words[: len(words) // 2])
        wake_word.reset()
        assert self.heard(wake_word, words) == 1

    def test_no_samples_are_no_error(self, wake_word: WakeWord) -> None:
        assert not wake_word.hear(np.empty(0, np.int16))

    def test_unknown_options_are_refused(self) -> None:
        with pytest.raises(ConfigError):
            plugins.create("wake_word", self.plugin, {"no_such_option": "1"})
