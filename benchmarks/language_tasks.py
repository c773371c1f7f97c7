"""LAMBADA's last word and ARC-easy's choice, by models beside one another: what quantization costs in answers.

    python benchmarks/language_tasks.py --model smollm2-135m --model smollm2-135m-q4 --questions 200

LAMBADA: the last word is right when each of its tokens is the likeliest. ARC-easy: the choice whose tokens are
likeliest together after `Question: ... Answer:` is taken. Counts with 95 % intervals; every text is read by the graph
that reads prompts. The first questions of each file are asked.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from ragedge.measure.bench.quantization import log_probabilities
from ragedge.measure.intervals import wilson
from ragedge.models import store
from ragedge.models.quantize.activations import run_window
from ragedge.runtime.cpu_backend import CpuBackend
from ragedge.runtime.decoder import GRAPH_NAME, PROMPT_GRAPH_NAME
from ragedge.runtime.session import open_session
from ragedge.runtime.threads import thread_count

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "lm"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", required=True, help="installed; repeatable")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--questions", type=int, default=200, help="of each set")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    rows = {}
    for name in args.model:
        reader = Reader(name, thread_count(args.threads))
        rows[name] = {
            "lambada": lambada(reader, lines(args.data / "lambada_openai.jsonl", args.questions)),
            "arc_easy": arc(reader, lines(args.data / "arc_easy.jsonl", args.questions)),
        }
        print(
            f"{name:28} " + "   ".join(f"{task} {counted(right)}" for task, right in rows[name].items()),
            flush=True,
        )
    first = rows[args.model[0]]
    for name in args.model[1:]:
        for task, right in rows[name].items():
            lost = sum(a and not b for a, b in zip(first[task], right, strict=True))
            won = sum(b and not a for a, b in zip(first[task], right, strict=True))
            print(f"{name}: {task}: {lost} lost and {won} won against {args.model[0]}")


class Reader:
    """A model that says how likely texts are."""

    def __init__(self, name: str, threads: int) -> None:
        from tokenizers import Tokenizer

        folder = store.find(name)
        second = folder.path / PROMPT_GRAPH_NAME
        path = second if second.is_file() else folder.path / GRAPH_NAME
        self._facts = folder.manifest.decoder
        self._session = open_session(path, CpuBackend(), threads=threads)
        self._tokenizer = Tokenizer.from_file(str(folder.path / "tokenizer.json"))

    def following(self, context: str, text: str) -> tuple[np.ndarray, list[int]]:
        """Return the log-probabilities before each token of a text after a context, (tokens, vocab), and its tokens."""
        lead = [self._facts.bos_token_id] if self._facts.add_bos else []
        before = lead + self._tokenizer.encode(context, add_special_tokens=False).ids
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        logits = run_window(self._session, self._facts, before + ids, ["logits"])["logits"]
        return log_probabilities(logits[len(before) - 1 : -1]), ids


def lambada(reader: Reader, questions: list[dict]) -> list[bool]:
    right = []
    for one in questions:
        rows, ids = reader.following(one["context"], " " + one["continuation"])
        right.append(bool((rows.argmax(axis=1) == ids).all()))
    return right


def arc(reader: Reader, questions: list[dict]) -> list[bool]:
    right = []
    for one in questions:
        likely = []
        for choice in one["choices"]:
            rows, ids = reader.following(one["query"] + "\nAnswer:", " " + choice)
            likely.append(rows[np.arange(len(ids)), ids].sum())
        right.append(int(np.argmax(likely)) == one["gold"])
    return right


def lines(path: Path, most: int) -> list[dict]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line, _ in zip(file, range(most), strict=False)]


def counted(right: list[bool]) -> str:
    low, high = wilson(sum(right), len(right))
    return f"{sum(right)} of {len(right)} [{low:.0%}, {high:.0%}]"


if __name__ == "__main__":
    main()
