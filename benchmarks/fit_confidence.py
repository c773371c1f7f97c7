"""Fit the logistic regression behind ``confidence`` (ragedge/generate/abstain.py) and print its coefficients.

    python benchmarks/fit_confidence.py --tv ../shared/data/tv_manual --guides ../shared/data/ev_guides \\
        --work /tmp/ragedge-fit

Answerable: the first half of the television manual's questions whose expert answer stands in the hits, and
benchmarks/car_guide_questions.jsonl, written for the English and German car
guides, and the example manual's own. Unanswerable: the same
questions with the passages that answer them taken out of the hits (near misses), questions asked of the other
manual, and questions about cars that the guides do not answer. Held out by every fifth question in turn.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import ragedge
from ragedge.datatypes import ScoredChunk
from ragedge.generate.abstain import features
from ragedge.generate.evidence import find_evidence
from ragedge.generate.question import read_question

ANSWERABLE_SHARE = 0.7  # what the coefficients take as the share of questions that the documents answer
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "automotive_manual"
QUESTIONS = Path(__file__).with_name("car_guide_questions.jsonl")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tv", type=Path, required=True)
    parser.add_argument("--guides", type=Path, required=True)
    parser.add_argument("--example", type=Path, default=EXAMPLE, help="the example manual's folder")
    parser.add_argument("--work", type=Path, required=True, help="folder for two knowledge bases")
    args = parser.parse_args()

    expert = [json.loads(line) for line in (args.tv / "qa.jsonl").read_text(encoding="utf-8").splitlines()]
    expert = expert[: len(expert) // 2]
    own = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    settings = {"generate.generator": "none"}
    with (
        ragedge.open(args.work / "tv", create=True, settings=settings) as tv,
        ragedge.open(args.work / "guides", create=True, settings=settings) as guides,
        ragedge.open(args.work / "example", create=True, settings=settings) as example,
    ):
        example.ingest(str(args.example / "manual.pdf"))
        tv.ingest(str(args.tv / "manual.md"))
        guides.ingest(str(args.guides))
        rows: list[tuple[str, str, list[ScoredChunk], bool]] = []
        for item in expert:
            question, hits = item["question"], tv.search(item["question"], top_k=20)
            held = [_share(item["answer"], hit.text) for hit in hits]
            rows.append(("tv", question, hits[:5], max(held[:5]) >= 0.6))
            titles = tuple(item["sections"])
            others = [
                hit
                for hit, share in zip(hits, held, strict=True)
                if share < 0.5
                and not any(title in hit.text[:120] or title in hit.heading for title in titles)
            ]
            rows.append(("tv, answer taken away", question, anew(others), False))
        for item in own:
            question, hits = item["question"], guides.search(item["question"], top_k=20)
            facts = [fact.lower() for fact in item["facts"]]
            held_by = [any(fact in hit.text.lower() for fact in facts) for hit in hits]
            if not facts:
                rows.append(("not in the guides", question, hits[:5], False))
                continue
            whole = "\n".join(hit.text.lower() for hit in hits[:5])
            rows.append(("guides", question, hits[:5], all(fact in whole for fact in facts)))
            others = [hit for hit, held_here in zip(hits, held_by, strict=True) if not held_here]
            rows.append(("guides, answer taken away", question, anew(others), False))
            rows.append(("guides' asked of tv", question, tv.search(question), False))
        for line in (args.example / "qa.jsonl").read_text(encoding="utf-8").splitlines():
            item = json.loads(line)
            hits = example.search(item["question"], top_k=20)
            if not item["answerable"]:
                rows.append(("example, unanswerable", item["question"], hits[:5], False))
                continue
            right = [bool(set(hit.pages) & set(item["pages"])) for hit in hits]
            rows.append(("example", item["question"], hits[:5], any(right[:5])))
            others = [hit for hit, here in zip(hits, right, strict=True) if not here]
            rows.append(("example, page taken away", item["question"], anew(others), False))
            rows.append(
                ("example's asked of guides", item["question"], guides.search(item["question"]), False)
            )
        for item in random.Random(0).sample(expert, 60):
            rows.append(("tv's asked of guides", item["question"], guides.search(item["question"]), False))
    rows = [row for row in rows if row[2]]
    show(rows)


def anew(hits: Sequence[ScoredChunk], count: int = 5) -> list[ScoredChunk]:
    """Rank what is left as retrieval would have without the rest."""
    dense = sorted(h.why.dense_rank for h in hits if h.why.dense_rank)
    text = sorted(h.why.text_rank for h in hits if h.why.text_rank)
    ranked = []
    for rank, hit in enumerate(hits[:count], 1):
        why = dataclasses.replace(
            hit.why,
            dense_rank=dense.index(hit.why.dense_rank) + 1 if hit.why.dense_rank else None,
            text_rank=text.index(hit.why.text_rank) + 1 if hit.why.text_rank else None,
        )
        ranked.append(dataclasses.replace(hit, rank=rank, why=why))
    return ranked


def show(rows: Sequence[tuple[str, str, Sequence[ScoredChunk], bool]]) -> None:
    """Fit on all, report on what was held out, print the coefficients."""
    kinds = [kind for kind, *_ in rows]
    x = np.array([features(find_evidence(read_question(question), hits)) for _, question, hits, _ in rows])
    y = np.array([label for *_, label in rows], float)
    # A kind of question counts by the root of its number: 342 of one kind say less than they are many.
    weight = np.array([kinds.count(kind) ** -0.5 for kind in kinds])
    share = np.where(
        y == 1, ANSWERABLE_SHARE / weight[y == 1].sum(), (1 - ANSWERABLE_SHARE) / weight[y == 0].sum()
    )
    weight *= share * len(y)
    fold = np.arange(len(y)) % 5
    confidence = np.empty(len(y))
    for k in range(5):
        fitted = fit(x[fold != k], y[fold != k], weight[fold != k])
        confidence[fold == k] = predict(x[fold == k], fitted)
    print(f"{len(y)} rows, {int(y.sum())} answerable; held out: AUROC {auroc(confidence, y):.3f}, "
          f"calibration error {calibration(confidence, y, weight):.3f}")  # fmt: skip
    for threshold in (0.35, 0.45, 0.55):
        silent = confidence < threshold
        each = ", ".join(
            f"{kind} {sum(silent[i] for i in at)} of {len(at)}"
            for kind in dict.fromkeys(kinds)
            if (at := [i for i, other in enumerate(kinds) if other == kind])
        )
        print(f"below {threshold}: {silent[y == 1].sum()} of {int(y.sum())} answerable; {each}")
    coefficients = np.round(fit(x, y, weight), 2)
    print(f"_BIAS = {coefficients[0]}\n_WEIGHTS = {tuple(coefficients[1:].tolist())}")


def fit(x: np.ndarray, y: np.ndarray, weight: np.ndarray, ridge: float = 1.0) -> np.ndarray:
    """Return bias and weights of a logistic regression by Newton's method, with a ridge on the weights."""
    a = np.c_[np.ones(len(x)), x]  # (rows, 1 + features)
    b = np.zeros(a.shape[1])
    penalty = np.eye(a.shape[1]) * ridge
    penalty[0, 0] = 0
    for _ in range(50):
        p = 1 / (1 + np.exp(-a @ b))
        gradient = a.T @ (weight * (y - p)) - penalty @ b
        b = b + np.linalg.solve((a * (weight * p * (1 - p))[:, None]).T @ a + penalty, gradient)
    return b


def predict(x: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return probabilities, (rows,)."""
    return 1 / (1 + np.exp(-(b[0] + x @ b[1:])))


def auroc(score: np.ndarray, y: np.ndarray) -> float:
    """Return how often an answerable row scores above an unanswerable one; ties count half."""
    yes, no = score[y == 1][:, None], score[y == 0][None, :]
    return float((yes > no).mean() + (yes == no).mean() / 2)


def calibration(score: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """Return the expected calibration error over ten bins, rows weighted as in the fit."""
    bins = np.minimum((score * 10).astype(int), 9)
    inside = [bins == k for k in range(10) if (bins == k).any()]
    gaps = [
        abs(np.average(score[i], weights=weight[i]) - np.average(y[i], weights=weight[i])) for i in inside
    ]
    return float(sum(g * weight[i].sum() for g, i in zip(gaps, inside, strict=True)) / weight.sum())


def _share(answer: str, text: str) -> float:
    words = [word for word in re.findall(r"[a-z0-9]+", answer.lower()) if len(word) > 3]
    held = set(re.findall(r"[a-z0-9]+", text.lower()))
    return sum(word in held for word in words) / max(1, len(words))


if __name__ == "__main__":
    main()
