"""Speed and quality of the embedder against sentence-transformers (torch, float32) on the same weights.

    python benchmarks/embedding.py --scifact ../shared/data/scifact --json result.json

Each side has a process of its own, and they take turns at the same texts in one run: a busy machine slows
both, and neither pays for threads of the other that still spin or for memory that the other holds. The ratio
is the median over rounds of paired times. Texts are 900 characters each, cut from SciFact's
abstracts. Quality is nDCG@10 of exact search over the whole corpus (title and abstract), queries of the
split that is named. Needs sentence-transformers and torch beside ragedge.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import random
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

CHARACTERS = 900
TOP = 10
BATCH_SIZES = (1, 8, 32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scifact", type=Path, default=Path(__file__).parents[2] / "shared/data/scifact")
    parser.add_argument("--split", default="train")
    parser.add_argument("--model", default="minilm-l6", help="installed embedder")
    parser.add_argument("--source", type=Path, help="its sentence-transformers folder; fetched if not given")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--texts", type=int, default=64, help="texts a round")
    parser.add_argument("--queries", type=int, default=100, help="queries a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-quality", action="store_true", help="leave nDCG out, which takes minutes")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    corpus, queries = read_corpus(args.scifact), read_queries(args.scifact)
    with tempfile.TemporaryDirectory() as scratch:
        source = args.source or fetch(args.model, Path(scratch))
        peer = Peer(str(source), args.threads)
        sides = Side(Ours, args.model, args.threads), Side(Peer, str(source), args.threads)
    ours = Ours(args.model, args.threads)
    texts = passages(list(corpus.values()), args.texts)
    result: dict[str, Any] = {"model": args.model, "threads": args.threads, "rounds": args.rounds}
    result["passages"] = compare_passages(*sides, texts, args.rounds)
    tokens = statistics.mean(len(ours.token_spans(text)) for text in texts)
    result["passages"]["tokens_each"] = round(tokens, 1)
    result["query"] = compare_queries(*sides, list(queries.values())[: args.queries], args.rounds)
    for side in sides:
        side.close()
    result["cosine"] = agreement(ours, peer, texts)
    if not args.no_quality:
        result["ndcg@10"] = compare_quality(ours, peer, corpus, queries, read_qrels(args.scifact, args.split))
    print(json.dumps(result, indent=2))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


def fetch(model: str, scratch: Path) -> Path:
    from ragedge.models import catalog
    from ragedge.models.pull import fetch_source

    return fetch_source(catalog.entry(model).carriers[0], scratch)


class Ours:
    """ragedge, as ``Side`` drives it."""

    def __init__(self, model: str, threads: int) -> None:
        from ragedge.embed.onnx_embedder import create

        self._embedder = create({"model": model, "threads": threads})
        self.token_spans, self.embed_query = self._embedder.token_spans, self._embedder.embed_query

    def embed(self, texts: list[str], batch_size: int = 1) -> np.ndarray:
        """Each text is a run of its own; there is no batch."""
        return self._embedder.embed_passages(texts)


class Peer:
    """sentence-transformers, likewise."""

    def __init__(self, source: str, threads: int) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        self._model = SentenceTransformer(source, device="cpu")
        self._model.eval()

    def embed(self, texts: list[str], batch_size: int = 32) -> np.ndarray:
        rows: np.ndarray = self._model.encode(texts, batch_size=batch_size, show_progress_bar=False)
        return rows

    def embed_query(self, text: str) -> np.ndarray:
        return self.embed([text], 1)[0]


class Side:
    """One engine in a process of its own, idle until it is asked for a time."""

    def __init__(self, engine: type[Ours] | type[Peer], model: str, threads: int) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._pipe, end = spawning.Pipe()
        self._process = spawning.Process(target=serve, args=(end, engine, model, threads), daemon=True)
        self._process.start()
        end.close()
        if self._pipe.recv() != "ready":
            raise SystemExit(f"{engine.__name__} did not start")

    def seconds(self, texts: list[str], batch_size: int | None) -> float:
        """Embed texts in batches, or one by one as queries where no size is given; the time by its own clock."""
        self._pipe.send((texts, batch_size))
        taken: float = self._pipe.recv()
        return taken

    def close(self) -> None:
        self._pipe.send(None)
        self._process.join()


def serve(pipe: Any, engine: type[Ours] | type[Peer], model: str, threads: int) -> None:
    """Answer one end of a pipe; the other end is a ``Side``."""
    loaded = engine(model, threads)
    pipe.send("ready")
    while (task := pipe.recv()) is not None:
        texts, batch_size = task
        started = time.perf_counter()
        if batch_size is None:
            for text in texts:
                loaded.embed_query(text)
        else:
            loaded.embed(texts, batch_size)
        pipe.send(time.perf_counter() - started)


def passages(texts: list[str], count: int) -> list[str]:
    """Cut texts of one length from the corpus."""
    pool = " ".join(texts[:: max(1, len(texts) // (4 * count))])
    return [pool[start : start + CHARACTERS] for start in range(0, count * CHARACTERS, CHARACTERS)]


def compare_passages(ours: Side, peer: Side, texts: list[str], rounds: int) -> dict[str, Any]:
    best = min(BATCH_SIZES, key=lambda size: peer.seconds(texts, size))
    mine, theirs = paired(ours, peer, texts, best, rounds)
    return {
        "texts": len(texts),
        "peer_batch_size": best,
        "documents_s": round(len(texts) / statistics.median(mine), 1),
        "peer_documents_s": round(len(texts) / statistics.median(theirs), 1),
        **ratio(mine, theirs),
    }


def compare_queries(ours: Side, peer: Side, questions: list[str], rounds: int) -> dict[str, Any]:
    mine, theirs = paired(ours, peer, questions, None, rounds)
    return {
        "queries": len(questions),
        "ms": round(statistics.median(mine) / len(questions) * 1e3, 3),
        "peer_ms": round(statistics.median(theirs) / len(questions) * 1e3, 3),
        **ratio(mine, theirs),
    }


def agreement(ours: Ours, peer: Peer, texts: list[str]) -> dict[str, float]:
    cosines = (ours.embed(texts) * peer.embed(texts, 8)).sum(axis=1)
    return {"mean": round(float(cosines.mean()), 5), "min": round(float(cosines.min()), 5)}


def compare_quality(
    ours: Ours, peer: Peer, corpus: dict[str, str], queries: dict[str, str], qrels: dict[str, dict[str, int]]
) -> dict[str, Any]:
    names, texts = list(corpus), list(corpus.values())
    asked = list(qrels)
    mine = score(
        names,
        ours.embed(texts),
        asked,
        np.stack([ours.embed_query(queries[q]) for q in asked]),
        qrels,
    )
    theirs = score(names, peer.embed(texts), asked, peer.embed([queries[q] for q in asked]), qrels)
    low, high = bootstrap([a - b for a, b in zip(mine, theirs, strict=True)])
    return {
        "queries": len(asked),
        "documents": len(names),
        "ours": round(statistics.mean(mine), 4),
        "peer": round(statistics.mean(theirs), 4),
        "difference": round(statistics.mean(mine) - statistics.mean(theirs), 4),
        "difference_low": round(low, 4),
        "difference_high": round(high, 4),
    }


def score(
    names: list[str], rows: np.ndarray, asked: list[str], wanted: np.ndarray, qrels: dict[str, dict[str, int]]
) -> list[float]:
    """Return nDCG@10 of each query by exact search."""
    order = np.argsort(-(wanted @ rows.T), axis=1, kind="stable")[:, :TOP]
    values = []
    for query, ranked in zip(asked, order, strict=True):
        gains = [qrels[query].get(names[index], 0) / math.log2(rank + 2) for rank, index in enumerate(ranked)]
        ideal = sorted(qrels[query].values(), reverse=True)[:TOP]
        values.append(sum(gains) / sum(gain / math.log2(rank + 2) for rank, gain in enumerate(ideal)))
    return values


def paired(
    ours: Side, peer: Side, texts: list[str], batch_size: int | None, rounds: int
) -> tuple[list[float], list[float]]:
    """Time both in turn, the one that begins changing from round to round."""
    for side in (ours, peer):
        side.seconds(texts, batch_size)  # warm
    taken: dict[Side, list[float]] = {ours: [], peer: []}
    for index in range(rounds):
        for side in (ours, peer) if index % 2 else (peer, ours):
            time.sleep(0.2)  # let the other's threads stop spinning
            taken[side].append(side.seconds(texts, batch_size))
    return taken[ours], taken[peer]


def ratio(mine: list[float], theirs: list[float]) -> dict[str, float]:
    ratios = [b / a for a, b in zip(mine, theirs, strict=True)]
    low, high = min(ratios), max(ratios)
    return {
        "ratio": round(statistics.median(ratios), 2),
        "ratio_low": round(low, 2),
        "ratio_high": round(high, 2),
    }


def bootstrap(values: list[float], draws: int = 2000) -> tuple[float, float]:
    """Return the 95% interval of the mean."""
    rng = random.Random(0)
    means = sorted(statistics.fmean(rng.choices(values, k=len(values))) for _ in range(draws))
    return means[int(0.025 * draws)], means[int(0.975 * draws) - 1]


def read_corpus(folder: Path) -> dict[str, str]:
    rows = map(json.loads, (folder / "corpus.jsonl").read_text("utf-8").splitlines())
    return {row["_id"]: f"{row['title']} {row['text']}".strip() for row in rows}


def read_queries(folder: Path) -> dict[str, str]:
    rows = map(json.loads, (folder / "queries.jsonl").read_text("utf-8").splitlines())
    return {row["_id"]: row["text"] for row in rows}


def read_qrels(folder: Path, split: str) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = defaultdict(dict)
    for line in (folder / "qrels" / f"{split}.tsv").read_text("utf-8").splitlines()[1:]:
        query, document, gain = line.split("\t")
        qrels[query][document] = int(gain)
    return dict(qrels)


if __name__ == "__main__":
    main()
