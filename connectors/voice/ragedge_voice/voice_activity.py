"""Voice activity: Silero's detector, version 4 (MIT)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge import model_folder
from ragedge_voice.options import checked
from ragedge_voice.session import open_session

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int16

_RATE = np.array(16_000, np.int64)
_WINDOW = 512  # of the lengths it was trained on; 32 ms


def create(options: Mapping[str, Any]) -> SileroActivity:
    """Build it; it has no options.

    Raises:
        ConfigError: an option was given.
        ModelNotFoundError: the model is not installed; the hint pulls it.
    """
    checked("voice_activity 'silero'", options, {})
    return SileroActivity(model_folder("silero-vad") / "silero_vad.onnx")


class SileroActivity:
    """Tells speech from other sound."""

    window_samples = _WINDOW
    _samples: Float32
    _h: Float32
    _c: Float32

    def __init__(self, graph: Path) -> None:
        self._session = open_session(graph)
        self.reset()

    def hear(self, samples: Int16, /) -> Float32:
        """Take samples; see ``ragedge.protocols.VoiceActivity``."""
        self._samples = np.concatenate((self._samples, samples.astype(np.float32) / 32_768))
        found = []
        while len(self._samples) >= _WINDOW:
            feeds = {"input": self._samples[None, :_WINDOW], "sr": _RATE, "h": self._h, "c": self._c}
            probability, self._h, self._c = self._session.run(None, feeds)
            found.append(probability[0, 0])
            self._samples = self._samples[_WINDOW:]
        return np.array(found, np.float32)

    def reset(self) -> None:
        """Forget what was heard."""
        self._samples = np.zeros(0, np.float32)
        self._h = np.zeros((2, 1, 64), np.float32)
        self._c = np.zeros((2, 1, 64), np.float32)
