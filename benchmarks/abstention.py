"""Does it stay silent when it should, and only then? Precision and recall of abstaining, and what ``confidence`` says.

    python benchmarks/abstention.py --questions benchmarks/near_misses.jsonl --split report \\
        --documents army_manuals=../shared/data/army_manuals ev_guides=../shared/data/ev_guides
    python benchmarks/abstention.py --questions ../shared/data/squad_v2/qa.jsonl --documents =../shared/data/squad_v2

Each line of the questions is an object with ``question`` and ``answerable``, and where known ``facts`` (else
``answer``), ``source``, ``documents`` (which of the folders), ``kind`` and ``split``. A folder with a corpus.jsonl (the
BEIR layout) is ingested as one file a passage. ``confidence`` is held against whether the question is answerable
and its facts stand on a page that the answer cites, also where the answer was withheld: the extractive answer is
made once more with the threshold at 0.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import ragedge
from ragedge.datatypes import Answer
from ragedge.measure.answer_figures import holds
from ragedge.measure.intervals import wilson

BINS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--documents", nargs="+", required=True, metavar="NAME=FOLDER", help="NAME may be empty"
    )
    parser.add_argument("--split", help="only questions of this split")
    parser.add_argument("--work", type=Path, help="folder of the knowledge bases; a temporary one by default")
    parser.add_argument("--json", type=Path, help="write one line a question here, without its text")
    parser.add_argument("--curve", action="store_true", help="print the precision-recall curve of abstaining")
    args = parser.parse_args()
    questions = [
        json.loads(line)
        for path in args.questions
        for line in path.read_text(encoding="utf-8").splitlines()
        if line
    ]
    questions = [q for q in questions if args.split in (None, q.get("split"))]
    rows = []
    with ExitStack() as stack:
        work = args.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for entry in args.documents:
            name, _, folder = entry.partition("=")
            asked = [q for q in questions if not name or q.get("documents", name) == name]
            if asked:
                rows += ask_all(asked, ingest(Path(folder), work / (name or "kb")))
    if args.json:
        args.json.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    print("\n".join(report(rows, curve=args.curve)))


def ingest(folder: Path, kb: Path) -> Path:
    """Ingest a folder of documents or a BEIR corpus; return the knowledge base's path."""
    with documents_of(folder) as path, ragedge.open(kb, create=True) as opened:
        opened.ingest(str(path))
    return kb


@contextmanager
def documents_of(folder: Path) -> Iterator[Path]:
    """Give the folder itself, or the passages of its corpus.jsonl as Markdown files in a temporary one."""
    corpus = folder / "corpus.jsonl"
    if not corpus.exists():
        yield folder
        return
    with tempfile.TemporaryDirectory() as scratch:
        for line in corpus.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            title = f"# {entry['title']}\n\n" if entry.get("title") else ""
            Path(scratch, f"{entry['_id']}.md").write_text(f"{title}{entry['text']}\n", encoding="utf-8")
        yield Path(scratch)


def ask_all(questions: Sequence[dict[str, Any]], kb: Path) -> list[dict[str, Any]]:
    """Ask each twice: as a user would, and with nothing withheld, to see whether the answer would be right."""
    settings: dict[str, Any] = {"generate.generator": "none"}
    with (
        ragedge.open(kb, settings=settings) as usual,
        ragedge.open(kb, settings={**settings, "generate.abstain_below": 0.0}) as open_mouthed,
    ):
        return [judge(q, usual.ask(q["question"]), open_mouthed, usual) for q in questions]


def judge(
    item: dict[str, Any], answer: Answer, open_mouthed: ragedge.KnowledgeBase, kb: ragedge.KnowledgeBase
) -> dict[str, Any]:
    """Compare one answer, and the one that would be given, with what is expected."""
    would = open_mouthed.ask(item["question"])
    facts = item.get("facts") or [item.get("answer") or ""]
    cited = {(c.source, c.page) for c in would.citations}
    pages = [p["text"] for source, page in cited for p in kb.inspect(source, page=page)]
    right = item["answerable"] and any(holds(facts, text) for text in pages)
    return {
        "id": item.get("id"),
        "kind": item.get("kind") or ("answerable" if item["answerable"] else "unanswerable"),
        "answerable": item["answerable"],
        "abstained": answer.abstained,
        "confidence": answer.confidence,
        "right": right,
        "given": item["answerable"] and not answer.abstained and holds(facts, answer.text),
    }


def report(rows: Sequence[dict[str, Any]], *, curve: bool = False) -> list[str]:
    """Return the figures, a line each."""
    lines = []
    for kind in sorted({r["kind"] for r in rows}):
        of = [r for r in rows if r["kind"] == kind]
        lines.append(f"{kind}: silent on {sum(r['abstained'] for r in of)} of {len(of)}")
    yes, no = [r for r in rows if r["answerable"]], [r for r in rows if not r["answerable"]]
    silent = [r for r in rows if r["abstained"]]
    lines.append(counted("abstention precision", sum(not r["answerable"] for r in silent), len(silent)))
    lines.append(counted("abstention recall", sum(r["abstained"] for r in no), len(no)))
    lines.append(counted("answerable questions answered", sum(not r["abstained"] for r in yes), len(yes)))
    lines.append(counted("... every fact in the answer text", sum(r["given"] for r in yes), len(yes)))
    lines.append(counted("always abstaining: precision", len(no), len(rows)) + ", recall 1")
    scores = [r["confidence"] for r in rows]
    lines.append(
        f"AUROC of confidence, answerable or not: {auroc(scores, [r['answerable'] for r in rows]):.3f}"
    )
    lines.append(f"AUROC of confidence, right or not: {auroc(scores, [r['right'] for r in rows]):.3f}")
    error, bins = reliability(scores, [r["right"] for r in rows])
    lines.append(f"expected calibration error, right or not: {error:.3f}")
    other, _ = reliability(scores, [r["answerable"] for r in rows])
    lines.append(f"expected calibration error, answerable or not: {other:.3f}")
    lines += [f"  {low:.1f} to {low + 1 / BINS:.1f}: {n:4} questions, confidence {said:.2f}, right {true:.2f}"
              for low, n, said, true in bins]  # fmt: skip
    if curve:
        lines += [f"  below {t:.2f}: precision {p:.2f}, recall {r:.2f}" for t, p, r in pr_curve(rows)]
    return lines


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Return how often a true one scores above a false one; ties count half."""
    yes = [s for s, label in zip(scores, labels, strict=True) if label]
    no = [s for s, label in zip(scores, labels, strict=True) if not label]
    if not yes or not no:
        return float("nan")
    return sum((a > b) + (a == b) / 2 for a in yes for b in no) / (len(yes) * len(no))


def reliability(
    scores: Sequence[float], labels: Sequence[bool]
) -> tuple[float, list[tuple[float, int, float, float]]]:
    """Return the expected calibration error over bins of equal width (Guo et al. 2017), and the bins.

    Returns:
        error: Mean distance of what was said from what was true, bins weighing as their counts.
        bins: Lower edge, count, mean confidence and share of true ones, of each that is not empty.
    """
    bins = []
    for k in range(BINS):
        inside = [i for i, s in enumerate(scores) if min(int(s * BINS), BINS - 1) == k]
        if inside:
            said = sum(scores[i] for i in inside) / len(inside)
            bins.append((k / BINS, len(inside), said, sum(labels[i] for i in inside) / len(inside)))
    return sum(n * abs(said - true) for _, n, said, true in bins) / max(1, len(scores)), bins


def pr_curve(rows: Sequence[dict[str, Any]]) -> list[tuple[float, float, float]]:
    """Return threshold, precision and recall of abstaining below it."""
    unanswerable = sum(not r["answerable"] for r in rows)
    points = []
    for threshold in (0.05 * k for k in range(1, 20)):
        silent = [r for r in rows if r["confidence"] < threshold]
        if silent and unanswerable:
            hits = sum(not r["answerable"] for r in silent)
            points.append((threshold, hits / len(silent), hits / unanswerable))
    return points


def counted(name: str, hits: int, count: int) -> str:
    """Return a share as its counts, with Wilson's 95% interval."""
    if not count:
        return f"{name}: 0 of 0"
    low, high = wilson(hits, count)
    return f"{name}: {hits} of {count} ({hits / count:.2f}; {low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
