"""Reads a folder of odd, damaged, encrypted and scanned PDFs, and compares with what poppler reads of them.

    python benchmarks/robustness.py FOLDER [--labels FOLDER/labels.json] [--ingest] [--json OUT]

Each file goes through its own parser process with the default limits: seconds, peak memory, and the reason where
nothing was read. ``pdftotext`` (poppler-utils) reads the same file beside it. Characters are compared as multisets:
both texts in NFKC, without white space, leaders (runs of four or more dots or underscores), and what is no character
(controls, soft hyphens and other format marks, private use, U+FFFD); the share is that of poppler's characters which
our text holds as often. Running heads count as lost, as we leave them out. Labels say what other tools made of a
file; a reason fits where it says the same, and text always fits where poppler reads text, too. ``--ingest`` also runs
``ragedge ingest`` over the whole folder (the default embedder must be pulled) and checks that it ends with each file
in its report.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

from ragedge.config import IngestConfig
from ragedge.errors import SourceError
from ragedge.ingest.parser_process import CounterSpec, Parser

_LEADERS = re.compile(r"([._…·])\1{3,}|(?:\s[.…]){4,}")
_NO_TEXT = ("Cc", "Cf", "Cn", "Co")
# What an outcome may be where other tools found this; "read" is text in the knowledge base. Other readers mend
# different things: a damaged file that we do read is no fault, one that they read and we do not is counted below.
FITS: dict[str, tuple[str, ...]] = {
    "ok": ("read", "no_text"),
    "damaged_warnings": ("read", "no_text", "damaged"),
    "damaged_errors": ("read", "no_text", "damaged"),
    "unreadable": ("damaged", "unsupported", "empty", "read", "no_text"),
    "encrypted_open": ("read", "no_text"),
    "password_required": ("encrypted",),
    "image_only": ("no_text", "read"),
    "no_text": ("no_text", "read"),
    "slow_or_hang": ("timeout", "memory", "no_text", "damaged", "read", "too_large"),
}


def characters(text: str) -> Counter[str]:
    """Return a text's characters as they are compared."""
    text = _LEADERS.sub("", unicodedata.normalize("NFKC", text).replace("\N{SOFT HYPHEN}", ""))
    return Counter(
        c
        for c in text
        if not c.isspace() and unicodedata.category(c) not in ("Cc", "Co", "Cn", "Cf") and c != "\ufffd"
    )


def poppler(path: Path) -> str:
    """Return what pdftotext reads; nothing where it fails or takes over a minute."""
    try:
        done = subprocess.run(["pdftotext", "-q", str(path), "-"], capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode("utf-8", "replace")


def peak_mb(parser: Parser) -> float:
    """Return the peak resident memory of the worker; 0 where it was ended or the system does not tell."""
    worker = parser._worker
    try:
        status = Path(f"/proc/{worker._process.pid}/status").read_text() if worker else ""
    except OSError:
        status = ""
    return next(
        (int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0
    )


def read(path: Path) -> dict[str, Any]:
    """Read one file: outcome, text, seconds, memory."""
    with Parser(IngestConfig(), CounterSpec("ragedge.testing.word_counter:create")) as parser:
        parser.parse("warm.txt", b"warm")
        start = time.perf_counter()
        text, outcome = "", "read"
        try:
            document = parser.parse(path.name, path.read_bytes()).document
            text = "\n".join(page.text for page in document.pages)
        except SourceError as exc:
            outcome = exc.code
        return {
            "outcome": outcome, "text": text, "seconds": time.perf_counter() - start,
            "peak_mb": IngestConfig().memory_mb if outcome == "memory" else peak_mb(parser),
        }  # fmt: skip


def ingest(folder: Path, files: int) -> dict[str, Any]:
    """Run the command over the folder; every file must be in its report."""
    with tempfile.TemporaryDirectory() as home:
        start = time.perf_counter()
        command = [sys.executable, "-m", "ragedge", "ingest", str(folder), "--kb", f"{home}/kb", "--json"]
        done = subprocess.run([*command, "--include", "*.pdf"], capture_output=True, text=True)
        report = json.loads(done.stdout)
    listed = len(report["added"]) + len(report["skipped"])
    return {
        "exit": done.returncode, "added": len(report["added"]), "files": files, "listed": listed,
        "skipped": dict(Counter(entry["code"] for entry in report["skipped"])),
        "seconds": round(time.perf_counter() - start, 1),
    }  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument(
        "--labels", type=Path, help="a list of {file, label}; default: labels.json of the folder"
    )
    arguments.add_argument("--ingest", action="store_true", help="also run the command over the whole folder")
    arguments.add_argument("--json", type=Path, help="also write the figures here")
    options = arguments.parse_args()
    listed = options.labels or options.folder / "labels.json"
    labels = (
        {entry["file"]: entry["label"] for entry in json.loads(listed.read_text())} if listed.exists() else {}
    )
    rows, shares = [], []
    for path in sorted(options.folder.rglob("*.pdf")):
        name = path.relative_to(options.folder).as_posix()
        got = read(path)
        theirs, ours = characters(poppler(path)), characters(got.pop("text"))
        total = theirs.total()
        share = (theirs & ours).total() / total if total else None
        label = labels.get(name, "")
        row = {
            "file": name, "label": label, **got, "poppler_chars": total, "our_chars": ours.total(), "share": share,
            "fits": not label or got["outcome"] in FITS[label] or (got["outcome"] == "read" and total > 0),
        }  # fmt: skip
        rows.append(row)
        if share is not None:
            shares.append(share)
        if not row["fits"] or row["seconds"] > 5 or (share is not None and share < 0.9):
            print(
                f"{name}  {label}  {row['outcome']}  {row['seconds']:.1f} s  {row['peak_mb']:.0f} MB"
                f"  poppler {total}  ours {row['our_chars']}  share {-1 if share is None else share:.2f}",
                flush=True,
            )
    enough = sum(share >= 0.9 for share in shares)
    summary: dict[str, Any] = {
        "files": len(rows),
        "outcomes": dict(Counter(row["outcome"] for row in rows)),
        "slowest_s": round(max(row["seconds"] for row in rows), 1),
        "most_mb": round(max(row["peak_mb"] for row in rows)),
        "reasons_fit": sum(row["fits"] for row in rows), "poppler_read": len(shares), "at_least_90%": enough,
        "share_of_files": round(enough / max(len(shares), 1), 3),
    }  # fmt: skip
    if options.ingest:
        summary["ingest"] = ingest(options.folder, len(rows))
    print(json.dumps(summary, indent=1))
    if options.json:
        options.json.write_text(json.dumps({"summary": summary, "files": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
