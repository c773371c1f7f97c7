"""Parsing speed and memory against bare pypdf extraction, in the same run.

    python benchmarks/parsing.py [--data ../shared/data] [--repeats 3] [--json OUT]

For each file: pages a second of processor time of bare ``page.extract_text()`` and of the PDF loader alone (in this
process, one core), and pages a second by the clock of the parser process (loading, cutting and both pipes included),
with its peak memory.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import time
from pathlib import Path

FILES = (
    "army_manuals/mwo-9-2320-280-20-1.pdf",
    "army_manuals/tb-9-2320-280-35-13.pdf",
    "army_manuals/tm-55-2320-280-14.pdf",
    "army_manuals/tm-9-2320-280-10-hr.pdf",
    "army_manuals/tm-9-2920-225-34.pdf",
    "big_pdf/ngspice-manual.pdf",
)


def bare(data: bytes) -> int:
    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(data))
    return sum(1 for page in reader.pages if page.extract_text() is not None)


def loader(data: bytes) -> int:
    from ragedge.ingest.pdf import create

    return len(create({}).load(data, "manual.pdf").pages)


def best(function, repeats: int, clock=time.process_time) -> tuple[float, int]:
    """Return the least seconds of some runs, and what the last gave."""
    least, value = float("inf"), 0
    for _ in range(repeats):
        start = clock()
        value = function()
        least = min(least, clock() - start)
    return least, value


def peak_mb(pid: int) -> float:
    """Return a process's peak resident memory; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next(
        (int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0
    )


def measure(path: Path, repeats: int) -> dict[str, float | int | str]:
    from ragedge.config import IngestConfig
    from ragedge.ingest.parser_process import CounterSpec, Parser

    data = path.read_bytes()
    bare_s, pages = best(lambda: bare(data), repeats)
    loader_s, _ = best(lambda: loader(data), repeats)
    config = IngestConfig(timeout_s=600, memory_mb=2048)
    with Parser(config, CounterSpec("ragedge.testing.word_counter:create")) as parser:
        parser.parse("warm.txt", b"warm")
        process_s, chunks = best(
            lambda: len(parser.parse(path.name, data).chunks), repeats, time.perf_counter
        )
        memory = peak_mb(parser._worker._process.pid) if parser._worker else 0.0
    return {
        "file": path.name,
        "pages": pages,
        "chunks": chunks,
        "bare_pages_s": round(pages / bare_s, 1),
        "loader_pages_s": round(pages / loader_s, 1),
        "process_pages_s": round(pages / process_s, 1),
        "loader_over_bare": round(loader_s / bare_s, 2),
        "process_over_bare": round(process_s / bare_s, 2),
        "peak_mb": round(memory, 1),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--json", type=Path, help="also write the figures here")
    options = arguments.parse_args()
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    found = [options.data / name for name in FILES if (options.data / name).exists()]
    if not found:
        arguments.error(f"none of the files is in {options.data}; name their folder with --data")
    rows = []
    for path in found:
        rows.append(measure(path, options.repeats))
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
