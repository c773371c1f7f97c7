"""Static graphs beside the published model's floats: cosine on passages, nDCG@10 on a part of SciFact's train split.

    .bench-venv/bin/python benchmarks/npu_parity.py --source FOLDER [--scheme a16w8] [--passages 200] [--queries 300]

FOLDER is the published sentence-transformers model. The static graph runs on the processor, its quantize-dequantize
pairs computed as they stand. Ranges come from 64 passages that are not among those compared. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from ragedge.embed.encoder_runs import StaticEncoder
from ragedge.embed.onnx_embedder import OnnxEmbedder
from ragedge.measure.parity import REFERENCE_ENTRIES
from ragedge.models import compiled, store
from ragedge.models.importer import import_model
from ragedge.runtime.cpu_backend import CpuBackend
from ragedge.runtime.session import open_session

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "scifact"
LENGTH, CALIBRATION, SEED = 128, 64, 7


def ndcg(ranked: np.ndarray, relevant: set[int], at: int = 10) -> float:
    gains = [1 / np.log2(place + 2) for place, row in enumerate(ranked[:at]) if int(row) in relevant]
    ideal = sum(1 / np.log2(place + 2) for place in range(min(at, len(relevant))))
    return sum(gains) / ideal


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--scheme", default="a16w8", choices=["float", "a16w8", "a8w8"])
    parser.add_argument("--passages", type=int, default=200)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--documents", type=int, default=1000)
    args = parser.parse_args()
    from sentence_transformers import SentenceTransformer

    corpus = [json.loads(line) for line in (DATA / "corpus.jsonl").read_text("utf-8").splitlines()]
    texts = [f"{one['title']}. {one['text']}" for one in corpus]
    places = {one["_id"]: place for place, one in enumerate(corpus)}
    asked = {one["_id"]: one["text"] for one in map(json.loads, (DATA / "queries.jsonl").open())}
    relevant: dict[str, set[int]] = {}
    for line in (DATA / "qrels" / "train.tsv").read_text("utf-8").splitlines()[1:]:
        query, document, score = line.split("\t")
        if int(score) > 0:
            relevant.setdefault(query, set()).add(places[document])
    rng = np.random.default_rng(SEED)
    queries = sorted(relevant)[: args.queries]
    wanted = set().union(*(relevant[query] for query in queries))
    order = [int(place) for place in rng.permutation(len(texts))]
    calibration = [place for place in order if place not in wanted][:CALIBRATION]
    rest = [place for place in order if place not in wanted and place not in set(calibration)]
    documents = [*sorted(wanted), *rest][: max(args.documents, len(wanted), args.passages)]

    with tempfile.TemporaryDirectory() as home:
        import os

        os.environ["RAGEDGE_HOME"] = home
        folder = import_model(args.source, name="embedder")
        made = compiled.make_static(
            store.find("embedder"), args.scheme, [texts[place] for place in calibration], threads=1
        )
        graph = next(one for one in made.record.graphs if one.length == LENGTH)
        session = open_session(made.graph(graph), CpuBackend(), threads=1, entries=REFERENCE_ENTRIES)
        embedder = OnnxEmbedder.from_parts(
            folder, StaticEncoder({LENGTH: session}, folder.manifest.encoder.pooling)
        )
        rounded = embedder.embed_passages([texts[place] for place in documents])
        questions = embedder.embed_passages([asked[query] for query in queries])
    peer = SentenceTransformer(str(args.source), device="cpu")
    peer.max_seq_length = LENGTH
    floats = peer.encode([texts[place] for place in documents], normalize_embeddings=True)
    float_questions = peer.encode([asked[query] for query in queries], normalize_embeddings=True)
    cosines = (rounded * floats).sum(axis=1)[-args.passages :]
    scores = []
    for one, other in ((questions, rounded), (float_questions, floats)):
        ranked = np.argsort(-(one @ other.T), axis=1, kind="stable")
        found = [{documents.index(place) for place in relevant[query]} for query in queries]
        scores.append(np.array([ndcg(row, each) for row, each in zip(ranked, found, strict=True)]))
    drift = scores[0] - scores[1]
    sample = rng.integers(0, len(drift), (2000, len(drift)))
    low, high = np.percentile(drift[sample].mean(axis=1), [2.5, 97.5])
    print(json.dumps({
        "scheme": args.scheme, "length": LENGTH, "passages": len(cosines),
        "cosine_mean": float(cosines.mean()), "cosine_min": float(cosines.min()),
        "documents": len(documents), "queries": len(queries), "ndcg@10": float(scores[0].mean()),
        "ndcg@10_float": float(scores[1].mean()), "drift": float(drift.mean()), "drift_95": [float(low), float(high)],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
