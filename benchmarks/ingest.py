"""Ingest of one manual against its two unavoidable parts: bare pypdf extraction, and embedding the same chunks.

    python benchmarks/ingest.py [MANUAL.pdf] [--rounds 5]

Both sides run in this process with the embedder loaded, in turns; medians and the ratio are printed, then
the peak memory of a fresh `ragedge ingest`, the parser process included.
"""

from __future__ import annotations

import argparse
import io
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ragedge

DEFAULT = Path(__file__).resolve().parents[2] / "shared/data/army_manuals/tm-9-2920-225-34.pdf"


def bare(data: bytes, texts: list[str], embedder) -> tuple[float, float]:
    import logging

    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.ERROR)
    started = time.perf_counter()
    for page in PdfReader(io.BytesIO(data)).pages:
        page.extract_text()
    read = time.perf_counter()
    embedder.embed_passages(texts)
    return read - started, time.perf_counter() - read


def resident_kb(pid: int) -> int:
    """Return the resident memory of a process and its children, in KiB."""
    listing = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,rss="], capture_output=True, text=True, check=True
    ).stdout
    rows = [tuple(map(int, line.split())) for line in listing.splitlines()]
    family = {pid}
    for child, parent, _ in rows:
        if parent in family:
            family.add(child)
    return sum(rss for child, _, rss in rows if child in family)


def peak_mb(manual: Path, kb: Path) -> float:
    process = subprocess.Popen(
        [sys.executable, "-m", "ragedge", "ingest", str(manual), "--kb", str(kb)], stdout=subprocess.DEVNULL
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, resident_kb(process.pid))
        time.sleep(0.02)
    return peak / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manual", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    data = options.manual.read_bytes()
    folder = Path(tempfile.mkdtemp())
    try:
        rounds = []
        for number in range(options.rounds + 1):
            with ragedge.open(folder / f"kb{number}", create=True) as kb:
                embedder = kb.embedder
                started = time.perf_counter()
                report = kb.ingest(options.manual)
                ours = time.perf_counter() - started
                texts = [
                    "\n".join(part for part in (" > ".join(chunk.heading), chunk.context, chunk.text) if part)
                    for chunk in kb.store.chunks(options.manual.name)
                ]
            rounds.append((ours, *bare(data, texts, embedder)))
        rounds = rounds[1:]  # the first warms both
        ours, read, embed = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratio = statistics.median(o / (r + e) for o, r, e in rounds)
        print(f"{options.manual.name}: {report.pages} pages, {report.chunks} chunks, {options.rounds} rounds")
        print(f"ragedge ingest {ours:.2f} s; bare pypdf {read:.2f} s + embedding {embed:.2f} s")
        print(f"ratio (median of pairs) {ratio:.2f}")
        print(
            f"peak memory of `ragedge ingest` with its parser process {peak_mb(options.manual, folder / 'peak'):.0f} MB"
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
