"""Fit the weights that rank sentences, steps and rows (ragedge/generate/unit_score.py), and print them.

    python benchmarks/fit_evidence.py --work /tmp/ragedge-fit

Development questions only: the example manual's, those of ``manual_questions.jsonl`` and
``car_guide_questions.jsonl``, and the first half of the television manual's. A unit is right as far as it holds the
expected facts; for the television manual, where its words are the expert's. The loss is the listwise softmax (Cao
et al. 2007). Each set in turn is also left out, and the share of its questions whose best unit is right is printed.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

import ragedge
from ragedge import plugins
from ragedge.generate.applies import Asked
from ragedge.generate.evidence import find_evidence, unit_text
from ragedge.generate.question import read_question
from ragedge.generate.unit_score import SIMILARITY_WEIGHT, WEIGHTS, Features, read_features
from ragedge.generate.unit_vectors import by_vectors
from ragedge.measure.answer_figures import holds

HERE = Path(__file__).resolve().parent
NAMES = [field.name for field in fields(Features)] + ["similarity"]
SHARED_WORDS = 4  # a run of this many words tells a sentence of the expert's from one on the same topic
RIGHT = 0.6  # share of such runs


@dataclass
class Asking:
    """The units of one question: (n, features), and how right each is, 0 to 1."""

    seen: np.ndarray
    right: np.ndarray
    weight: float = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--work", type=Path, required=True, help="folder for the knowledge bases")
    args = parser.parse_args()
    sets = {
        name: list(askings(items, files, args.work / name)) for name, items, files in questions(args.data)
    }
    for asked in sets.values():
        for one in asked:
            one.weight = len(asked) ** -0.5
    shipped = np.array([*WEIGHTS.values(), SIMILARITY_WEIGHT])
    for name, asked in sets.items():
        others = fit([one for other in sets if other != name for one in sets[other]])
        print(f"{name}: {len(asked)} questions; best unit right: shipped {best(asked, shipped):.3f}, "
              f"fitted without them {best(asked, others):.3f}")  # fmt: skip
    weights = fit([one for asked in sets.values() for one in asked])
    for name, weight in zip(NAMES, weights / weights[0], strict=True):
        print(f"{name:16} {weight:6.2f}")


def questions(data: Path) -> Iterator[tuple[str, list[dict[str, Any]], list[Path]]]:
    """Yield a name, answerable questions and the documents they are asked of."""
    example = HERE.parent / "examples" / "automotive_manual"
    asked = _read(example / "qa.jsonl")
    yield "example", [item for item in asked if item["answerable"]], [example / "manual.pdf"]
    own = _read(HERE / "manual_questions.jsonl")
    for folder in sorted({item["documents"] for item in own}):
        files = sorted((data / folder).glob("*.pdf"))
        yield folder, [item for item in own if item["documents"] == folder], files
    guides = [item for item in _read(HERE / "car_guide_questions.jsonl") if item["facts"]]
    yield "guides", guides, sorted((data / "ev_guides").glob("*.pdf"))
    television = _read(data / "tv_manual" / "qa.jsonl")
    yield "television", television[: len(television) // 2], [data / "tv_manual" / "manual.md"]


def askings(items: list[dict[str, Any]], files: list[Path], work: Path) -> Iterator[Asking]:
    """Yield the units found for each question; those without a right one, or with none that is wrong, left out."""
    embedder = plugins.create("embedder", "onnx", {"model": "minilm-l6"})
    similarity = by_vectors(embedder)
    with ragedge.open(work, create=True, settings={"generate.generator": "none"}) as kb:
        kb.ingest(*map(str, files))
        for item in items:
            question = read_question(item["question"])
            findings = find_evidence(question, kb.search(item["question"]))
            asked, seen, right = Asked(question.text), [], []
            texts = [unit_text(findings.passages[e.passage], e.unit) for e in findings.ranked]
            for evidence, text, cosine in zip(
                findings.ranked, texts, similarity(question.text, texts) if texts else (), strict=True
            ):
                at = (findings.passages, evidence.passage, evidence.unit)
                seen.append(
                    [*map(float, astuple(read_features(question, asked, findings.weights, *at))), cosine]
                )
                right.append(rightness(item, text))
            if right and max(right) > 0 and min(right) < max(right):
                yield Asking(np.array(seen), np.array(right))


def rightness(item: dict[str, Any], text: str) -> float:
    """Return how much of what is expected a unit holds, 0 to 1."""
    if item.get("facts"):
        return float(np.mean([holds([fact], text) for fact in item["facts"]]))
    expected = " ".join(re.findall(r"\w+", item["answer"].lower()))
    words = re.findall(r"\w+", text.lower())
    runs = [" ".join(words[i : i + SHARED_WORDS]) for i in range(len(words) - SHARED_WORDS + 1)]
    return float(bool(runs) and sum(run in expected for run in runs) >= RIGHT * len(runs))


def fit(asked: list[Asking], *, decay: float = 0.02, steps: int = 400, rate: float = 0.03) -> np.ndarray:
    """Return weights by Adam on the listwise softmax loss with weight decay; (features,)."""
    seen = np.vstack([one.seen for one in asked])
    spread = seen.std(0) + 1e-6
    scaled, right = seen / spread, np.concatenate([one.right for one in asked])
    group = np.repeat(np.arange(len(asked)), [len(one.right) for one in asked])
    importance = np.array([one.weight for one in asked])
    weights, mean, square = (np.zeros(seen.shape[1]) for _ in range(3))
    for step in range(1, steps + 1):
        scores = scaled @ weights
        highest = np.full(len(asked), -np.inf)
        np.maximum.at(highest, group, scores)
        powers = np.exp(scores - highest[group])
        everything = np.bincount(group, powers)
        wanted = np.bincount(group, powers * right) + 1e-12
        pull = powers / everything[group] - powers * right / wanted[group]
        slope = scaled.T @ (pull * importance[group]) / importance.sum() + decay * weights
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        weights -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return np.asarray(weights / spread)


def best(asked: list[Asking], weights: np.ndarray) -> float:
    """Return the share of questions whose best unit is right."""
    return float(np.mean([one.right[np.argmax(one.seen @ weights)] >= 0.5 for one in asked]))


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


if __name__ == "__main__":
    main()
