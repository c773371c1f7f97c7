"""The chunkers side by side: how well what each cuts is found, and how much there is of it.

    python benchmarks/chunkers.py                               # section and window on every set
    python benchmarks/chunkers.py --chunkers section rows meaning small_to_big window --sets tv_manual example

Sets: ``tv_manual`` (first half of its questions), ``cranfield``, ``scifact`` (train): nDCG@10 of the fused
search, a document's place that of its best chunk, with the interval and the paired difference from the first
chunker, bootstrapped over questions. ``example``: the example manual's answerable questions, how often the right
page is the first hit and every fact stands in the first five hits (Wilson's intervals). Settings are the defaults.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ragedge
from ragedge import plugins
from ragedge.config import Config
from ragedge.effective_config import load
from ragedge.measure.answer_figures import holds
from ragedge.measure.beir import build_corpus
from ragedge.measure.evaluation import judge_queries
from ragedge.measure.intervals import bootstrap, paired_difference, wilson
from ragedge.measure.questions import half_of, read_queries

BEIR_SETS = {"tv_manual": "dev", "cranfield": "dev", "scifact": "train"}
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "automotive_manual"
CHUNKERS = ("section", "window", "rows", "meaning", "small_to_big")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sets", nargs="+", default=["example", *BEIR_SETS])
    parser.add_argument("--chunkers", nargs="+", default=list(CHUNKERS))
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    embedder = plugins.create("embedder", "onnx", {"model": Config().embed.model})
    report: dict[str, Any] = {}
    for name in arguments.sets:
        first: list[float] | None = None
        for chunker in arguments.chunkers:
            started = time.perf_counter()
            if name == "example":
                figures = measure_example(chunker)
                text = show_example(figures)
            else:
                figures, scores = measure_beir(arguments.data / name, chunker, embedder)
                first = first or scores
                figures["gain"] = asdict(paired_difference(first, scores))
                text = show_beir(figures)
            report.setdefault(name, {})[chunker] = figures
            print(f"{name:10} {chunker:13} {text}  {time.perf_counter() - started:.0f} s", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def measure_beir(folder: Path, chunker: str, embedder: Any) -> tuple[dict[str, Any], list[float]]:
    """Return the figures of one chunker on a BEIR folder, and nDCG@10 of each question."""
    settings = {"ingest.chunker": chunker}
    _, queries = read_queries(folder, BEIR_SETS[folder.name])
    if folder.name == "tv_manual":  # the second half is for reporting, and nothing is chosen by it
        queries = half_of(queries, "first")
    with tempfile.TemporaryDirectory() as scratch:
        names = build_corpus(folder, Path(scratch) / "kb", load(flags=settings).config, embedder)
        with ragedge.open(Path(scratch) / "kb", settings=settings) as kb:
            scores = [judged.figures["ndcg@10"] for judged in judge_queries(kb, queries, names)]
            chunks = kb.status()["chunks"]
    mean = sum(scores) / len(scores)
    return {"questions": len(scores), "chunks": chunks, "ndcg@10": [mean, *bootstrap(scores)]}, scores


def measure_example(chunker: str) -> dict[str, Any]:
    """Return the figures of one chunker on the example manual's answerable questions."""
    lines = (EXAMPLE / "qa.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [q for q in map(json.loads, lines) if q["answerable"]]
    first = facts = characters = 0
    settings = {"ingest.chunker": chunker}
    with (
        tempfile.TemporaryDirectory() as scratch,
        ragedge.open(f"{scratch}/kb", create=True, settings=settings) as kb,
    ):
        chunks = kb.ingest(EXAMPLE / "manual.pdf").chunks
        for question in questions:
            hits = kb.search(question["question"], top_k=5)
            first += bool(hits) and bool(set(hits[0].pages) & set(question["pages"]))
            facts += holds(question["facts"], "\n".join(hit.text for hit in hits))
            characters += sum(len(hit.text) for hit in hits)
    count = len(questions)
    return {
        "questions": count,
        "chunks": chunks,
        "page_first": [first, *wilson(first, count)],
        "facts_in_five": [facts, *wilson(facts, count)],
        "characters_read": round(characters / count),
    }


def show_beir(figures: dict[str, Any]) -> str:
    mean, low, high = figures["ndcg@10"]
    gain = figures["gain"]
    return (
        f"nDCG@10 {mean:.4f} [{low:.3f}, {high:.3f}]  "
        f"{gain['value']:+.4f} [{gain['low']:+.3f}, {gain['high']:+.3f}]  "
        f"{figures['chunks']} chunks, {figures['questions']} questions"
    )


def show_example(figures: dict[str, Any]) -> str:
    shares = "  ".join(
        f"{key} {figures[key][0]}/{figures['questions']} [{figures[key][1]:.2f}, {figures[key][2]:.2f}]"
        for key in ("page_first", "facts_in_five")
    )
    return f"{shares}  {figures['chunks']} chunks, {figures['characters_read']} characters in five hits"


if __name__ == "__main__":
    main()
