"""Short answers in Japanese: exact match and F1 on JSQuAD, and the weights behind them.

    python benchmarks/short_answers.py --data ../shared/data/jsquad --work /tmp/ragedge-ja --questions 300
    python benchmarks/short_answers.py --data ../shared/data/jsquad --fit 900 > ragedge/generate/short_answer_weights.py

A paragraph belongs to development where the first byte of the sha256 of its id is even, else to the report; so do its
questions. Fitted on development alone, by the listwise softmax (Cao et al. 2007) over all spans of the right paragraph.
Reported over what is retrieved, nothing withheld, and how many of the questions would be refused. Exact match and F1
(over characters, as JGLUE has it; Kurihara et al. 2022) are of the best span, shown or not, with 95% intervals.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from abstention import counted, ingest

import ragedge
from ragedge.generate.short_answer import asks_for_a_few_words, best_span, candidates, read_asked

SEED = 3
HALF_RIGHT = 0.15  # what a span with an F1 above 0.6 counts beside a right one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of jsquad")
    parser.add_argument("--work", type=Path, help="folder of the knowledge base")
    parser.add_argument("--questions", type=int, default=300, help="of the report half, drawn at random")
    parser.add_argument("--fit", type=int, help="development questions to fit on; prints the weights")
    args = parser.parse_args()
    asked = [json.loads(line) for line in (args.data / "qa.jsonl").read_text(encoding="utf-8").splitlines()]
    random.Random(SEED).shuffle(asked)
    if args.fit:
        texts = {
            entry["_id"]: entry["text"]
            for entry in map(
                json.loads, (args.data / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
            )
        }
        show(*fit([q for q in asked if is_development(q)][: args.fit], texts))
        return
    questions = [q for q in asked if not is_development(q)][: args.questions]
    settings: dict[str, Any] = {"generate.generator": "none"}
    kb_path = ingest(args.data, args.work / "jsquad")
    with ragedge.open(kb_path, settings={**settings, "generate.abstain_below": 0.0}) as kb:
        answers = [kb.ask(q["question"]) for q in questions]
    with ragedge.open(kb_path, settings=settings) as kb:
        threshold = kb.status()["abstention"]["threshold"]
    asks = [asks_for_a_few_words(q["question"]) for q in questions]
    spans = [
        best_span(q["question"], [p.text for p in a.passages])
        for a, q in zip(answers, questions, strict=True)
    ]
    given = [
        answer.passages[span.text].text[span.start : span.end] if span and asked_for else ""
        for answer, span, asked_for in zip(answers, spans, asks, strict=True)
    ]
    exact = [one == q["answer"] for one, q in zip(given, questions, strict=True)]
    alike = [f1(one, q["answer"]) for one, q in zip(given, questions, strict=True)]
    shown = [
        ok
        for ok, one, answer in zip(exact, given, answers, strict=True)
        if len(answer.sentences) == 2 and answer.sentences[0].text == one
    ]
    holding = [q["answer"] in answer.text for answer, q in zip(answers, questions, strict=True)]
    found = [any(q["answer"] in p.text for p in a.passages) for a, q in zip(answers, questions, strict=True)]
    error = 1.96 * statistics.stdev(alike) / len(alike) ** 0.5
    print(counted("exact match of the best span", sum(exact), len(exact)))
    print(f"F1: {statistics.mean(alike):.3f} ± {error:.3f}")
    print(counted("... of those sure enough to be shown", sum(shown), len(shown)))
    print(counted("the answer stands in the text", sum(holding), len(holding)))
    print(counted("the answer stands in the passages", sum(found), len(found)))
    print(counted("would be refused", sum(a.confidence < threshold for a in answers), len(answers)))


def is_development(question: dict[str, Any]) -> bool:
    """Whether a question's paragraph is one to fit on."""
    return hashlib.sha256(question["source"].encode()).digest()[0] % 2 == 0


def f1(given: str, expected: str) -> float:
    """Return the harmonic mean of precision and recall over characters."""
    common = sum((Counter(given) & Counter(expected)).values())
    return 2 * common / (len(given) + len(expected)) if common else 0.0


def fit(questions: Sequence[dict[str, Any]], texts: dict[str, str]) -> tuple[list[str], np.ndarray]:
    """Return the names of the features and their weights."""
    seen, rights = [], []
    for question in questions:
        text = texts[question["source"]]
        found = list(candidates(read_asked(question["question"]), [text]))
        right = np.array([f1(text[a:b], question["answer"]) for _, a, b, _ in found])
        if found and right.max() == 1:
            seen.append([features for *_, features in found])
            rights.append((right == 1) + HALF_RIGHT * right * ((right > 0.6) & (right < 1)))
    counts = Counter(name for rows in seen for row in rows for name in row)
    names = sorted(name for name, count in counts.items() if count > 0.01 * sum(map(len, seen)))
    place = {name: i for i, name in enumerate(names)}
    x = np.zeros((sum(map(len, seen)), len(names)), np.float32)
    for i, row in enumerate(row for rows in seen for row in rows):
        for name, value in row.items():
            if name in place:
                x[i, place[name]] = value
    return names, softmax_weights(x, rights)


def softmax_weights(
    x: np.ndarray, rights: Sequence[np.ndarray], *, steps: int = 250, rate: float = 0.05, decay: float = 2e-3
) -> np.ndarray:
    """Return weights by Adam on the listwise softmax loss with weight decay; x is (spans, features)."""
    spread = np.maximum(x.std(0), 0.1)
    x = x / spread
    sizes = [len(right) for right in rights]
    group, starts = np.repeat(np.arange(len(sizes)), sizes), np.r_[0, np.cumsum(sizes)[:-1]]
    target = np.concatenate(rights).astype(np.float32)
    weights, mean, square = (np.zeros(x.shape[1], np.float32) for _ in range(3))
    for step in range(1, steps + 1):
        scores = x @ weights
        powers = np.exp(scores - np.maximum.reduceat(scores, starts)[group])
        wanted = np.add.reduceat(powers * target, starts) + 1e-9
        pull = powers / np.add.reduceat(powers, starts)[group] - powers * target / wanted[group]
        slope = x.T @ pull / len(sizes) + decay * weights
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        weights -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return np.asarray(weights / spread)


def show(names: Sequence[str], weights: np.ndarray) -> None:
    """Print the module that holds the weights."""
    print('"""What each feature of a span counts; written by benchmarks/short_answers.py --fit."""\n')
    print("WEIGHTS: dict[str, float] = {")
    for name, weight in zip(names, weights.tolist(), strict=True):
        print(f'    "{name}": {weight:.2f},')
    print("}")


if __name__ == "__main__":
    main()
