"""Prompt lookup against plain greedy decoding: the same answers, in less time.

    python benchmarks/prompt_lookup.py --kb KB --questions examples/automotive_manual/qa.jsonl

For each question the prompt that `ask` would make is answered twice in turn, with tokens looked up in the text and
without. Printed: on how many answers the texts are equal, the paired ratio of tokens a second, and for scale the rate
of a loop that reads one token at a time, whose rounding is another (docs/decisions/031).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import ragedge
from ragedge.datatypes import GenerationOptions
from ragedge.generate.evidence import find_evidence
from ragedge.generate.prompt import build_prompt
from ragedge.generate.question import read_question


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kb", type=Path, required=True)
    parser.add_argument("--questions", type=Path, nargs="+", required=True)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--fill", choices=("evidence", "passages"), default="evidence")
    parser.add_argument("--limit", type=int, default=200)
    args = parser.parse_args()
    asked = [
        json.loads(line)["question"]
        for path in args.questions
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    with ragedge.open(args.kb) as kb:
        generator = kb._parts.generator_loading().result()
        rows = []
        for question in asked[: args.limit]:
            findings = find_evidence(read_question(question), kb.search(question))
            prompt = build_prompt(findings, generator.count_tokens, 400, fill=args.fill)
            if prompt is None:
                continue
            row = {"tokens": 0}
            order = (8, 0) if len(rows) % 2 else (0, 8)
            for most in order:
                options = GenerationOptions(max_new_tokens=args.new_tokens, lookup_tokens=most)
                run = generator.generate(prompt.messages, options)
                text = "".join(run)
                spent = max(run.stats.decode_ms, 1e-9)
                row |= {f"text{most}": text, f"ms{most}": spent / max(1, run.stats.new_tokens - 1)}
                row["tokens"] = run.stats.new_tokens
                row[f"kept{most}"] = run.stats.kept_tokens
            row["ms1"] = one_by_one(generator, row["tokens"])
            if row["tokens"] > 4:
                rows.append(row)
            if len(rows) % 20 == 0:
                report(rows)
        report(rows)


def one_by_one(generator, count: int) -> float:
    """Return the milliseconds a token of a loop that reads one at a time, after what the decoder holds."""
    decoder = generator._decoder
    length = decoder.length
    count = min(count, 8, decoder.capacity - length)
    started = time.perf_counter()
    token = decoder.tokens[-1]
    for _ in range(count):
        token = int(decoder.extend([token])[0].argmax())
    spent = 1000 * (time.perf_counter() - started) / max(1, count)
    decoder.truncate(length)
    return spent


def report(rows: list[dict]) -> None:
    if not rows:
        return
    equal = sum(row["text0"] == row["text8"] for row in rows)
    print(
        json.dumps(
            {
                "answers": len(rows),
                "equal": equal,
                "tokens": sum(row["tokens"] for row in rows),
                "kept_share": sum(row["kept8"] for row in rows) / sum(row["tokens"] for row in rows),
                "speedup_median": statistics.median(row["ms0"] / row["ms8"] for row in rows),
                "speedup_total": sum(r["ms0"] * r["tokens"] for r in rows)
                / sum(r["ms8"] * r["tokens"] for r in rows),
                "against_one_row_median": statistics.median(row["ms1"] / row["ms8"] for row in rows),
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
