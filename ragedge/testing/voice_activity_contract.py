"""What every voice activity detector must do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from ragedge import plugins
from ragedge.errors import ConfigError

if TYPE_CHECKING:
    from ragedge.protocols import Int16, VoiceActivity

_SECOND = 16_000


class VoiceActivityContract:
    """Subclass it, set ``plugin``, and override ``speech``.

    Attributes:
        plugin: The name it is registered under in the group ``ragedge.voice_activity``.
    """

    plugin: ClassVar[str] = ""

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return what the factory is given."""
        return {}

    @pytest.fixture
    def activity(self, options: Mapping[str, Any]) -> VoiceActivity:
        """Build the plugin."""
        made: VoiceActivity = plugins.create("voice_activity", self.plugin, options)
        return made

    def speech(self) -> Int16:
        """Return a sentence, at least a second of 16 kHz, without silence around it."""
        raise NotImplementedError

    def test_speech_is_told_from_silence_and_noise(self, activity: VoiceActivity) -> None:
        speech = float(np.median(activity.hear(self.speech())))
        activity.reset()
        silence = float(np.median(activity.hear(np.zeros(2 * _SECOND, np.int16))))
        activity.reset()
        noise = np.random.default_rng(7).integers(-2_000, 2_000, 2 * _SECOND).astype(np.int16)
        assert speech > 0.5
        assert silence < 0.2
        assert float(np.median(activity.hear(noise))) < 0.5

    def test_one_probability_for_each_whole_window(self, activity: VoiceActivity) -> None:
        window = activity.window_samples
        assert 0 < window <= _SECOND // 10
        found = activity.hear(self.speech()[: 5 * window + 3])
        assert found.shape == (5,)
        assert found.dtype == np.float32
        assert ((found >= 0) & (found <= 1)).all()
        assert activity.hear(np.empty(0, np.int16)).shape == (0,)

    def test_blocks_of_any_size_are_the_same(self, activity: VoiceActivity) -> None:
        speech = self.speech()[:_SECOND]
        whole = activity.hear(speech)
        activity.reset()
        parts = np.concatenate([activity.hear(speech[i : i + 700]) for i in range(0, len(speech), 700)])
        np.testing.assert_allclose(parts, whole, atol=1e-5)

    def test_reset_forgets(self, activity: VoiceActivity) -> None:
        speech = self.speech()[:_SECOND]
        first = activity.hear(speech)
        activity.reset()
        np.testing.assert_allclose(activity.hear(speech), first, atol=1e-5)

    def test_unknown_options_are_refused(self) -> None:
        with pytest.raises(ConfigError):
            plugins.create("voice_activity", self.plugin, {"no_such_option": "1"})
