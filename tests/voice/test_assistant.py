"""From a spoken question to a spoken answer, with the real engines and models."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spoken_sound import say, silence

import ragedge
from ragedge import plugins
from ragedge.knowledge_base import KnowledgeBase
from ragedge.voice.assistant import Assistant
from ragedge.voice.listening import Listener, What
from ragedge.voice.sound import WavFile, resampled
from ragedge.voice.turn import Turn
from ragedge.voice.vocabulary import vocabulary

pytestmark = pytest.mark.slow  # a program of the system speaks the questions

MANUAL = """# Pump P-7

## Torque

Tighten the drain plug to a torque of 35 N·m.

## Filter

WARNING: Let the pump cool down before you replace the oil filter.

Replace the oil filter of the pump every 90 days.
"""
DRAIN = "What is the torque of the drain plug?"
FILTER = "How often is the oil filter replaced?"

Converse = Callable[..., tuple[list[Turn], np.ndarray, list[What]]]


class Tape:
    """A mouth that remembers."""

    def __init__(self) -> None:
        self.played: list[np.ndarray] = []

    def play(self, samples: np.ndarray) -> None:
        self.played.append(samples)

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, speech_models: Path) -> None:
    monkeypatch.setenv("RAGEDGE_HOME", str(speech_models))


@pytest.fixture(scope="module")
def kb(
    tmp_path_factory: pytest.TempPathFactory, speech_models: Path, minilm_dir: Path
) -> Iterator[KnowledgeBase]:
    work = tmp_path_factory.mktemp("voice")
    (work / "pump.md").write_text(MANUAL, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGEDGE_HOME", str(speech_models))
        with ragedge.open(work / "kb", create=True, settings={"generate.generator": "none"}) as opened:
            opened.ingest(work / "pump.md")
            yield opened


@functools.cache
def engine(kind: Any, name: str) -> Any:
    return plugins.create(kind, name, {})


@pytest.fixture
def converse(kb: KnowledgeBase) -> Converse:
    """Return what plays sounds to an assistant, one after another, and hands back what came of it."""

    def run(
        *sounds: np.ndarray, wake: bool = False, **options: Any
    ) -> tuple[list[Turn], np.ndarray, list[What]]:
        turns: list[Turn] = []
        noticed: list[What] = []
        tape = Tape()
        word = plugins.create("wake_word", "openwakeword") if wake else None
        assistant = Assistant(
            kb,
            Listener(word, engine("voice_activity", "silero")),
            engine("speech_recognizer", "whisper"),
            engine("speech_output", "espeak"),
            answered=turns.append,
            noticed=noticed.append,
            options=options,
        )
        assistant.run(Sound(np.concatenate(sounds)), tape)
        return turns, np.concatenate([np.empty(0, np.int16), *tape.played]), noticed

    return run


class Sound(WavFile):
    def __init__(self, samples: np.ndarray) -> None:
        self.samples = samples


def test_a_spoken_question_gets_a_spoken_answer(converse: Converse) -> None:
    [turn], sound, _ = converse(say(DRAIN), silence(1))
    assert turn.answer is not None
    assert "35 N·m" in turn.answer.text
    assert "thirty-five newton metres" in turn.spoken[0]
    assert len(turn.spoken) >= 1
    heard = engine("speech_recognizer", "whisper").recognize(resampled(sound, 22_050)).lower()
    assert "torque" in heard
    assert "newton" in heard
    times = turn.timings
    assert times.question_ms is not None
    assert times.first_sentence_ms is not None
    assert times.first_sound_ms is not None
    assert 0 <= times.question_ms <= times.first_sentence_ms <= times.first_sound_ms


def test_the_wake_word_is_waited_for(converse: Converse) -> None:
    turns, sound, noticed = converse(silence(2), say(DRAIN), silence(2), wake=True)
    assert (turns, len(sound), noticed) == ([], 0, [])
    turns, _, noticed = converse(
        silence(2), say("hey jarvis"), silence(0.5), say(DRAIN), silence(1), wake=True
    )
    assert noticed[0] is What.WOKEN
    assert "35 N·m" in str(turns[0].answer)


def test_the_wake_word_stops_an_answer_and_the_next_question_is_answered(converse: Converse) -> None:
    asked = (say("hey jarvis"), silence(0.5))
    turns, _, _ = converse(
        silence(2), *asked, say(DRAIN), silence(1.5), *asked, say(FILTER), silence(1), wake=True
    )
    assert [turn.interrupted for turn in turns] == [True, False]
    assert turns[1].answer is not None
    assert "90 days" in turns[1].answer.text


def test_speech_stops_an_answer_where_no_wake_word_is_asked_for(converse: Converse) -> None:
    turns, _, _ = converse(say(DRAIN), silence(1.2), say(FILTER), silence(1))
    assert [turn.interrupted for turn in turns] == [True, False]
    assert "90 days" in str(turns[1].answer)


def test_a_warning_is_said_before_what_it_guards(converse: Converse) -> None:
    [turn], _, _ = converse(say(FILTER), silence(1))
    assert turn.answer is not None
    assert turn.answer.safety
    assert "cool down" in turn.spoken[0]
    assert turn.spoken[0].startswith("Warning.")
    assert any("ninety days" in said for said in turn.spoken[1:])


def test_what_the_manual_does_not_hold_is_said(converse: Converse) -> None:
    [turn], sound, _ = converse(say("What is the capital of Mongolia?"), silence(1))
    assert turn.answer is not None
    assert turn.answer.abstained
    assert turn.spoken == [turn.answer.text.rstrip()]
    assert len(sound) > 11_025


def test_the_words_of_the_documents_are_likely(kb: KnowledgeBase) -> None:
    words = vocabulary(kb)
    assert "drain plug" in words
    assert "oil filter" in words
    assert "the" not in words.replace(",", "").split()
    with ragedge.open(kb.path.parent / "none", create=True) as empty:
        assert vocabulary(empty) == ""


def test_a_session_is_kept(converse: Converse, kb: KnowledgeBase) -> None:
    [turn], _, _ = converse(say(DRAIN), silence(1), session="ride")
    assert [told.asked for told in kb.conversations.turns("ride")] == [turn.question]


def test_the_command_from_file_to_file(kb: KnowledgeBase, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "question.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(say(DRAIN).tobytes())  # ends in the middle: no silence after it
    command = [
        sys.executable,
        "-m",
        "ragedge",
        "voice",
        "--kb",
        str(kb.path),
        "--set",
        "generate.generator=none",
    ]
    options = ["--wav", "question.wav", "--out", "answer.wav", "--json"]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, cwd=tmp_path, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    assert "35 N·m" in json.loads(line)["answer"]["text"]
    assert len(WavFile(tmp_path / "answer.wav").samples) > 16_000
    done = subprocess.run(
        [*command, "--wav", "nowhere.wav", "--out", "third.wav"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "nowhere.wav cannot be read" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answer.wav", "question.wav"]
