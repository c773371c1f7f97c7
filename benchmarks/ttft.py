"""Time to the first token of `ask` in a warm process, against llama.cpp's bare prefill of the same prompt.

    PYTHONPATH=. python benchmarks/ttft.py --kb KB --gguf SmolLM2-135M-Instruct.Q4_1.gguf --questions QA.jsonl

Pairs of questions: the first as it comes, the second over the same passages (the same words in another order and one
more), so that most of the prompt is known. Retrieval, evidence, quotes and the prompt's reading are in ragedge's time;
llama.cpp only reads the tokens of the very prompt that ragedge made. Both run in one process, in turn; what was read
before is forgotten before each first question. Abstentions and questions that are answered without the model are left
out. Medians of paired ratios: at most 0.5 for a first question and 0.2 for a second one are wanted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

from llama_peer import LlamaContext, LlamaModel, Settings

import ragedge


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kb", type=Path, required=True)
    parser.add_argument("--gguf", type=Path, required=True, help="the file that the model was compiled from")
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--prompt-tokens", type=int, default=620)
    parser.add_argument("--fill", choices=("evidence", "passages"), default="passages")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--json", type=Path, help="write the rows here")
    args = parser.parse_args()
    asked = [json.loads(line)["question"] for line in args.questions.read_text(encoding="utf-8").splitlines()]
    settings = {"generate.prompt_tokens": args.prompt_tokens, "generate.prompt_fill": args.fill}
    peer = LlamaContext(LlamaModel(args.gguf), Settings(1024, 512, 1, args.threads), 1024)
    rows: dict[str, list[dict]] = {"first": [], "second": []}
    with ragedge.open(args.kb, settings=settings | {"runtime.threads": args.threads}) as kb:
        kb.ask(asked[0])
        for question in asked:
            kb._parts.forget_texts()
            first = timed(kb, peer, question)
            if first is None:
                continue
            second = timed(kb, peer, "Please tell me: " + question)
            rows["first"].append(first)
            if second is not None and second["kept"] >= 0.6:
                rows["second"].append(second)
            if len(rows["first"]) == args.pairs:
                break
    for name, found in rows.items():
        if found:
            middle = {key: round(statistics.median(row[key] for row in found), 3) for key in found[0]}
            print(json.dumps({"question": name, "count": len(found)} | middle), flush=True)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def timed(kb, peer: LlamaContext, question: str) -> dict | None:
    """Ask, then let the peer read the same prompt; None where the model had no part in the answer."""
    time.sleep(0.05)  # the other engine's threads stop spinning
    answer = kb.ask(question, max_new_tokens=16)
    times = answer.timings
    if answer.abstained or times.first_token_ms is None or times.prompt_tokens < 100:
        return None
    ids = kb._parts.generator_loading().result()._decoder.tokens[: times.prompt_tokens]
    time.sleep(0.05)
    peer.reset()
    started = time.perf_counter()
    peer.extend(ids)
    theirs = 1000 * (time.perf_counter() - started)
    return {
        "prompt_tokens": times.prompt_tokens,
        "kept": times.cached_tokens / times.prompt_tokens,
        "retrieve_ms": times.retrieve_ms,
        "ttft_ms": times.ttft_ms,
        "first_token_ms": times.first_token_ms,
        "llama_cpp_ms": theirs,
        "ttft_ratio": times.ttft_ms / theirs,
        "first_token_ratio": times.first_token_ms / theirs,
    }


if __name__ == "__main__":
    main()
