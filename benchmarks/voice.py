"""Questions of the example manual spoken by eSpeak NG: is the wake word found, are words and answers right, how soon.

    python benchmarks/voice.py                        # connectors/voice, espeak-ng and the speech models installed
    python benchmarks/voice.py --minutes 60 --questions 0      # false wake-ups alone
    python benchmarks/voice.py --minutes 0 --questions 40 --voices en-us en-gb-x-rp+f2 --noise-db 10

Each question is said after the wake word, by each voice, clean and with noise whose spectrum falls as a road's does
(1/f), so many decibels below the speech. It goes through the whole of `ragedge voice`. A wake word that is not found
counts against words and answers too. Words are compared as they are said, numbers in words. An answer is right if it
holds the facts of the question; the same questions typed are the peer in the run. First sound is set against the
first sentence of the same turn, which is what there would be without speech output. False wake-ups: the manual's own
text, read aloud without the wake word in it. Synthetic voices are no people: the figures are of this set-up.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import ragedge
from ragedge import plugins
from ragedge.knowledge_base import KnowledgeBase
from ragedge.measure.answer_figures import holds
from ragedge.measure.intervals import bootstrap, wilson
from ragedge.measure.questions import Question, read_questions
from ragedge.voice.assistant import Assistant
from ragedge.voice.listening import Listener, What
from ragedge.voice.sound import RATE, WavFile
from ragedge.voice.spoken_text import spoken
from ragedge.voice.turn import Turn
from ragedge.voice.vocabulary import vocabulary

EXAMPLE = Path(__file__).resolve().parents[1] / "examples/automotive_manual"
WAKE = "hey jarvis"


class Tape(WavFile):
    def __init__(self, samples: np.ndarray) -> None:
        self.samples = samples


class Silent:
    def play(self, samples: np.ndarray) -> None: ...

    def close(self) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--kb", type=Path, help="holds the example manual [default: made anew, beside this run]"
    )
    parser.add_argument("--questions", type=int, default=40, help="answerable ones, spread over the file")
    parser.add_argument("--voices", nargs="+", default=["en-us", "en-gb-x-rp+f2"])
    parser.add_argument("--noise-db", type=float, default=10)
    parser.add_argument("--minutes", type=float, default=60, help="of spoken text for false wake-ups")
    parser.add_argument(
        "--no-vocabulary", action="store_true", help="keep the documents' words from the recognizer"
    )
    parser.add_argument("--generator", default="onnx", help="none answers by quoting alone")
    arguments = parser.parse_args()
    path = arguments.kb or Path("voice-kb")
    settings = {"generate.generator": arguments.generator}
    with ragedge.open(path, create=True, settings=settings) as kb:
        if not arguments.kb:
            kb.ingest(EXAMPLE / "manual.pdf")
        if arguments.questions:
            ask_all(kb, arguments)
        if arguments.minutes:
            print(json.dumps(false_wake_ups(kb, arguments.minutes, arguments.voices)))


def ask_all(kb: KnowledgeBase, arguments: argparse.Namespace) -> None:
    every = [q for q in read_questions(EXAMPLE / "qa.jsonl") if q.answerable and q.facts]
    asked = [
        every[i * len(every) // arguments.questions] for i in range(min(arguments.questions, len(every)))
    ]
    kb.warm_up()
    typed = sum(holds(question.facts, kb.ask(question.text).text) for question in asked)
    print(json.dumps({"typed": {"answer_right": share(typed, len(asked))}}), flush=True)
    recognizer = plugins.create("speech_recognizer", "whisper", {})
    likely = "" if arguments.no_vocabulary else vocabulary(kb)
    ratios: list[float] = []
    for voice in arguments.voices:
        for noise in (None, arguments.noise_db):
            row = {"voice": voice, "noise": "none" if noise is None else f"{noise:g} dB"}
            figures, times = spoken_run(kb, recognizer, likely, asked, voice, noise)
            ratios += times
            print(json.dumps({**row, **figures}), flush=True)
    low, high = bootstrap(ratios)
    print(json.dumps({"first_sound_over_first_sentence": {
        "median": round(median(ratios), 3), "mean": round(float(np.mean(ratios)), 3),
        "mean_interval": [round(low, 3), round(high, 3)], "turns": len(ratios),
    }}), flush=True)  # fmt: skip


def spoken_run(
    kb: KnowledgeBase,
    recognizer: Any,
    likely: str,
    asked: Sequence[Question],
    voice: str,
    noise: float | None,
) -> tuple[dict[str, Any], list[float]]:
    woken = right = words_right = words = 0
    ratios: list[float] = []
    called = say(WAKE, voice)
    for number, question in enumerate(asked):
        parts = (quiet(2), called, quiet(0.4), say(spoken(question.text), voice), quiet(1.2))
        sound = np.concatenate(parts)
        if noise is not None:
            sound = noisy(sound, noise, seed=number)
        turns, noticed = listen(kb, recognizer, likely, sound)
        expected = plain(question.text)
        words += len(expected)
        woken += What.WOKEN in noticed
        if turns:
            words_right += words_in_common(expected, plain(turns[0].question))
            right += turns[0].answer is not None and holds(question.facts, turns[0].answer.text)
            times = turns[0].timings
            if times.first_sound_ms and times.first_sentence_ms:
                ratios.append(times.first_sound_ms / times.first_sentence_ms)
    return {
        "wake_word_found": share(woken, len(asked)),
        "words_right": share(words_right, words),
        "answer_right": share(right, len(asked)),
    }, ratios


def listen(
    kb: KnowledgeBase, recognizer: Any, likely: str, sound: np.ndarray
) -> tuple[list[Turn], list[What]]:
    turns: list[Turn] = []
    noticed: list[What] = []
    assistant = Assistant(
        kb,
        Listener(plugins.create("wake_word", "openwakeword"), plugins.create("voice_activity", "silero")),
        recognizer,
        plugins.create("speech_output", "espeak", {}),
        answered=turns.append,
        likely=likely,
        noticed=noticed.append,
        most_sentences=1,
    )
    assistant.run(Tape(sound), Silent())
    return turns, noticed


def false_wake_ups(kb: KnowledgeBase, minutes: float, voices: Sequence[str]) -> dict[str, Any]:
    """Read the manual aloud, page by page, with the voices in turn, until the time is full."""
    word = plugins.create("wake_word", "openwakeword")
    heard = samples = 0
    working = 0.0
    for number, text in enumerate(sentences(kb)):
        sound = say(spoken(text), voices[number % len(voices)])
        started = time.perf_counter()
        heard += sum(word.hear(sound[i : i + 1_280]) for i in range(0, len(sound), 1_280))
        working += time.perf_counter() - started
        samples += len(sound)
        if samples >= minutes * 60 * RATE:
            break
    return {
        "spoken_minutes": round(samples / RATE / 60, 1),
        "false_wake_ups": int(heard),
        "share_of_a_core": round(working / (samples / RATE), 3),
    }


def sentences(kb: KnowledgeBase) -> Iterator[str]:
    while True:  # a manual that is shorter than the time is read again, by the other voice
        for source in kb.status()["sources"]:
            for page in kb.inspect(source["source"]):
                lines = [line for line in page["text"].splitlines() if len(line.split()) > 2]
                yield from (" ".join(lines[i : i + 4]) for i in range(0, len(lines), 4))
        yield "This is the end of the manual."


def say(text: str, voice: str) -> np.ndarray:
    done = subprocess.run(
        ["espeak-ng", "-v", voice, "--stdin", "--stdout"],
        input=text.encode(),
        capture_output=True,
        check=True,
    )
    return WavFile(BytesIO(done.stdout)).samples


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE), np.int16)


def noisy(sound: np.ndarray, below_db: float, seed: int) -> np.ndarray:
    """Add 1/f noise, so many decibels below the speech where somebody speaks."""
    speech = sound.astype(np.float64)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(len(sound)))
    spectrum[1:] /= np.sqrt(np.fft.rfftfreq(len(sound), 1 / RATE)[1:])
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, len(sound))
    level = np.sqrt(np.mean(speech[np.abs(speech) > 100] ** 2)) / np.sqrt(np.mean(noise**2))
    both = speech + noise * level * 10 ** (-below_db / 20)
    return np.clip(both, -32_768, 32_767).astype(np.int16)


def plain(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", re.sub(r"['’]", "", spoken(text).lower()))


def words_in_common(expected: list[str], heard: list[str]) -> int:
    """Return how many expected words stand right in the alignment of fewest word errors."""
    best = [[(0, 0)] * (len(heard) + 1) for _ in range(len(expected) + 1)]  # (errors, -right)
    for i in range(len(expected) + 1):
        for j in range(len(heard) + 1):
            ways = [(0, 0)] if not i and not j else []
            if i:
                ways.append((best[i - 1][j][0] + 1, best[i - 1][j][1]))
            if j:
                ways.append((best[i][j - 1][0] + 1, best[i][j - 1][1]))
            if i and j:
                same = expected[i - 1] == heard[j - 1]
                errors, right = best[i - 1][j - 1]
                ways.append((errors + (not same), right - same))
            best[i][j] = min(ways)
    return -best[-1][-1][1]


def share(hits: int, count: int) -> dict[str, Any]:
    low, high = wilson(int(hits), count)
    return {"count": f"{int(hits)} of {count}", "share": round(hits / max(count, 1), 3), "low": round(low, 3),
            "high": round(high, 3)}  # fmt: skip


if __name__ == "__main__":
    main()
