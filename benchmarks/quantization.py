"""Models that were made smaller, beside their source: WikiText-2 perplexity, divergence, bytes, speed and memory.

    ragedge models quantize smollm2-135m --scheme exact4 --head split --name smollm2-135m-q4 --texts passages.txt
    python benchmarks/quantization.py --source smollm2-135m --model smollm2-135m-q4

The models are installed beforehand, made with other texts than these. Perplexity ratios are of positions paired, with
95% intervals; `share` is of the weight file's bytes. Speed is measured in turns, a process each; ratios of medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path

from ragedge.measure.bench.quantization import compare
from ragedge.measure.bench.running import Asked, bench
from ragedge.models import store
from ragedge.runtime.threads import thread_count

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "lm" / "wikitext2.test.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default="smollm2-135m")
    parser.add_argument("--model", action="append", required=True, help="made of the source; repeatable")
    parser.add_argument("--text", type=Path, default=DATA)
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--window", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5, help="of speed, in turns; 0 for none")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the result here")
    args = parser.parse_args()
    threads = thread_count(args.threads)
    text = args.text.read_text(encoding="utf-8")[: args.windows * args.window * 12]
    found = compare(
        args.source,
        args.model,
        [text],
        windows=args.windows,
        window=args.window,
        threads=threads,
        speed=False,
    )
    rows = [
        row.as_dict()
        | {"weight_bytes": weights(row.model), "weight_share": weights(row.model) / weights(args.source)}
        for row in found
    ]
    if args.rounds:
        for row, figures in zip(
            rows, in_turns([args.source, *args.model], args.rounds, threads), strict=True
        ):
            row |= figures
    for row in rows:
        ratio = row["perplexity_ratio"]
        print(
            f"{row['model']:28} {row['weight_bytes'] / 1e6:7.1f} MB ({row['weight_share']:.1%})  perplexity "
            f"{row['perplexity']:.3f}, {ratio['value']:.4f} [{ratio['low']:.4f}, {ratio['high']:.4f}]  "
            f"KL {row['kl']:.4f}  same token {row['top1_agreement']:.1%} of {row['positions']}"
        )
        if args.rounds:
            print(
                f"    reads {row['prefill_ratio']:.2f} and writes {row['decode_ratio']:.2f} times as fast as the "
                f"source, {row['rss_mb']:.0f} MB at its peak"
            )
    if args.json:
        args.json.write_text(json.dumps({"schema": 1, "rows": rows}, indent=1) + "\n", encoding="utf-8")


def weights(model: str) -> int:
    return sum(path.stat().st_size for path in store.find(model).path.glob("*.onnx.data"))


def in_turns(models: list[str], rounds: int, threads: int) -> list[dict[str, float]]:
    """Measure one after another, again and again, so that a busy machine slows all of them."""
    seen: dict[str, list[dict]] = {name: [] for name in models}
    for _ in range(rounds):
        for name in models:
            asked = Asked(name, threads=threads, contexts=[256], prompts=[128], fill=False, rounds=2)
            seen[name].append(bench(asked)["rows"][0])
    source = seen[models[0]]
    figures = []
    for name in models:
        pairs = list(zip(seen[name], source, strict=True))
        figures.append(
            {
                "prefill_ratio": statistics.median(a["prefill_tok_s"] / b["prefill_tok_s"] for a, b in pairs),
                "decode_ratio": statistics.median(a["decode_tok_s"] / b["decode_tok_s"] for a, b in pairs),
                "tok_s": statistics.median(a["decode_tok_s"] for a, _ in pairs),
                "rss_mb": max(a["rss_mb"] for a, _ in pairs),
            }
        )
    return figures


if __name__ == "__main__":
    main()
