"""Vector indexes side by side: build, latency, recall@10 against exact search, filters, bytes, memory.

python benchmarks/vector_index.py                          # 20,000 clustered random rows of 384
python benchmarks/vector_index.py --rows embeddings.npy    # real embeddings, (n, dim) float32 unit rows
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from pathlib import Path

import numpy as np

from ragedge import plugins
from ragedge.testing.index_contract import clustered_rows

QUERIES = 300


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--kinds", nargs="+", default=["exact", "hnsw", "usearch"])
    arguments = parser.parse_args()
    print(
        "kind      build s  p50 ms  p95 ms  recall@10  1-in-3 ms  1-in-50 ms  dump B/row  load s  resident MB"
    )
    for kind in arguments.kinds:
        # A process each: resident memory is that of one index.
        process = multiprocessing.get_context("spawn").Process(
            target=measure, args=(kind, arguments.rows, arguments.count)
        )
        process.start()
        process.join()


def measure(kind: str, path: Path | None, count: int) -> None:
    rows = np.load(path)[: count + QUERIES] if path else clustered_rows(count + QUERIES, dim=384)
    rows, queries = np.ascontiguousarray(rows[:-QUERIES]), np.ascontiguousarray(rows[-QUERIES:])
    ids = np.arange(len(rows), dtype=np.int64)
    truth = [set(np.argpartition(-(rows @ query), 10)[:10].tolist()) for query in queries]
    before = resident_mb()
    index = plugins.create("index", kind, {"dim": rows.shape[1]})
    started = time.perf_counter()
    for start in range(0, len(rows), 2048):
        index.add(ids[start : start + 2048], rows[start : start + 2048])
    built, memory = time.perf_counter() - started, resident_mb() - before
    times, found = timed(index, queries, None)
    recall = sum(len(a & b) for a, b in zip(truth, found, strict=True)) / (10 * len(queries))
    third, fiftieth = (statistics.median(timed(index, queries[:100], ids[::step])[0]) for step in (3, 50))
    data = index.dump()
    started = time.perf_counter()
    if data:
        plugins.create("index", kind, {"dim": rows.shape[1], "data": data})
    loaded = time.perf_counter() - started
    print(f"{kind:8} {built:8.1f} {statistics.median(times):7.2f} {np.percentile(times, 95):7.2f} {recall:10.3f} "
          f"{third:10.2f} {fiftieth:11.2f} {len(data) / len(rows):11.0f} {loaded:7.2f} {memory:12.0f}")  # fmt: skip


def timed(index, queries, allowed):
    times, found = [], []
    for query in queries:
        started = time.perf_counter()
        ids, _ = index.search(query, 10, allowed)
        times.append((time.perf_counter() - started) * 1e3)
        found.append(set(ids.tolist()))
    return times, found


def resident_mb() -> float:
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
