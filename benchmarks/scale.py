"""Search at scale, over real text: latency against the least it can cost, recall, memory, and the graph's growth.

    python benchmarks/scale.py --chunks 10000 --cache DIR
    python benchmarks/scale.py --chunks 100000 --cache DIR       # embedding them takes ten minutes or more once

Text: windows of --words words, none twice, drawn at random from the corpora and PDFs under ../shared/data and the
docstrings of the installed Python packages. What was embedded is kept in DIR, so that a stopped run goes on; fewer
chunks are the first of more. Questions: real ones of at least eight words (SciFact's training claims, Cranfield,
SQuAD), asked of all that text. The yardstick is the
embedding of the same question plus one HNSW query alone, timed in turn with the whole search, so that a busy machine
slows both. Growth: the graph after 40 rounds in which a tenth of its rows was replaced, against a fresh one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import random
import re
import resource
import statistics
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ragedge import plugins
from ragedge.config import Config
from ragedge.datatypes import Chunk, Document, Page, Span
from ragedge.index.cache import VectorCache
from ragedge.index.exact import ExactIndex
from ragedge.index.store import Store
from ragedge.privacy.vault import Vault
from ragedge.retrieve.retriever import Retriever

TEXTS = ("scifact", "cranfield", "squad_v2", "xquad_en", "tv_manual")
PDFS = ("army_manuals", "ev_guides", "big_pdf")
ASKED = ("scifact", "cranfield", "xquad_en")
LEAST_WORDS = 8
PER_DOCUMENT = 500
MOST = 105_000
_DOCSTRING = re.compile(r'"""(.{200,}?)"""', re.DOTALL)
PART = 1000  # windows embedded between two writes to the cache


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--words", type=int, default=40, help="words per chunk")
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=40, help="0 leaves the graph's growth out")
    parser.add_argument("--kind", default="auto", help="index plugin")
    parser.add_argument("--cache", type=Path, help="folder that keeps embeddings between runs")
    arguments = parser.parse_args()
    config = Config()
    embedder = plugins.create("embedder", config.embed.embedder, {"model": config.embed.model})
    windows = drawn(arguments.data, arguments.words, arguments.cache)[: arguments.chunks]
    rows = embedded(windows, embedder, arguments.cache)
    report: dict[str, Any] = {"chunks": len(windows)}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "kb"
        store = filled(path, windows, rows, embedder)
        vectors = opened(store, config, arguments.kind)
        report["index"] = {"kind": vectors.kind, "state": vectors.refresh()}
        vectors.close()
        store.close()
        # A process of its own, as a device would open what another one built: memory is that of searching alone.
        questions = asked(arguments.data)[: arguments.questions]
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            report |= pool.submit(measured, path, arguments.kind, questions).result()
    if arguments.rounds:
        report["growth"] = growth(rows[: min(len(rows), 10_000)], vectors.kind, arguments.rounds)
    print(json.dumps(report, indent=2))


def opened(store: Store, config: Config, kind: str) -> VectorCache:
    options = {
        "m": config.index.m,
        "ef_construction": config.index.ef_construction,
        "ef_search": config.index.ef_search,
    }
    return VectorCache(store, kind=kind, exact_below=config.index.exact_below, options=options)


def measured(path: Path, kind: str, questions: list[str]) -> dict[str, Any]:
    config = Config()
    embedder = plugins.create("embedder", config.embed.embedder, {"model": config.embed.model})
    store = Store.open(Vault.open(path))
    vectors = opened(store, config, kind)
    retriever = Retriever(store, vectors, embedder, config.retrieve)
    report = {"questions": len(questions), **latencies(retriever, vectors, embedder, questions)}
    report["resident_mb"] = resident_mb()
    report["bytes_per_chunk"] = store.bytes_used() / store.counts().chunks
    report["recall@10"] = recall(vectors, store, embedder, questions)
    vectors.close()
    store.close()
    return report


def drawn(data: Path, words: int, cache: Path | None) -> list[str]:
    """Return every window of text there is, none twice, in an order drawn at random."""
    kept = cache / f"windows-{words}.json" if cache else None
    if kept is not None and kept.exists():
        found: list[str] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    windows: dict[str, None] = {}
    for text in texts(data):
        parts = text.split()
        for start in range(0, len(parts), words):
            window = " ".join(parts[start : start + words])
            if len(window) > words:
                windows[window] = None
        if len(windows) >= MOST:
            break
    found = list(windows)
    random.Random(0).shuffle(found)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found), encoding="utf-8")
    return found


def texts(data: Path) -> Iterator[str]:
    for name in TEXTS:
        for line in (data / name / "corpus.jsonl").read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["text"]
    loader = plugins.create("loader", "pdf", {})
    for folder in PDFS:
        for file in sorted((data / folder).glob("*.pdf")):
            yield from (page.text for page in loader.load(file.read_bytes(), file.name).pages)
    yield from (data / "lm" / "wikitext2.test.txt").read_text(encoding="utf-8").splitlines()
    for name in ("lambada_openai", "boolq", "nq_openbook", "arc_easy", "piqa"):
        for line in (data / "lm" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            yield " ".join(str(value) for value in json.loads(line).values())
    for folder in (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")):
        for file in sorted(Path(folder).rglob("*.py")):
            yield from docstrings(file)


def docstrings(file: Path) -> Iterator[str]:
    text = file.read_text(encoding="utf-8", errors="replace")
    yield from (match[1] for match in _DOCSTRING.finditer(text))


def asked(data: Path) -> list[str]:
    """Return real questions of at least eight words, those of each set in turn."""
    sets = []
    for name in ASKED:
        lines = (data / name / "queries.jsonl").read_text(encoding="utf-8").splitlines()
        found = [json.loads(line)["text"] for line in lines]
        sets.append([text for text in found if len(text.split()) >= LEAST_WORDS])
    return [text for turn in zip(*sets, strict=False) for text in turn]


def embedded(windows: list[str], embedder: Any, cache: Path | None) -> Any:
    parts = []
    for start in range(0, len(windows), PART):
        part = windows[start : start + PART]
        digest = hashlib.sha256("\0".join([embedder.fingerprint, *part]).encode()).hexdigest()[:16]
        kept = cache / f"rows-{digest}.npy" if cache else None
        if kept is not None and kept.exists():
            parts.append(np.load(kept))
            continue
        parts.append(embedder.embed_passages(part))
        if kept is not None:
            np.save(kept.with_suffix(".tmp.npy"), parts[-1])
            kept.with_suffix(".tmp.npy").rename(kept)
    return np.concatenate(parts)


def filled(path: Path, windows: list[str], rows: Any, embedder: Any) -> Store:
    vault = Vault.open(path, create=True)
    store = Store.create(
        vault, embedder_name=embedder.name, fingerprint=embedder.fingerprint, dim=embedder.dim
    )
    for number, start in enumerate(range(0, len(windows), PER_DOCUMENT)):
        part = windows[start : start + PER_DOCUMENT]
        pages = tuple(Page(n, text) for n, text in enumerate(part, 1))
        chunks = [Chunk(text, (Span(n, 0, len(text)),)) for n, text in enumerate(part)]
        document = Document(f"part-{number}", "text/plain", pages)
        store.put_document(
            document.source, f"{number:064}", document, chunks, rows[start : start + PER_DOCUMENT]
        )
    store.forget_removed()
    return store


def latencies(
    retriever: Retriever, vectors: VectorCache, embedder: Any, questions: list[str]
) -> dict[str, Any]:
    whole, least = [], []
    for question in questions[:20]:
        retriever.search(question)
    for question in questions:
        started = time.perf_counter()
        vectors.search(embedder.embed_query(question), 10)
        middle = time.perf_counter()
        retriever.search(question)
        least.append((middle - started) * 1e3)
        whole.append((time.perf_counter() - middle) * 1e3)
    p50, p95 = statistics.median(whole), float(np.percentile(whole, 95))
    return {
        "search_ms": {"p50": p50, "p95": p95, "p95_to_p50": p95 / p50},
        "embed_and_one_query_ms": statistics.median(least),
        "ratio_p50": p50 / statistics.median(least),
    }


def recall(vectors: VectorCache, store: Store, embedder: Any, questions: list[str]) -> float:
    exact = ExactIndex(store.embedder.dim)
    exact.add_codes(*store.vector_rows())
    shares = []
    for question in questions:
        query = embedder.embed_query(question)
        right = set(exact.search(query, 10)[0].tolist())
        shares.append(len(right & set(vectors.search(query, 10)[0].tolist())) / len(right))
    return float(np.mean(shares))


def growth(rows: Any, kind: str, rounds: int) -> dict[str, float]:
    """Replace a tenth of the rows, round after round, and compare bytes and recall with a fresh graph."""
    generator = np.random.default_rng(0)
    worn = plugins.create("index", kind, {"dim": rows.shape[1]})
    ids = np.arange(len(rows), dtype=np.int64)
    worn.add(ids, rows)
    place = np.arange(len(rows))
    for _ in range(rounds):
        gone = generator.choice(len(ids), len(ids) // 10, replace=False)
        worn.remove(ids[gone])
        ids[gone] = ids.max() + 1 + np.arange(len(gone))
        worn.add(ids[gone], rows[place[gone]])
    fresh = plugins.create("index", kind, {"dim": rows.shape[1]})
    fresh.add(ids, rows[place])
    found = {"bytes_ratio": len(worn.dump()) / max(len(fresh.dump()), 1)}
    for name, index in (("worn", worn), ("fresh", fresh)):
        hits = []
        for query in rows[:: max(1, len(rows) // 200)]:
            right = set(ids[np.argsort(-(rows @ query))[:10]].tolist())
            hits.append(len(right & set(index.search(query, 10)[0].tolist())) / 10)
        found[f"recall@10_{name}"] = float(np.mean(hits))
    return found


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


if __name__ == "__main__":
    main()
