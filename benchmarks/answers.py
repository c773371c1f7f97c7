"""Quality of answers: words of the expert, facts, pages, abstention, and numbers that nothing cited holds.

    python benchmarks/answers.py --qa ../shared/data/tv_manual/qa.jsonl --half first \\
        --documents ../shared/data/tv_manual/manual.md --work /tmp/ragedge-answers
    python benchmarks/answers.py --qa examples/automotive_manual/qa.jsonl \\
        --documents examples/automotive_manual/manual.pdf --generator none

Each line of the questions is an object with ``question``, ``answerable``, ``answer``, and where known
``facts``, ``source`` and ``pages``. Shares are printed as counts with their 95% interval (Wilson).
ROUGE-L is the F-measure over lower-case words and numbers, without stemming, as the rouge_score package has
it (tests/tools/test_answer_metrics.py holds it to worked examples).
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import ragedge
from ragedge.datatypes import Answer
from ragedge.generate.terms import fold, numbers

_WORD = re.compile(r"[a-z0-9]+")


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


def rouge_l(expected: str, given: str) -> float:
    """Return ROUGE-L's F-measure (Lin 2004): longest common subsequence of words."""
    a, b = _WORD.findall(expected.lower()), _WORD.findall(given.lower())
    row = [0] * (len(b) + 1)
    for word in a:
        before = 0
        for j, other in enumerate(b, 1):
            before, row[j] = row[j], before + 1 if word == other else max(row[j], row[j - 1])
    common = row[-1]
    return 2 * common / (len(a) + len(b)) if common else 0.0


def holds(facts: Iterable[str], text: str) -> bool:
    """Whether a text holds every fact, in any spelling of spaces, dashes and case; numbers as whole numbers."""
    return all(_held(fact, text) for fact in facts)


def _held(fact: str, text: str) -> bool:
    given, wanted = (re.sub(r"(?<=\d),(?=\d{3})|[\s·•*-]+", "", fold(t)) for t in (text, fact))
    pattern = re.escape(wanted)
    if wanted[:1].isdigit():
        pattern = r"(?<![\d.])" + pattern
    if wanted[-1:].isdigit():
        pattern += r"(?!\.?\d)"
    return bool(re.search(pattern, given))


def unsupported_numbers(answer: Answer) -> int:
    """Count the numbers of an answer that stand in none of their sentence's citations."""
    count = 0
    for sentence in answer.sentences:
        cited = "\n".join(answer.citations[i].quote for i in sentence.citations)
        contexts = "\n".join(
            p.context for p in answer.passages if any(q in p.text for q in cited.splitlines())
        )
        count += len(numbers(sentence.text) - numbers(f"{cited}\n{contexts}"))
    return count


def calibration_error(rows: Sequence[dict[str, Any]], bins: int = 10) -> float:
    """Return the mean distance of confidence from the share answerable, over bins of equal width."""
    total = 0.0
    for k in range(bins):
        inside = [r for r in rows if min(int(r["confidence"] * bins), bins - 1) == k]
        if inside:
            gap = statistics.mean(r["confidence"] for r in inside) - statistics.mean(
                r["answerable"] for r in inside
            )
            total += abs(gap) * len(inside) / len(rows)
    return total


def interval(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's 95% interval of a share."""
    share = hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def _counted(name: str, flags: Iterable[bool | None]) -> list[str]:
    known = [flag for flag in flags if flag is not None]
    if not known:
        return []
    low, high = interval(sum(known), len(known))
    return [f"{name}: {sum(known)} of {len(known)} ({low:.0%} to {high:.0%})"]


if __name__ == "__main__":
    main()
