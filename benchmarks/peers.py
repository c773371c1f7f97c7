"""Retrieval against other local frameworks: the same chunks, the same encoder, the same questions, in one run.

    python benchmarks/peers.py --model FOLDER --txtai PYTHON --leann PYTHON --sets scifact tv_manual cranfield

FOLDER is the encoder as sentence-transformers keeps it (the one that ``minilm-l6`` is compiled from); PYTHON the
interpreter of an environment that holds the peer (``pip install txtai``; ``pip install leann-core
leann-backend-hnsw``), which need not be ragedge's. Peers get the chunks that ragedge cuts, for they cut in their own
ways or not at all; a document's place is that of its best chunk. txtai as its documentation shows it with
``hybrid=True`` (BM25 and vectors, equal weights), LEANN with the defaults of its builder (a graph whose vectors are
computed anew for each search) and with its vectors kept.

Building and searching have a process each; searches go in turns over ``--rounds``, so that a busy machine slows all.
Latency includes embedding the question. Memory is the highest of the searching process and those it starts; disk is
the folder that the system leaves.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

SPLITS = {"scifact": "train"}
DEPTH = 50
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_NUM_THREADS": "2"}
Search = Callable[[str], list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sets", nargs="+", default=["scifact", "tv_manual", "cranfield"])
    parser.add_argument(
        "--model", type=Path, required=True, help="the encoder's sentence-transformers folder"
    )
    parser.add_argument("--txtai", help="python of txtai's environment")
    parser.add_argument("--leann", help="python of LEANN's environment")
    parser.add_argument("--questions", type=int, default=200, help="of each set, timed and judged; 0: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    pythons = {"ragedge": sys.executable, "txtai": arguments.txtai, "leann": arguments.leann}
    pythons["leann-kept"] = arguments.leann
    pythons = {name: python for name, python in pythons.items() if python}
    report = {name: compared(arguments, name, pythons) for name in arguments.sets}
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def compared(arguments: argparse.Namespace, name: str, pythons: dict[str, str]) -> dict[str, Any]:
    from ragedge.measure.intervals import bootstrap
    from ragedge.measure.questions import read_queries
    from ragedge.measure.ranking import ranking_figures

    _, queries = read_queries(arguments.data / name, SPLITS.get(name, "dev"))
    queries = queries[: arguments.questions or None]
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        (work / "questions.json").write_text(json.dumps({query.id: query.text for query in queries}))
        report: dict[str, Any] = {}
        for system, python in pythons.items():
            (work / system).mkdir()
            report[system] = told(python, "build", system, work, arguments.data / name, arguments.model)
        runs: dict[str, list[Any]] = {system: [] for system in pythons}
        for _ in range(arguments.rounds):
            for system, python in pythons.items():
                runs[system].append(
                    told(python, "search", system, work, arguments.data / name, arguments.model)
                )
        print(f"{name}: {len(queries)} questions")
        for system, found in runs.items():
            judged = ranking_figures({query.id: query.relevant for query in queries}, found[0]["ranked"])
            scores = [figures["ndcg@10"] for figures in judged.values()]
            times = [run["p50_ms"] for run in found]
            report[system] |= {
                "ndcg@10": statistics.fmean(scores), "interval": bootstrap(scores),
                "p50_ms": statistics.median(times), "p95_ms": statistics.median(run["p95_ms"] for run in found),
                "times_ragedge": statistics.median(
                    time / ours["p50_ms"] for time, ours in zip(times, runs["ragedge"], strict=True)
                ),
                "memory_mb": max(run["memory_mb"] for run in found),
                "disk_mb": sum(f.stat().st_size for f in (work / system).rglob("*") if f.is_file()) / 1e6,
            }  # fmt: skip
            print(
                f"  {system:11}", {key: rounded(value) for key, value in report[system].items()}, flush=True
            )
    return report


def rounded(value: Any) -> Any:
    return [round(one, 3) for one in value] if isinstance(value, Sequence) else round(value, 3)


def told(python: str, *arguments: Any) -> Any:
    """Run one step of one system in a process of its own and return what it says."""
    done = subprocess.run(
        [python, __file__, "--as", *map(str, arguments)],
        env=os.environ | OFFLINE,
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def one(step: str, system: str, work: str, data: str, model: str) -> None:
    kept, opened = SYSTEMS[system]
    folder = Path(work) / system
    report: dict[str, Any] = {}
    if step == "build":
        started = time.perf_counter()
        kept(folder, Path(data), model)
        report["build_s"] = time.perf_counter() - started
    else:
        questions = json.loads((Path(work) / "questions.json").read_text())
        search = opened(folder, model)
        search("a first question, which loads what is loaded late")
        times, ranked = [], {}
        for key, question in questions.items():
            started = time.perf_counter()
            found = search(question)
            times.append((time.perf_counter() - started) * 1e3)
            ranked[key] = list(dict.fromkeys(found))
        cuts = statistics.quantiles(times, n=20)
        report |= {"p50_ms": statistics.median(times), "p95_ms": cuts[-1], "ranked": ranked}
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps(report | {"memory_mb": sum(peaks) / 1024}), flush=True)


def build_ragedge(folder: Path, data: Path, _model: str) -> None:
    from ragedge import plugins
    from ragedge.config import Config
    from ragedge.index.store import Store
    from ragedge.measure.beir import build_corpus
    from ragedge.privacy.vault import Vault

    config = Config()
    embedder = plugins.create("embedder", config.embed.embedder, config.embed.plugin_options())
    names = build_corpus(data, folder / "kb", config, embedder)
    store = Store.open(Vault.open(folder / "kb"))
    open_vectors(store).close()
    chunks = [(names[chunk.spans[0].page - 1], chunk.text) for chunk in store.hits(store.row_ids().tolist())]
    store.forget_removed()
    store.close()
    (folder.parent / "chunks.json").write_text(json.dumps(chunks))
    (folder.parent / "names.json").write_text(json.dumps(names))


def open_vectors(store: Any) -> Any:
    from ragedge.config import Config
    from ragedge.index.cache import VectorCache

    index = Config().index
    options = {"m": index.m, "ef_construction": index.ef_construction, "ef_search": index.ef_search}
    vectors = VectorCache(store, kind=index.kind, exact_below=index.exact_below, options=options)
    vectors.refresh()
    return vectors


def open_ragedge(folder: Path, _model: str) -> Search:
    import ragedge

    kb = ragedge.open(folder / "kb")
    names = json.loads((folder.parent / "names.json").read_text())
    return lambda question: [names[(hit.page or 1) - 1] for hit in kb.search(question, top_k=DEPTH)]


def chunks_of(folder: Path) -> list[list[str]]:
    found: list[list[str]] = json.loads((folder.parent / "chunks.json").read_text())
    return found


def build_txtai(folder: Path, _data: Path, model: str) -> None:
    from txtai import Embeddings

    embeddings = Embeddings(path=model, hybrid=True)
    embeddings.index((n, text, None) for n, (_, text) in enumerate(chunks_of(folder)))
    embeddings.save(str(folder / "index"))


def open_txtai(folder: Path, _model: str) -> Search:
    from txtai import Embeddings

    embeddings = Embeddings()
    embeddings.load(str(folder / "index"))
    names = [name for name, _ in chunks_of(folder)]
    return lambda question: [names[int(found[0])] for found in embeddings.search(question, DEPTH)]


def build_leann(folder: Path, model: str, **options: Any) -> None:
    from leann import LeannBuilder

    builder = LeannBuilder(
        backend_name="hnsw", embedding_model=model, embedding_mode="sentence-transformers", **options
    )
    for n, (_, text) in enumerate(chunks_of(folder)):
        builder.add_text(text, metadata={"id": str(n)})
    builder.build_index(str(folder / "index.leann"))


def open_leann(folder: Path, _model: str, **options: Any) -> Search:
    from leann import LeannSearcher

    searcher = LeannSearcher(str(folder / "index.leann"), **options)
    names = [name for name, _ in chunks_of(folder)]
    return lambda question: [names[int(found.id)] for found in searcher.search(question, top_k=DEPTH)]


SYSTEMS: dict[str, tuple[Callable[[Path, Path, str], None], Callable[[Path, str], Search]]] = {
    "ragedge": (build_ragedge, open_ragedge),
    "txtai": (build_txtai, open_txtai),
    "leann": (lambda folder, _data, model: build_leann(folder, model), open_leann),
    "leann-kept": (
        lambda folder, _data, model: build_leann(folder, model, is_compact=False, is_recompute=False),
        lambda folder, model: open_leann(folder, model, recompute_embeddings=False),
    ),
}  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--as"]:
        one(*sys.argv[2:])
    else:
        main()
