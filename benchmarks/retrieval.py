"""Retrieval quality out of the box: nDCG@10 on BEIR folders, the right page on questions over manuals.

    python benchmarks/retrieval.py                      # every set under ../shared/data
    python benchmarks/retrieval.py --sets tv_manual scifact --data DIR --cache DIR
    python benchmarks/retrieval.py --sets jsquad --embedder multilingual   # connectors/multilingual installed

Each set goes through the product's own chunker, embedder, store and retriever with default settings. A
document's place is that of its best chunk. Columns: full text alone, vectors alone, both fused; intervals
are bootstrapped over questions (nDCG) or Wilson's (counts).
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ragedge import plugins
from ragedge.config import Config
from ragedge.index.cache import VectorCache
from ragedge.index.store import Store
from ragedge.measure.beir import DEPTH, build_corpus
from ragedge.measure.intervals import bootstrap, wilson
from ragedge.measure.questions import read_queries
from ragedge.measure.ranking import ranking_figures
from ragedge.privacy.vault import Vault
from ragedge.retrieve.retriever import Retriever

BEIR_SETS = {"scifact": "train", "tv_manual": "dev", "cranfield": "dev"}
# Questions written for pages of these manuals drawn at random; what is tuned on manuals is tuned on them.
DEVELOPMENT_QUESTIONS = Path(__file__).with_name("manual_questions.jsonl")
MANUALS = ("army_manuals", "ev_guides")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sets", nargs="+", default=[*BEIR_SETS, DEVELOPMENT_QUESTIONS.stem, "army_manuals"])
    parser.add_argument("--cache", type=Path, help="folder that keeps embeddings between runs")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--embedder", help="embedder plugin [default: the configured default]")
    arguments = parser.parse_args()
    config = Config()
    if arguments.embedder:
        embed_settings = replace(config.embed, embedder=arguments.embedder)
        config = replace(config, embed=embed_settings)
    embedder = plugins.create("embedder", config.embed.embedder, config.embed.plugin_options())
    report: dict[str, Any] = {}
    for name in arguments.sets:
        started = time.perf_counter()
        if name == DEVELOPMENT_QUESTIONS.stem:
            files = [path for folder in MANUALS for path in sorted((arguments.data / folder).glob("*.pdf"))]
            report[name] = measure_manuals(files, DEVELOPMENT_QUESTIONS, config, embedder)
        elif name == "army_manuals":  # for reporting, never for tuning
            files = sorted((arguments.data / name).glob("*.pdf"))
            report[name] = measure_manuals(files, arguments.data / name / "qa.jsonl", config, embedder)
        else:
            report[name] = measure_beir(
                arguments.data / name, BEIR_SETS.get(name, "dev"), config, embedder, arguments.cache
            )
        show(name, report[name], time.perf_counter() - started)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def measure_beir(
    folder: Path, split: str, config: Config, embedder: Any, cache: Path | None
) -> dict[str, Any]:
    """Return nDCG@10 per column, with its interval, and search latency."""
    _, queries = read_queries(folder, split)
    with tempfile.TemporaryDirectory() as scratch:
        names = build_corpus(folder, Path(scratch) / "kb", config, embedder, functools.partial(embed, cache))
        store = Store.open(Vault.open(Path(scratch) / "kb"))
        vectors = open_vectors(store, config)
        out: dict[str, Any] = {"queries": len(queries), "documents": len(set(names)), "columns": {}}
        for column, retrieve in columns(config).items():
            retriever = Retriever(store, vectors, embedder, retrieve)
            ranked, times = {}, []
            for query in queries:
                started = time.perf_counter()
                hits = retriever.search(query.text, DEPTH)
                times.append((time.perf_counter() - started) * 1e3)
                ranked[query.id] = list(dict.fromkeys(names[hit.page - 1] for hit in hits))
            judged = ranking_figures({query.id: query.relevant for query in queries}, ranked)
            scores = [figures["ndcg@10"] for figures in judged.values()]
            low, high = bootstrap(scores)
            out["columns"][column] = {"ndcg@10": float(np.mean(scores)), "low": low, "high": high}
            out["columns"][column] |= {
                "p50_ms": statistics.median(times),
                "p95_ms": float(np.percentile(times, 95)),
            }
        out["chunks"] = store.counts().chunks
        store.forget_removed()  # folds SQLite's log into the file that is measured
        out["bytes_per_chunk"] = store.bytes_used() / max(out["chunks"], 1)
        vectors.close()
        store.close()
    return out


def measure_manuals(files: Sequence[Path], qa: Path, config: Config, embedder: Any) -> dict[str, Any]:
    """Return how often a right page is among the first 1, 3 and 5 hits, over all manuals at once."""
    import ragedge

    questions = [json.loads(line) for line in qa.read_text(encoding="utf-8").splitlines()]
    questions = [q for q in questions if q.get("answerable", True) and q.get("pages")]
    with tempfile.TemporaryDirectory() as scratch:
        with ragedge.open(Path(scratch) / "kb", create=True) as kb:
            kb.ingest(*files)
        store = Store.open(Vault.open(Path(scratch) / "kb"))
        vectors = open_vectors(store, config)
        out: dict[str, Any] = {"queries": len(questions), "documents": len(files), "columns": {}}
        for column, retrieve in columns(config).items():
            retriever = Retriever(store, vectors, embedder, retrieve)
            places = [first_right(retriever.search(q["question"], 5), q) for q in questions]
            out["columns"][column] = page_hits(places)
            if column == "fused":
                kinds = sorted({q.get("type", "") for q in questions})
                out["by_type"] = {
                    kind: page_hits(
                        [p for p, q in zip(places, questions, strict=True) if q.get("type") == kind]
                    )
                    for kind in kinds
                }
        out["chunks"] = store.counts().chunks
        store.forget_removed()  # folds SQLite's log into the file that is measured
        out["bytes_per_chunk"] = store.bytes_used() / max(out["chunks"], 1)
        vectors.close()
        store.close()
    return out


def first_right(hits: Sequence[Any], question: dict[str, Any]) -> int:
    """Return the place of the first hit on a right page; 99 where there is none."""
    right = {question["source"]: question["pages"]}
    right |= {other["source"]: other["pages"] for other in question.get("elsewhere", [])}
    return next((i for i, hit in enumerate(hits, 1) if hit.page in right.get(hit.source, ())), 99)


def page_hits(places: Sequence[int]) -> dict[str, list[float]]:
    """Return, for 1, 3 and 5 hits, the questions with a right page among them, of how many, and an interval."""
    found = {k: sum(place <= k for place in places) for k in (1, 3, 5)}
    return {f"page_hit@{k}": [n, len(places), *wilson(n, len(places))] for k, n in found.items()}


def columns(config: Config) -> dict[str, Any]:
    """Return the retrieval settings of each column."""
    full = replace(config.retrieve, candidates=max(config.retrieve.candidates, DEPTH))
    return {
        "text": replace(full, dense_weight=0.0),
        "dense": replace(full, text_weight=0.0),
        "fused": full,
    }


def open_vectors(store: Store, config: Config) -> VectorCache:
    options = {
        "m": config.index.m,
        "ef_construction": config.index.ef_construction,
        "ef_search": config.index.ef_search,
    }
    vectors = VectorCache(
        store, kind=config.index.kind, exact_below=config.index.exact_below, options=options
    )
    vectors.refresh()
    return vectors


def embed(cache: Path | None, texts: Sequence[str], embedder: Any) -> Any:
    key = hashlib.sha256("\0".join([embedder.fingerprint, *texts]).encode()).hexdigest()[:16]
    kept = cache / f"{key}.npy" if cache else None
    if kept is not None and kept.exists():
        return np.load(kept)
    rows = np.concatenate([embedder.embed_passages(texts[i : i + 256]) for i in range(0, len(texts), 256)])
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, rows)
    return rows


def show(name: str, result: dict[str, Any], seconds: float) -> None:
    print(
        f"{name}: {result['queries']} questions, {result['chunks']} chunks, "
        f"{result['bytes_per_chunk']:.0f} bytes each, {seconds:.0f} s"
    )
    for column, figures in result["columns"].items():
        if "ndcg@10" in figures:
            print(f"  {column:6} nDCG@10 {figures['ndcg@10']:.4f} [{figures['low']:.3f}, {figures['high']:.3f}]"
                  f"   p50 {figures['p50_ms']:.1f} ms  p95 {figures['p95_ms']:.1f} ms")  # fmt: skip
        else:
            print(f"  {column:6} {shares(figures)}")
    for kind, figures in result.get("by_type", {}).items():
        print(f"    {kind:12} {shares(figures)}")


def shares(figures: dict[str, list[float]]) -> str:
    return "  ".join(
        f"{key} {hits}/{count} [{low:.2f}, {high:.2f}]" for key, (hits, count, low, high) in figures.items()
    )


if __name__ == "__main__":
    main()
