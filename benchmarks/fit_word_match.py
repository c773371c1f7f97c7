"""Fit the weights of word_match, rescore and feedback, and say how they do on sets left out of the fit.

    python benchmarks/fit_word_match.py                       # minutes: candidates once, then a coordinate search
    python benchmarks/fit_word_match.py --sets tv_manual cranfield --check

Development sets only: SciFact's training questions, Cranfield, the first half of the TV manual's, English XQuAD,
and manual_questions.jsonl. With ``--check`` each set is judged with weights fitted on the others.
"""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import retrieval

from ragedge import plugins
from ragedge.config import Config
from ragedge.index.quantize import dequantize_rows
from ragedge.index.store import Store
from ragedge.measure.beir import build_corpus
from ragedge.measure.questions import read_queries
from ragedge.privacy.vault import Vault
from ragedge.question_text import clean_question
from ragedge.retrieve import feedback, fusion, rescore, word_match
from ragedge.retrieve.query import build_query, places_of_terms
from ragedge.retrieve.retriever import Retriever
from ragedge.retrieve.word_match import WordMatch

GRID: dict[str, tuple[float, ...]] = {
    "cover": (0.0, 0.4, 0.8, 1.2, 1.6), "window": (0.0, 0.4, 0.8, 1.2), "phrase": (0.0, 0.8, 1.2, 1.6, 2.0),
    "named": (0.0, 0.2, 0.4, 0.6), "strength": (0.0, 0.3, 0.6, 0.9, 1.2),
    "leaders": (3, 5, 8), "dense": (0.8, 1.0, 1.2),
}  # fmt: skip
NOW = {
    "cover": word_match.COVER, "window": word_match.WINDOW, "phrase": word_match.PHRASE, "named": rescore.NAMED_BONUS,
    "strength": feedback.STRENGTH, "leaders": feedback.LEADERS, "dense": 1.0,
}  # fmt: skip
NOTHING = dict.fromkeys(NOW, 0.0) | {"leaders": 5, "dense": 1.0}
MOST_QUESTIONS = 300
POOL = 30


@dataclass
class Candidates:
    """One question's: shares of words (n, 4), scores of both halves (n,), vectors, which entry each is of, gains."""

    shares: Any
    dense: Any
    text: Any
    vectors: Any
    query: Any
    entry: Any
    gains: Any
    ideal: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument(
        "--sets", nargs="+", default=["manual_questions", "tv_manual", "cranfield", "xquad_en", "scifact"]
    )
    parser.add_argument("--cache", type=Path, help="folder that keeps embeddings between runs")
    parser.add_argument("--check", action="store_true", help="also judge each set by weights of the others")
    arguments = parser.parse_args()
    config = Config()
    embedder = plugins.create("embedder", config.embed.embedder, {"model": config.embed.model})
    sets = {
        name: candidates(name, arguments.data, config, embedder, arguments.cache) for name in arguments.sets
    }
    for label, weights in (("fusion alone", NOTHING), ("as shipped", NOW)):
        print(label, {name: round(judge(questions, weights), 4) for name, questions in sets.items()})
    print("fitted on all", fit(list(sets.values())))
    for name in sets if arguments.check else ():
        weights = fit([questions for other, questions in sets.items() if other != name])
        print(f"{name}, by weights of the others: {judge(sets[name], weights):.4f}", weights)


def candidates(name: str, data: Path, config: Config, embedder: Any, cache: Path | None) -> list[Candidates]:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "kb"
        if name == retrieval.DEVELOPMENT_QUESTIONS.stem:
            store, asked = _manuals(path, data)
        else:
            _, queries = read_queries(data / name, retrieval.BEIR_SETS.get(name, "dev"))
            names = build_corpus(
                data / name, path, config, embedder, functools.partial(retrieval.embed, cache)
            )
            store = Store.open(Vault.open(path))
            asked = [
                (
                    query.text,
                    {("", page): query.relevant.get(entry, 0.0) for page, entry in enumerate(names, 1)},
                )
                for query in queries
            ]
            asked = asked[: len(asked) // 2] if name == "tv_manual" else asked
        asked = asked[:: -(-len(asked) // MOST_QUESTIONS)]
        vectors = retrieval.open_vectors(store, config)
        retriever = Retriever(store, vectors, embedder, config.retrieve)
        found = [
            _of_question(question, gains, store, vectors, retriever, embedder, config)
            for question, gains in asked
        ]
        vectors.close()
        store.close()
        return found


def _manuals(path: Path, data: Path) -> tuple[Store, list[tuple[str, dict[Any, float]]]]:
    import ragedge

    with ragedge.open(path, create=True) as kb:
        kb.ingest(*(file for folder in retrieval.MANUALS for file in sorted((data / folder).glob("*.pdf"))))
    asked = []
    for line in retrieval.DEVELOPMENT_QUESTIONS.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        right = [entry, *entry.get("elsewhere", [])]
        asked.append((entry["question"], {(r["source"], page): 1.0 for r in right for page in r["pages"]}))
    return Store.open(Vault.open(path)), asked


def _of_question(
    question: str,
    gains: dict[Any, float],
    store: Store,
    vectors: Any,
    retriever: Retriever,
    embedder: Any,
    config: Any,
) -> Candidates:
    question = clean_question(question)
    query, words = embedder.embed_query(question), build_query(question, store)
    hits = retriever.search(question, POOL)
    rows = {hit.chunk_id: hit for hit in hits}
    by_row = {
        chunk.row: rows[chunk.chunk_id]
        for hit in hits
        for chunk in store.chunks_around(hit.source, hit.chunk_id, 0)
    }
    ids, codes, scale = store.vector_rows(list(by_row))
    matrix = dequantize_rows(codes, scale)
    mean, deviation = vectors.background(query)
    match = WordMatch(words.terms, words.length)
    kept = [by_row[row] for row in ids.tolist()]
    bodies = places_of_terms(words.terms, [f"{hit.context}\n{hit.text}" for hit in kept], store)
    heads = places_of_terms(words.terms, ["\n".join(hit.heading) for hit in kept], store)
    held = [
        match.read(body, frozenset(term for _, term in head))
        for body, head in zip(bodies, heads, strict=True)
    ]
    place = [(hit.source if (hit.source, hit.page) in gains else "", hit.page) for hit in kept]
    pages = {
        p: frozenset().union(*(h.terms for h, other in zip(held, place, strict=True) if other == p))
        for p in place
    }
    named = [
        sum(weight for expression, weight in words.named.items() if store.words.holding(expression, [row]))
        for row in ids.tolist()
    ]
    shares = np.array(
        [
            [*match.shares(h, pages[p]), n] for h, p, n in zip(held, place, named, strict=True)
        ]
    ).reshape(-1, 4)  # fmt: skip
    best = max((hit.why.text_score or 0.0 for hit in kept), default=1.0) or 1.0
    numbers = {p: i for i, p in enumerate(dict.fromkeys(place))}
    ideal = sorted((gain for gain in gains.values() if gain), reverse=True)[:10]
    return Candidates(
        shares,
        np.maximum(0.0, (matrix @ query - mean) / deviation / fusion.SURE_DEVIATIONS),
        np.array([(hit.why.text_score or 0.0) / best for hit in kept]),
        matrix / deviation / fusion.SURE_DEVIATIONS,
        query,
        np.array([numbers[p] for p in place], int),
        np.array([gains.get(p, 0.0) for p in numbers]),
        float(sum(gain / np.log2(i + 2) for i, gain in enumerate(ideal))) or 1.0,
    )


def judge(questions: Sequence[Candidates], weights: dict[str, float]) -> float:
    """Return mean nDCG@10 over the entries (pages) that the candidates are of."""
    return float(np.mean([_ndcg(question, weights) for question in questions]))


def _ndcg(question: Candidates, w: dict[str, float]) -> float:
    if not len(question.entry):
        return 0.0
    scores = w["dense"] * question.dense + question.text
    scores = scores + question.shares @ np.array([w["cover"], w["window"], w["phrase"], w["named"]])
    leaders = np.argsort(-scores)[: int(min(w["leaders"], len(scores) // 3))]
    if len(leaders) and w["strength"]:
        norm = np.linalg.norm(question.vectors[leaders[0]])
        moved = question.query + w["strength"] * question.vectors[leaders].mean(axis=0) / norm
        scores = scores + w["dense"] * (question.vectors @ (moved / np.linalg.norm(moved) - question.query))
    best = np.full(len(question.gains), -np.inf)
    np.maximum.at(best, question.entry, scores)
    order = np.argsort(-best, kind="stable")[:10]
    return float((question.gains[order] / np.log2(np.arange(2, len(order) + 2))).sum() / question.ideal)


def fit(sets: Sequence[Sequence[Candidates]]) -> dict[str, float]:
    """Return the weights that a coordinate search over the grid finds best on average over sets."""
    weights = dict(NOTHING)
    best = np.mean([judge(questions, weights) for questions in sets])
    improved = True
    while improved:
        improved = False
        for name, values in GRID.items():
            for value in values:
                tried = weights | {name: value}
                score = np.mean([judge(questions, tried) for questions in sets])
                if score > best + 1e-5:
                    best, weights, improved = score, tried, True
    return weights


if __name__ == "__main__":
    main()
