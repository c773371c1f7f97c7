"""Speech for the tests, by eSpeak NG."""

from __future__ import annotations

import functools
import subprocess
from io import BytesIO

import numpy as np

from ragedge.voice.sound import WavFile


@functools.cache
def say(text: str, voice: str = "en-us") -> np.ndarray:
    """Return a text as it is spoken, 16 kHz."""
    done = subprocess.run(["espeak-ng", "-v", voice, "--stdout", text], capture_output=True, check=True)
    return WavFile(BytesIO(done.stdout)).samples


def silence(seconds: float) -> np.ndarray:
    """Return silence, 16 kHz."""
    return np.zeros(int(seconds * 16_000), np.int16)
