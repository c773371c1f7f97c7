from __future__ import annotations

import functools
import os
import subprocess
import sys

import numpy as np
import pytest

from ragedge import plugins
from ragedge.errors import ConfigError, ModelNotFoundError, SoundError
from ragedge.testing.speech_output_contract import SpeechOutputContract
from ragedge.testing.speech_recognizer_contract import SpeechRecognizerContract
from ragedge.testing.voice_activity_contract import VoiceActivityContract
from ragedge.testing.wake_word_contract import WakeWordContract
from tests.voice.spoken_sound import say

pytestmark = pytest.mark.slow  # a program of the system speaks

QUESTION = "What is the torque of the drain plug?"


@pytest.fixture(autouse=True)
def home(monkeypatch, speech_models):
    monkeypatch.setenv("RAGEDGE_HOME", str(speech_models))


@functools.cache
def whisper():
    return plugins.create("speech_recognizer", "whisper", {})


class TestOpenWakeWord(WakeWordContract):
    plugin = "openwakeword"

    def called(self):
        return say("hey jarvis")

    def other(self):
        return say("Tighten the drain plug. Hey, the service is due at ten thousand kilometres.")


class TestSilero(VoiceActivityContract):
    plugin = "silero"

    def speech(self):
        return say(QUESTION)


class TestWhisper(SpeechRecognizerContract):
    plugin = "whisper"
    words = ("what", "torque", "drain")

    @pytest.fixture
    def recognizer(self):
        return whisper()

    def utterance(self):
        return say(QUESTION)


class TestEspeak(SpeechOutputContract):
    plugin = "espeak"


def test_likely_words_are_recognized_where_they_were_not():
    sound = say("Which torque does the cover bolt of the pump need?")
    assert "cover bolt" not in whisper().recognize(sound).lower()
    assert "cover bolt" in whisper().recognize(sound, "drain plug, cover bolt, oil filter.").lower()


@pytest.mark.parametrize("word", ["alexa", "hey_jarvis"])
def test_other_words_are_heard_by_name(word):
    wake_word = plugins.create("wake_word", "openwakeword", {"word": word})
    sound = np.concatenate(
        (np.zeros(32_000, np.int16), say(word.replace("_", " ")), np.zeros(16_000, np.int16))
    )
    assert wake_word.hear(sound)


@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        ("wake_word", "openwakeword", {"word": "computer"}),
        ("wake_word", "openwakeword", {"threshold": "2"}),
        ("speech_recognizer", "whisper", {"beams": "many"}),
        ("speech_recognizer", "whisper", {"folder": "/nowhere"}),
        ("speech_output", "espeak", {"language": "xx"}),
        ("speech_output", "espeak", {"voice": "en; reboot"}),
    ],
)
def test_what_they_are_told_is_checked(kind, name, options):
    with pytest.raises(ConfigError):
        plugins.create(kind, name, options)


def test_a_voice_that_is_not_there_is_named():
    with pytest.raises(SoundError, match="tlh-xx"):
        plugins.create("speech_output", "espeak", {"voice": "tlh-xx"})


def test_a_missing_model_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("RAGEDGE_HOME", str(tmp_path))
    for kind, name in (("wake_word", "openwakeword"), ("speech_recognizer", "whisper")):
        with pytest.raises(ModelNotFoundError, match="ragedge models pull"):
            plugins.create(kind, name, {})


def test_a_missing_program_names_the_package(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SoundError, match="espeak-ng"):
        plugins.create("speech_output", "espeak", {})


@pytest.mark.skipif(sys.platform != "linux", reason="an empty network namespace is Linux's")
def test_they_work_where_there_is_no_network(speech_models):
    script = (
        "import numpy as np\nfrom ragedge import plugins\n"
        "sound = np.concatenate(list(plugins.create('speech_output', 'espeak', {}).speak('the drain plug')))\n"
        "print(plugins.create('speech_recognizer', 'whisper', {}).recognize(sound))\n"
    )
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", script],
        capture_output=True, text=True, timeout=120, env=os.environ | {"RAGEDGE_HOME": str(speech_models)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
