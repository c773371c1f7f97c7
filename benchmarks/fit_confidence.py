"""Fit the logistic regression behind ``confidence`` (ragedge/generate/abstain.py) and print its coefficients.

    python benchmarks/fit_confidence.py --data ../shared/data --work /tmp/ragedge-fit

What is fitted: whether the facts asked for stand on a page that the extractive answer cites. On what: the
development half of near_misses.jsonl, manual_questions.jsonl on the same manuals, army_questions.jsonl (on pages drawn
at random), the development split of mechanic_questions.jsonl (the same, in a mechanic's words),
car_guide_questions.jsonl, the example manual's questions, a sample of the first half of the television manual's and of
XQuAD's. Every question comes a second time with the passages that answer it taken away; such twins
are near misses of a kind, but their search scores are those of a hole in the ranking, so they weigh little. Held out
by collection: the figures of one are from coefficients that never saw it. Nothing of army_manuals/qa.jsonl, of the
report half, or of squad_v2 is read.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from abstention import ingest, reliability
from answers import holds

import ragedge
from ragedge.datatypes import ScoredChunk
from ragedge.generate.abstain import LEFT_OUT
from ragedge.generate.citations import Citations
from ragedge.generate.confidence import Features, features
from ragedge.generate.evidence import Findings, find_evidence
from ragedge.generate.question import read_question
from ragedge.generate.quotes import choose_quotes
from ragedge.generate.unit_vectors import by_vectors
from ragedge.retrieve.word_counts import word_counts

HERE = Path(__file__).resolve().parent
# The share of questions that are answered rightly, as the coefficients take it: three in four have an answer in the
# manuals, and of those the page is found for about 85 in a hundred.
RIGHT_SHARE = 0.64
RIDGE = 0.5
# What a row of each set weighs; a set's twins under its name with "gone".
WEIGHTS = {
    "near": 1.0, "manual": 1.0, "army": 1.0, "mechanic": 2.0, "example": 1.0, "guides": 1.0, "xquad": 0.05,
    "tv": 0.1, "cross": 0.2, "gone": 0.1, "xquad gone": 0.05, "tv gone": 0.1,
}  # fmt: skip
USED = [i for i, name in enumerate(Features._fields) if name not in LEFT_OUT]


class Row(NamedTuple):
    """One question over one set of hits; ``right`` is what is fitted."""

    kind: str
    collection: str
    values: Features
    answerable: bool
    right: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of all data sets")
    parser.add_argument("--example", type=Path, default=HERE.parent / "examples" / "automotive_manual")
    parser.add_argument("--work", type=Path, required=True, help="folder for the knowledge bases")
    args = parser.parse_args()
    rows = [row for entry in sets(args.data, args.example) for row in read(*entry, args.work)]
    show(rows)


def sets(data: Path, example: Path) -> Iterator[tuple[str, Path, list[tuple[str, dict[str, Any]]]]]:
    """Yield each collection: its name, its folder, and its questions with the set they are from."""
    near = [q for q in _lines(HERE / "near_misses.jsonl") if q["split"] == "development"]
    manuals = {q["source"] for q in near if "source" in q}
    own = [
        q for q in _lines(HERE / "manual_questions.jsonl") if q["source"] in manuals and q["type"] != "code"
    ]
    draw = random.Random(0)
    tv = _lines(data / "tv_manual" / "qa.jsonl")
    tv = draw.sample(tv[: len(tv) // 2], 100)
    xquad = draw.sample(_lines(data / "xquad_en" / "qa.jsonl"), 150)
    more = {
        "ev_guides": [("guides", q) for q in _lines(HERE / "car_guide_questions.jsonl")]
        + [("cross", {"question": q["question"], "answerable": False}) for q in tv[:40] + xquad[:40]],
        "example": [("example", q) for q in _lines(example / "qa.jsonl")],
    }
    new = _lines(HERE / "army_questions.jsonl")
    mechanic = [q for q in _lines(HERE / "mechanic_questions.jsonl") if q["split"] == "development"]
    folders = {
        "army_manuals": data / "army_manuals",
        "ev_guides": data / "ev_guides",
        "example": example / "manual.pdf",
    }
    for name, folder in folders.items():
        asked = [("near", q) for q in near if q["documents"] == name]
        asked += [("manual", q) for q in own if q["documents"] == name]
        asked += [("army", q) for q in new if q["documents"] == name]
        asked += [("mechanic", q) for q in mechanic if q["documents"] == name]
        yield name, folder, asked + more.get(name, [])
    yield "xquad", data / "xquad_en", [("xquad", q) for q in xquad]
    yield "tv", data / "tv_manual", [("tv", q) for q in tv]


def read(
    name: str, folder: Path, questions: Sequence[tuple[str, dict[str, Any]]], work: Path
) -> Iterator[Row]:
    """Ask the questions of a collection, as they are and with what answers them taken away."""
    with ragedge.open(ingest(folder, work / name), settings={"generate.generator": "none"}) as kb:
        pages = {
            (record["source"], page["page"]): page["text"]
            for record in kb.status()["sources"]
            for page in kb.inspect(record["source"])
        }
        similarity, search = by_vectors(kb.embedder), kb._parts.retriever().search
        for kind, item in questions:
            question = read_question(item["question"])
            hits = search(question.text, top_k=20, per_page=2)  # as for an answer
            if not hits:
                continue
            counts = word_counts(kb.store, question.text)
            facts = item.get("facts") or [item.get("answer") or ""]
            answerable = bool(item.get("answerable", facts[0]))
            found = find_evidence(question, hits[:5], similarity)
            right = answerable and found.ranked != () and answers(found, kind, facts, pages)
            yield Row(kind, name, features(found, counts), answerable, bool(right))
            gone = [h for h in hits if answerable and stands_in(h, kind, facts, item, pages)]
            if gone and len(gone) < len(hits):
                left = {
                    w: max(0, n - sum(w.lower() in h.text.lower() for h in gone))
                    for w, n in counts.items()
                    if w
                }
                found = find_evidence(question, anew([h for h in hits if h not in gone]), similarity)
                yield Row(f"{kind} gone", name, features(found, {**left, "": counts[""]}), False, False)


def answers(
    found: Findings, kind: str, facts: Sequence[str], pages: Mapping[tuple[str, int | None], str]
) -> bool:
    """Whether the quotes' pages hold the facts; of an expert's sentences, most of the words."""
    quotes = choose_quotes(found)
    if kind == "tv":
        return _share(facts[0], " ".join(found.passages[q.passage].hit.text for q in quotes)) >= 0.6
    cited = Citations()
    for quote in quotes:
        passage = found.passages[quote.passage]
        for unit in quote.units:
            cited.add(passage.hit, passage.units[unit].start, passage.units[unit].end)
    return any(holds(facts, pages.get((c.source, c.page), "")) for c in cited.items)


def stands_in(
    hit: ScoredChunk, kind: str, facts: Sequence[str], item: dict[str, Any], pages: Mapping[Any, str]
) -> bool:
    """Whether a hit's page answers."""
    if kind == "tv":
        return any(title in hit.text[:120] or title in hit.heading for title in item["sections"])
    return holds(facts, pages.get((hit.source, hit.page), "")) or holds(facts, hit.text)


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


def show(rows: Sequence[Row]) -> None:
    """Report on each collection from coefficients fitted without it, then print those of all."""
    kinds, collections = [np.array([getattr(row, name) for row in rows]) for name in ("kind", "collection")]
    x = np.array([[row.values[i] for i in USED] for row in rows])
    y = np.array([row.right for row in rows], float)
    answerable = np.array([row.answerable for row in rows])
    weight = np.array([WEIGHTS.get(kind, WEIGHTS["gone"]) for kind in kinds])
    share = np.where(y == 1, RIGHT_SHARE / weight[y == 1].sum(), (1 - RIGHT_SHARE) / weight[y == 0].sum())
    weight = weight * share * len(y) / 2  # half: what the ridge is set against
    confidence = np.empty(len(y))
    for name in set(collections):
        there = collections == name
        confidence[there] = predict(x[there], fit(x[~there], y[~there], weight[~there]))
    print(f"{len(y)} rows, {int(y.sum())} answered rightly; each collection held out:")
    for kind in dict.fromkeys(kinds):
        at = kinds == kind
        error, _ = reliability(confidence[at].tolist(), (y[at] == 1).tolist())
        line = f"{kind}: AUROC {auroc(confidence[at], y[at]):.3f}, calibration error {error:.3f}; silent on"
        for threshold in (0.4, 0.5, 0.6):
            silent = at & (confidence < threshold)
            no, yes = silent & ~answerable, silent & answerable
            line += (
                f" {threshold}: {no.sum()}/{(at & ~answerable).sum()}, {yes.sum()}/{(at & answerable).sum()}"
            )
        print(line)
    b = np.round(fit(x, y, weight), 2)
    print(f"_BIAS = {b[0]}\n_WEIGHTS = Features(")
    fitted = dict(zip(USED, b[1:].tolist(), strict=True))
    print("".join(f"    {name}={fitted.get(i, 0.0)},\n" for i, name in enumerate(Features._fields)) + ")")


def fit(x: np.ndarray, y: np.ndarray, weight: np.ndarray, ridge: float = RIDGE) -> np.ndarray:
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


def _share(answer: str, text: str) -> float:
    words = [word for word in re.findall(r"[a-z0-9]+", answer.lower()) if len(word) > 3]
    held = set(re.findall(r"[a-z0-9]+", text.lower()))
    return sum(word in held for word in words) / max(1, len(words))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


if __name__ == "__main__":
    main()
