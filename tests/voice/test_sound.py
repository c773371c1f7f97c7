"""Sound files and streams."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from ragedge.errors import SoundError
from ragedge.voice.sound import BLOCK_SAMPLES, RawStream, WavFile, WavWriter, resampled


def wav(samples: np.ndarray, rate: int = 16_000, channels: int = 1, width: int = 2) -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())
    file.seek(0)
    return file


def tone(rate: int, hertz: int = 440, seconds: float = 1) -> np.ndarray:
    return (8_000 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.int16)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_any_rate_is_heard_at_16_khz(rate: int) -> None:
    samples = WavFile(wav(tone(rate), rate)).samples
    assert abs(len(samples) - 16_000) <= 1
    spectrum = np.abs(np.fft.rfft(samples[:16_000]))
    assert abs(int(spectrum.argmax()) - 440) <= 1


def test_two_channels_become_one() -> None:
    both = np.stack((tone(16_000), tone(16_000)), axis=1)
    np.testing.assert_array_equal(WavFile(wav(both, channels=2)).samples, tone(16_000))


def test_blocks_are_the_whole() -> None:
    blocks = list(WavFile(wav(tone(16_000))))
    assert {len(block) for block in blocks[:-1]} == {BLOCK_SAMPLES}
    np.testing.assert_array_equal(np.concatenate(blocks), tone(16_000))
    np.testing.assert_array_equal(
        np.concatenate(list(RawStream(io.BytesIO(tone(16_000).tobytes() + b"\0")))), tone(16_000)
    )


@pytest.mark.parametrize("data", [b"", b"RIFF", b"words and no sound", b"RIFF\xff\xff\xff\xffWAVEfmt "])
def test_what_is_no_wav_is_refused(data: bytes) -> None:
    with pytest.raises(SoundError, match="not a WAV file"):
        WavFile(io.BytesIO(data))


def test_other_kinds_of_wav_are_refused_with_what_is_read() -> None:
    with pytest.raises(SoundError, match="8 bits"):
        WavFile(wav(tone(16_000), width=1))
    with pytest.raises(SoundError, match="4000 Hz"):
        WavFile(wav(tone(4_000), rate=4_000))
    with pytest.raises(SoundError, match="cannot be read"):
        WavFile("/nowhere.wav")


def test_a_written_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    writer = WavWriter(out, 22_050)
    writer.play(tone(22_050))
    assert not out.exists()
    writer.close()
    assert abs(len(WavFile(out).samples) - 16_000) <= 1
    assert list(tmp_path.iterdir()) == [out]
    WavWriter(tmp_path / "other.wav", 22_050).discard()
    assert list(tmp_path.iterdir()) == [out]
    with pytest.raises(SoundError, match="cannot be written"):
        WavWriter(tmp_path / "nowhere" / "out.wav", 22_050)


def test_nothing_stays_nothing() -> None:
    assert len(resampled(np.empty(0, np.int16), 44_100)) == 0
