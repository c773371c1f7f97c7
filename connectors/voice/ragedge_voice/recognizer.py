"""Speech recognition: Whisper by faster-whisper, in 8 bits on the processor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge import model_folder
from ragedge.errors import ConfigError, ModelIntegrityError
from ragedge_voice.options import checked, number

if TYPE_CHECKING:
    from ragedge.protocols import Int16

_LEAST_SAMPLES = 1_600  # of less, it makes words up
_NO_SPEECH = 0.8  # its own estimate that nothing was said


def create(options: Mapping[str, Any]) -> WhisperRecognizer:
    """Build it. Options: ``model`` (an installed one), ``folder`` (one of CTranslate2's instead), ``language``,
    ``beams``, ``prompt`` (words that are likely, over those of the documents).

    Raises:
        ConfigError: an option is unknown or not allowed.
        ModelNotFoundError: the model is not installed; the hint pulls it.
        ModelIntegrityError: it cannot be loaded.
    """  # noqa: D205 - a list
    what = "speech_recognizer 'whisper'"
    known = {"model": "whisper-tiny-en", "folder": "", "language": "en", "beams": "5", "prompt": ""}
    told = checked(what, options, known)
    beams = int(number(what, "beams", told["beams"], 1, 10))
    folder = Path(told["folder"]) if told["folder"] else model_folder(told["model"])
    for name in ("model.bin", "tokenizer.json"):
        if not (folder / name).is_file():  # left to itself, the library would fetch it
            raise ConfigError(f"{what}: {folder} holds no {name}; it is no Whisper model of CTranslate2")
    return WhisperRecognizer(folder, told["language"], beams, told["prompt"])


class WhisperRecognizer:
    """Writes down what is said."""

    def __init__(self, folder: Path, language: str, beams: int, prompt: str) -> None:
        from faster_whisper import WhisperModel

        self._prompt = prompt
        self._settings = {
            "language": language, "beam_size": beams, "temperature": 0.0,
            "without_timestamps": True, "condition_on_previous_text": False,
        }  # fmt: skip
        try:
            self._model = WhisperModel(
                str(folder), device="cpu", compute_type="int8", cpu_threads=min(4, os.cpu_count() or 1),
                local_files_only=True,
            )  # fmt: skip
        except (RuntimeError, ValueError, OSError) as exc:
            raise ModelIntegrityError(
                f"{folder.name} is not a Whisper model that CTranslate2 loads ({type(exc).__name__})",
                hint="ragedge models verify",
            ) from exc
        self._one_at_a_time = Lock()

    def recognize(self, samples: Int16, likely: str = "", /) -> str:
        """Return the words; see ``ragedge.protocols.SpeechRecognizer``."""
        if len(samples) < _LEAST_SAMPLES or not np.any(samples):
            return ""
        with self._one_at_a_time:
            segments, _ = self._model.transcribe(
                samples.astype(np.float32) / 32_768,
                initial_prompt=self._prompt or likely or None,
                **self._settings,
            )
            said = [segment.text.strip() for segment in segments if segment.no_speech_prob < _NO_SPEECH]
        return " ".join(said).strip()
