"""The wake word: openWakeWord's graphs, run as its streaming features are computed.

Every 80 ms: 8 new frames of a mel spectrogram, one new embedding of the last 76 frames, one score of the last 16
embeddings (github.com/dscripka/openWakeWord, ``utils.AudioFeatures``). Its pre-trained words are not for commercial
use (CC BY-NC-SA 4.0); a product trains its own and names the file in the option ``file``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge import model_folder
from ragedge.errors import ConfigError
from ragedge_voice.options import checked, number
from ragedge_voice.session import open_session

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int16

WORDS = {
    "hey_jarvis": "hey_jarvis_v0.1.onnx",
    "alexa": "alexa_v0.1.onnx",
    "hey_mycroft": "hey_mycroft_v0.1.onnx",
    "hey_rhasspy": "hey_rhasspy_v0.1.onnx",
}
_STEP = 1_280  # samples, 80 ms
_OVERLAP = 480  # three windows of 10 ms that the spectrogram of a step begins with
_FRAMES, _BINS = 76, 32  # of the spectrogram, that an embedding reads
_EMBEDDINGS = 16  # that the word's graph reads
_REST_STEPS = 25  # two seconds in which one word is not heard twice


def create(options: Mapping[str, Any]) -> OpenWakeWord:
    """Build it. Options: ``word``, ``file`` (a graph of your own), ``threshold``.

    Raises:
        ConfigError: an option is unknown or not allowed.
        ModelNotFoundError: the model is not installed; the hint pulls it.
    """
    told = checked(
        "wake_word 'openwakeword'", options, {"word": "hey_jarvis", "file": "", "threshold": "0.5"}
    )
    threshold = number("wake_word 'openwakeword'", "threshold", told["threshold"], 0.01, 0.99)
    if told["word"] not in WORDS:
        raise ConfigError(
            f"wake_word 'openwakeword': word is one of {', '.join(WORDS)}, not {told['word']!r}"
        )
    folder = model_folder("openwakeword")
    graph = Path(told["file"]) if told["file"] else folder / WORDS[told["word"]]
    return OpenWakeWord(folder, graph, threshold)


class OpenWakeWord:
    """Listens for one word."""

    _samples: Float32
    _frames: Float32
    _embeddings: Float32
    _rest: int

    def __init__(self, folder: Path, graph: Path, threshold: float) -> None:
        self._mel = open_session(folder / "melspectrogram.onnx")
        self._embed = open_session(folder / "embedding_model.onnx")
        self._word = open_session(graph)
        self._word_input = self._word.get_inputs()[0].name
        self._threshold = threshold
        self.reset()

    def hear(self, samples: Int16, /) -> bool:
        """Take samples; see ``ragedge.protocols.WakeWord``."""
        self._samples = np.concatenate((self._samples, samples.astype(np.float32)))
        heard = False
        while len(self._samples) >= _OVERLAP + _STEP:
            score = self._step(self._samples[: _OVERLAP + _STEP])
            self._samples = self._samples[_STEP:]
            self._rest = max(self._rest - 1, 0)
            if score >= self._threshold and not self._rest:
                self._rest = _REST_STEPS
                heard = True
        return heard

    def reset(self) -> None:
        """Forget what was heard."""
        self._samples = np.zeros(_OVERLAP, np.float32)
        self._frames = np.ones((_FRAMES, _BINS), np.float32)
        self._embeddings = np.zeros((0, 96), np.float32)
        self._rest = 0

    def _step(self, samples: Float32) -> float:
        """Return the word's score, 0 to 1, after one more step; 0 until it has heard 16 steps."""
        spectrum = self._mel.run(None, {"input": samples[None]})[0].reshape(-1, _BINS) / 10 + 2
        self._frames = np.concatenate((self._frames, spectrum))[-_FRAMES:]
        embedding = self._embed.run(None, {"input_1": self._frames[None, :, :, None]})[0].reshape(1, -1)
        self._embeddings = np.concatenate((self._embeddings, embedding))[-_EMBEDDINGS:]
        if len(self._embeddings) < _EMBEDDINGS:
            return 0.0
        return float(self._word.run(None, {self._word_input: self._embeddings[None]})[0].ravel()[0])
