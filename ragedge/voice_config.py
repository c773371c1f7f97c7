"""The settings of ``ragedge voice``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from ragedge.setting import Setting


@dataclass(frozen=True, slots=True)
class VoiceConfig:
    """How `ragedge voice` listens and speaks; the plugins come with `connectors/voice`."""

    wake_word: Annotated[
        str, Setting(description="Wake word plugin; `none` takes everything that is said for a question.")
    ] = "openwakeword"
    wake_word_options: Annotated[dict[str, str], Setting(description="What it is told.")] = field(
        default_factory=dict
    )
    activity: Annotated[str, Setting(description="Voice activity plugin.")] = "silero"
    recognizer: Annotated[str, Setting(description="Speech recognizer plugin.")] = "whisper"
    recognizer_options: Annotated[dict[str, str], Setting(description="What it is told.")] = field(
        default_factory=dict
    )
    output: Annotated[str, Setting(description="Speech output plugin.")] = "espeak"
    output_options: Annotated[dict[str, str], Setting(description="What it is told.")] = field(
        default_factory=dict
    )
    language: Annotated[
        Literal["en", "de", "ja"], Setting(description="Whose words numbers and units are read in.")
    ] = "en"
    end_silence_ms: Annotated[int, Setting(description="Silence that ends a question.", ge=200, le=3000)] = (
        700
    )
    sentences: Annotated[
        int,
        Setting(description="How many sentences of an answer are said; all of them are shown.", ge=1, le=50),
    ] = 3
    longest_s: Annotated[
        int, Setting(description="A question is cut off after this many seconds.", ge=2, le=30)
    ] = 15
    wait_s: Annotated[
        int, Setting(description="How long after the wake word a question may begin.", ge=1, le=60)
    ] = 6
