"""Where sound comes from and goes to: files, standard input, a microphone and a loudspeaker.

What is heard is 16 kHz, one channel, 16 bits, in blocks of 80 ms.
"""

from __future__ import annotations

import os
import wave
from collections.abc import Iterator
from math import gcd
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

import numpy as np

from ragedge.errors import MissingExtraError, SoundError

if TYPE_CHECKING:
    from ragedge.protocols import Int16

RATE = 16_000
BLOCK_SAMPLES = 1_280
_MOST_WAV_BYTES = 512 << 20


class Ear(Protocol):
    """Where sound comes from.

    Attributes:
        waits: It comes no faster than it is taken, so that an answer can be played in step with it.
        hears_itself: What is played comes back into it.
    """

    waits: bool
    hears_itself: bool

    def __iter__(self) -> Iterator[Int16]: ...


class Mouth(Protocol):
    """Where sound goes to."""

    def play(self, samples: Int16, /) -> None:
        """Take samples; returns when there is room for more."""

    def close(self) -> None:
        """Finish what was taken."""


class WavFile:
    """A WAV file of 16 bits, any rate, one or two channels."""

    waits, hears_itself = True, False

    def __init__(self, source: str | os.PathLike[str] | BinaryIO) -> None:
        """Read a file.

        Raises:
            SoundError: it cannot be read, or is of another kind.
        """
        named = source if hasattr(source, "read") else os.fspath(cast("str", source))
        try:
            with wave.open(named, "rb") as file:  # type: ignore[arg-type]
                channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
                if width != 2 or channels not in (1, 2) or not 8_000 <= rate <= 192_000:
                    raise SoundError(
                        f"the WAV has {channels} channels of {8 * width} bits at {rate} Hz; one or two channels of "
                        "16 bits at 8 to 192 kHz are read",
                        hint="convert it, for example with: ffmpeg -i IN -ar 16000 -ac 1 -c:a pcm_s16le OUT.wav",
                    )
                data = file.readframes(_MOST_WAV_BYTES // (2 * channels))
        except OSError as exc:
            raise SoundError(
                f"{source} cannot be read: {exc.strerror or exc}", hint="check the path"
            ) from exc
        except (wave.Error, EOFError) as exc:
            raise SoundError(
                f"the sound is not a WAV file: {exc}", hint="give a .wav file of 16 bits"
            ) from exc
        samples = np.frombuffer(data[: len(data) // (2 * channels) * 2 * channels], "<i2")
        if channels == 2:
            samples = samples.reshape(-1, 2).mean(axis=1).astype(np.int16)
        self.samples: Int16 = resampled(samples, rate)

    def __iter__(self) -> Iterator[Int16]:
        for start in range(0, len(self.samples), BLOCK_SAMPLES):
            yield self.samples[start : start + BLOCK_SAMPLES]


class RawStream:
    """Samples as they come over a pipe: 16 kHz, one channel, 16 bits, little-endian, no header."""

    waits, hears_itself = False, False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[Int16]:
        while data := self._stream.read(2 * BLOCK_SAMPLES):
            yield np.frombuffer(data[: len(data) // 2 * 2], "<i2")


class Microphone:
    """A microphone of this device, by PortAudio."""

    waits, hears_itself = False, True

    def __init__(self, device: str | None = None) -> None:
        """Open it.

        Raises:
            MissingExtraError: sounddevice is not installed.
            SoundError: PortAudio or the device is not there.
        """
        sounddevice = _portaudio()
        with _DeviceErrors("the microphone"):
            self._stream = sounddevice.InputStream(
                samplerate=RATE,
                channels=1,
                dtype="int16",
                blocksize=BLOCK_SAMPLES,
                device=device,
                latency="high",
            )

    def __iter__(self) -> Iterator[Int16]:
        with self._stream, _DeviceErrors("the microphone"):
            while True:
                samples, _ = self._stream.read(BLOCK_SAMPLES)
                yield samples[:, 0]


class Loudspeaker:
    """A loudspeaker of this device, by PortAudio."""

    def __init__(self, rate: int, device: str | None = None) -> None:
        """Open it; errors as for ``Microphone``."""
        sounddevice = _portaudio()
        with _DeviceErrors("the loudspeaker"):
            self._stream = sounddevice.OutputStream(samplerate=rate, channels=1, dtype="int16", device=device)
            self._stream.start()

    def play(self, samples: Int16, /) -> None:
        """Take samples; see ``Mouth``."""
        with _DeviceErrors("the loudspeaker"):
            self._stream.write(np.ascontiguousarray(samples))

    def close(self) -> None:
        """Play what was taken to its end."""
        self._stream.stop()
        self._stream.close()


class WavWriter:
    """A WAV file that appears whole, when it is closed."""

    def __init__(self, path: Path, rate: int) -> None:
        """Open it.

        Raises:
            SoundError: it cannot be written.
        """
        self._path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            self._stream = self._partial.open("wb")
        except OSError as exc:
            raise SoundError(f"{path} cannot be written: {exc.strerror}", hint="name another file") from exc
        self._file = wave.open(self._stream, "wb")  # noqa: SIM115 - closed by close
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(rate)

    def play(self, samples: Int16, /) -> None:
        """Append samples."""
        self._file.writeframesraw(samples.astype("<i2").tobytes())

    def close(self) -> None:
        """Put the file in its place."""
        self._file.close()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._partial.replace(self._path)

    def discard(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._stream.close()
        self._partial.unlink(missing_ok=True)


def resampled(samples: Int16, rate: int, to: int = RATE) -> Int16:
    """Return samples, (n,), at another rate."""
    if rate == to or not len(samples):
        return samples
    from scipy.signal import resample_poly

    common = gcd(rate, to)
    moved = resample_poly(samples.astype(np.float32), to // common, rate // common)
    louder: Int16 = np.clip(np.rint(moved), -32768, 32767).astype(np.int16)
    return louder


def _portaudio() -> Any:
    try:
        import sounddevice
    except ImportError as exc:
        raise MissingExtraError(
            "a microphone needs sounddevice", hint="pip install 'ragedge[voice]', or give --wav FILE"
        ) from exc
    except OSError as exc:  # it looks for the library when it is imported
        raise SoundError(
            "the library PortAudio is not installed", hint="apt-get install libportaudio2, or give --wav FILE"
        ) from exc
    return sounddevice


class _DeviceErrors:
    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import sounddevice

        if isinstance(error, sounddevice.PortAudioError | ValueError):
            raise SoundError(
                f"{self._what} does not work: {error}", hint="choose another: --device; or give --wav FILE"
            ) from error
