"""Quality of answers: words of the expert, facts, pages, abstention, and numbers that nothing cited holds.

    python benchmarks/answers.py --qa ../shared/data/tv_manual/qa.jsonl --half first \\
        --documents ../shared/data/tv_manual/manual.md --work /tmp/ragedge-answers
    python benchmarks/answers.py --qa examples/automotive_manual/qa.jsonl \\
        --documents examples/automotive_manual/manual.pdf --generator none

Each line of the questions is an object with ``question``, ``answerable``, ``answer``, and where known
``facts``, ``source`` and ``pages``. Shares are printed as counts with their 95% interval (Wilson).
ROUGE-L is the F-measure over lower-case words and numbers, without stemming, as the rouge_score package has
it (tests/measure/test_answer_figures.py compares them).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import ragedge
from ragedge.datatypes import Answer
from ragedge.measure.answer_figures import calibration_error, holds, rouge_l, unsupported_numbers
from ragedge.measure.intervals import wilson


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--qa", type=Path, required=True)
    parser.add_argument("--documents", type=Path, nargs="*", default=[], help="ingested first")
    parser.add_argument("--work", type=Path, help="folder of the knowledge base; a temporary one by default")
    parser.add_argument("--half", choices=("first", "second", "all"), default="all")
    parser.add_argument("--every", type=int, default=1, help="take each n-th question")
    parser.add_argument("--generator", default="onnx", help="a plugin's name, or none")
    parser.add_argument("--json", type=Path, help="write one line a question here")
    args = parser.parse_args()

    questions = [
        json.loads(line) for line in args.qa.read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    middle = len(questions) // 2
    questions = {"first": questions[:middle], "second": questions[middle:], "all": questions}[args.half]
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.work or Path(scratch) / "kb"
        with ragedge.open(folder, create=True, settings={"generate.generator": args.generator}) as kb:
            if args.documents:
                kb.ingest(*map(str, args.documents))
            rows = [judge(item, kb.ask(item["question"])) for item in questions[:: args.every]]
    if args.json:
        args.json.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for line in report(rows):
        print(line)


def judge(item: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """Compare one answer with what is expected."""
    quoted = " ".join(s.text for s in answer.sentences if s.origin == "quote")
    pages = {c.page for c in answer.citations if not item.get("source") or c.source == item["source"]}
    top = answer.passages[0].text if answer.passages else ""
    return {
        "id": item.get("id"),
        "answerable": item.get("answerable", True),
        "abstained": answer.abstained,
        "confidence": answer.confidence,
        "model_sentence": any(s.origin == "model" for s in answer.sentences),
        "generated": answer.timings.new_tokens > 0,
        "rouge_top": rouge_l(item.get("answer") or "", top),
        "rouge_extractive": rouge_l(item.get("answer") or "", quoted or answer.text),
        "rouge_final": rouge_l(item.get("answer") or "", answer.text),
        "facts": holds(item["facts"], answer.text) if item.get("facts") else None,
        "facts_retrieved": holds(item["facts"], "\n".join(p.text for p in answer.passages))
        if item.get("facts")
        else None,
        "page": bool(pages & set(item["pages"])) if item.get("pages") else None,
        "unsupported": unsupported_numbers(answer),
        "ttft_ms": answer.timings.ttft_ms,
        "first_token_ms": answer.timings.first_token_ms,
    }


def report(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the figures, a line each."""
    yes = [r for r in rows if r["answerable"]]
    no = [r for r in rows if not r["answerable"]]
    lines = [f"{len(rows)} questions, {len(no)} of them unanswerable"]
    if yes:
        for name in ("top", "extractive", "final"):
            lines.append(f"ROUGE-L {name}: {statistics.mean(r[f'rouge_{name}'] for r in yes):.3f}")
        lines += _counted("every fact in the answer", [r["facts"] for r in yes])
        lines += _counted("every fact in the passages", [r["facts_retrieved"] for r in yes])
        lines += _counted(
            "page cited is right, of those answered", [r["page"] for r in yes if not r["abstained"]]
        )
    silent = [r for r in rows if r["abstained"]]
    lines += _counted("abstention precision", [not r["answerable"] for r in silent])
    lines += _counted("abstention recall", [r["abstained"] for r in no])
    lines += _counted("answers for which the model wrote", [r["generated"] for r in rows])
    lines += _counted("answers with a sentence of the model", [r["model_sentence"] for r in rows])
    lines.append(f"numbers that no citation holds: {sum(r['unsupported'] for r in rows)}")
    if no:
        lines.append(
            f"expected calibration error of confidence against answerable: {calibration_error(rows):.3f}"
        )
    times = [r["ttft_ms"] for r in rows if not r["abstained"]]
    if times:
        lines.append(f"time to first text, p50: {statistics.median(times):.0f} ms")
    return lines


def _counted(name: str, flags: Iterable[bool | None]) -> list[str]:
    known = [flag for flag in flags if flag is not None]
    if not known:
        return []
    low, high = wilson(sum(known), len(known))
    return [f"{name}: {sum(known)} of {len(known)} ({low:.0%} to {high:.0%})"]


if __name__ == "__main__":
    main()
