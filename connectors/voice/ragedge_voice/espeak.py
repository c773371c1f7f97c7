"""Speech output: eSpeak NG, a program of the system (GPL-3.0), run apart."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import ConfigError, SoundError
from ragedge_voice.options import checked, number

if TYPE_CHECKING:
    from ragedge.protocols import Int16

_VOICES = {"en": "en-us", "de": "de", "ja": "ja"}
_RATE = 22_050
_BLOCK_BYTES = 2 * 2_205  # 100 ms
_HEADER = 44  # it writes the plainest WAV there is, of a length that it does not know yet


def create(options: Mapping[str, Any]) -> EspeakOutput:
    """Build it. Options: ``language``, ``voice`` (over it, as ``espeak-ng --voices`` lists them), ``words_a_minute``.

    Raises:
        ConfigError: an option is unknown or not allowed.
        SoundError: the program is not there, or has no such voice.
    """
    what = "speech_output 'espeak'"
    told = checked(what, options, {"language": "en", "voice": "", "words_a_minute": "160"})
    if not told["voice"] and told["language"] not in _VOICES:
        raise ConfigError(f"{what}: language is one of {', '.join(_VOICES)}; name a voice for another")
    voice = told["voice"] or _VOICES[told["language"]]
    if not re.fullmatch(r"[A-Za-z0-9_+-]{2,40}", voice):
        raise ConfigError(f"{what}: {voice!r} is not how a voice is named", hint="espeak-ng --voices")
    return EspeakOutput(voice, int(number(what, "words_a_minute", told["words_a_minute"], 80, 450)))


class EspeakOutput:
    """Speaks, one process for each sentence; the text goes in by a pipe, not where other users see it."""

    sample_rate = _RATE

    def __init__(self, voice: str, words_a_minute: int) -> None:
        program = shutil.which("espeak-ng")
        if program is None:
            raise SoundError("the program espeak-ng is not installed", hint="apt-get install espeak-ng")
        self._command = [program, "-v", voice, "-s", str(words_a_minute), "-b", "1", "--stdin", "--stdout"]
        if not any(len(samples) for samples in self.speak("a")):
            raise SoundError(f"espeak-ng has no voice {voice!r}", hint="espeak-ng --voices")

    def speak(self, text: str, /) -> Iterator[Int16]:
        """Speak; see ``ragedge.protocols.SpeechOutput``."""
        # It ends a clause at a line's end.
        said = " ".join(text.split()).encode()
        if not said:
            return
        process = subprocess.Popen(  # noqa: S603 - fixed program, checked voice, no shell
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(said)
            process.stdin.close()
            yield from _samples(process.stdout)
        except BrokenPipeError:
            pass  # it gave up; that it said nothing is told by its status
        finally:
            process.kill()
            process.stdout.close()
            process.wait()


def _samples(stream: IO[bytes]) -> Iterator[Int16]:
    head = stream.read(_HEADER)
    if len(head) < _HEADER:
        return
    channels, rate = struct.unpack_from("<HI", head, 22)
    if (channels, rate) != (1, _RATE):
        raise SoundError(f"espeak-ng speaks {channels} channels at {rate} Hz; one at {_RATE} Hz is expected")
    while data := stream.read(_BLOCK_BYTES):
        yield np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.int16)
