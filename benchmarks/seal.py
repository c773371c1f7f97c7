"""What looking at a database's seal costs: time and memory, in place and by a copy.

    nice python benchmarks/seal.py --chunks 10000 44000

A database of so many chunks is made once, and a new process looks at its seal, a few times each way in turn: by
reading the file in place, and by a copy in memory, as where others keep the log open. Printed are the medians of the
time and of how far the process's memory grew at its peak. Linux alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

_LOOK = """
import json, pathlib, sys, time
from ragedge.index import seal
from ragedge.index.store import Store
from ragedge.privacy.vault import Vault
if sys.argv[2] == "copy":
    seal.descriptor_of = lambda path: None
    seal.LARGEST_COPY = 1 << 40
store = Store.open(Vault.open(sys.argv[1]))
def held(what):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1])
pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before, began = held("VmRSS"), time.process_time()
assert not store.wholeness.seal.is_broken
took, after = time.process_time() - began, held("VmHWM")
print(json.dumps([took, (after - before) / 1024]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chunks", type=int, nargs="+", default=[10_000, 44_000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for chunks in options.chunks:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, "kb")
            make(folder, chunks)
            size = (folder / "kb.sqlite").stat().st_size / 2**20
            found: dict[str, list[list[float]]] = {"in place": [], "copy": []}
            for _ in range(options.rounds):
                for way, rows in found.items():
                    rows.append(look(folder, way))
        for way, rows in found.items():
            seconds, grown = (statistics.median(column) for column in zip(*rows, strict=True))
            print(f"{chunks} chunks, {size:.0f} MiB, {way}: {seconds:.2f} s of a processor, {grown:.0f} MiB")


def look(folder: Path, way: str) -> list[float]:
    """Look at the seal in a new process; return the seconds and MiB it took."""
    done = subprocess.run(
        [sys.executable, "-c", _LOOK, str(folder), way], capture_output=True, text=True, check=True
    )
    row: list[float] = json.loads(done.stdout)
    return row


def make(folder: Path, chunks: int) -> None:
    """Fill a database: documents of 100 chunks of 800 characters, vectors of 384 dimensions."""
    import numpy as np

    from ragedge.datatypes import Block, Chunk, Document, Page, Span
    from ragedge.index.store import Store
    from ragedge.privacy.vault import Vault

    chance = np.random.default_rng(1)
    words = [f"word{number}" for number in range(20_000)]
    store = Store.create(Vault.open(folder, create=True), embedder_name="none", fingerprint="0" * 64, dim=384)
    for number in range(0, chunks, 100):
        texts = [" ".join(words[i] for i in chance.zipf(1.3, 110) % len(words)) for _ in range(100)]
        text = "\n".join(texts)
        starts = np.cumsum([0, *(len(one) + 1 for one in texts[:-1])])
        page = Page(1, text, None, (Block("paragraph", 0, len(text)),))
        cut = [
            Chunk(one, (Span(0, int(at), int(at) + len(one)),)) for one, at in zip(texts, starts, strict=True)
        ]
        vectors = chance.standard_normal((100, 384)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        name = f"{number}.md"
        store.put_document(name, f"{number:064x}", Document(name, "text/markdown", (page,)), cut, vectors)
    store.close()


if __name__ == "__main__":
    main()
