"""Time to the first token of `ragedge ask` in a cold process, against llama.cpp in one that only prefills.

    python benchmarks/cold_ask.py --kb KB --gguf SmolLM2-135M-Instruct.Q4_1.gguf "question" ["question" ...]

Both are timed from the moment their process is started. ragedge: imports, opening the knowledge base,
loading both models, retrieval, and reading the prompt; the moment of its first token follows from when its
JSON arrives, less the rest of the answer by its own clock. The peer: imports llama_cpp, loads the GGUF that
the model was compiled from and reads a prompt of as many tokens, taken from the same passages; no retrieval.
An answer that is quoted outright has no token: its first text counts, against a peer that reads
``--prompt-tokens``; such runs are marked and summed up apart. The files are in the page cache for both.
Both run from bytecode, as installed packages do: the first round, which is not counted, writes it to a
temporary folder. Peak memory is the kernel's count for each process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from llama_peer import LlamaContext, LlamaModel, Settings
import llama_cpp
request = json.loads(sys.argv[2])
model = LlamaModel(Path(request["gguf"]))
context = LlamaContext(model, Settings(512, 512, 1, request["threads"]))
text = request["text"].encode()
ids = (llama_cpp.llama_token * 8192)()
vocab = llama_cpp.llama_model_get_vocab(model.native)
count = llama_cpp.llama_tokenize(vocab, text, len(text), ids, 8192, False, True)
wanted = request["tokens"]
assert count >= wanted, (count, wanted)
print(int(context.extend(list(ids[:wanted])).argmax()), flush=True)
"""

BYTECODE = tempfile.TemporaryDirectory(prefix="ragedge-bytecode-")
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT["PYTHONPYCACHEPREFIX"] = BYTECODE.name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("questions", nargs="+")
    parser.add_argument("--kb", type=Path, required=True)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--prompt-tokens", type=int, default=300, help="for the peer, where ragedge only quotes"
    )
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter that has llama_cpp")
    parser.add_argument("--json", type=Path, help="write the result here")
    args = parser.parse_args()

    runs: dict[str, list[dict]] = {"generated": [], "quoted": []}
    for number in range(args.rounds + 1):
        for question in args.questions:
            answer, arrived, peak = cold_ask(args.kb, question)
            timings = answer["timings"]
            generated = timings["first_token_ms"] is not None
            first_ms = timings["first_token_ms"] if generated else timings["ttft_ms"]
            first = arrived - (timings["total_ms"] - first_ms) / 1000
            tokens = timings["prompt_tokens"] if generated else args.prompt_tokens
            text = "\n".join(hit["text"] for hit in answer["passages"]) * 8
            peer, _, peer_peak = cold_peer(args, text, tokens)
            if not number:
                continue  # fills the page cache
            kind = "generated" if generated else "quoted"
            text_s = arrived - (timings["total_ms"] - timings["ttft_ms"]) / 1000
            run = {"ragedge_s": first, "llama_cpp_s": peer, "ratio": first / peer, "prompt_tokens": tokens}
            run |= {"first_text_s": text_s, "first_text_ratio": text_s / peer}
            runs[kind].append(run | {"peak_mb": peak, "peer_peak_mb": peer_peak})
            print(
                f"{kind:9s} ragedge {first:.3f} s  llama.cpp {peer:.3f} s ({tokens} tokens)  "
                f"ratio {first / peer:.2f}  peak {peak:.0f} / {peer_peak:.0f} MB",
                flush=True,
            )
    for kind, found in runs.items():
        if found:
            ours, theirs, ratio = (median(found, key) for key in ("ragedge_s", "llama_cpp_s", "ratio"))
            print(
                f"{kind}: first token of a cold process, median of {len(found)}: ragedge {ours:.3f} s, "
                f"llama.cpp {theirs:.3f} s, ratio {ratio:.2f}; peak memory {max(r['peak_mb'] for r in found):.0f} MB"
            )
            text, share = (median(found, key) for key in ("first_text_s", "first_text_ratio"))
            print(f"{kind}: first text that stays in the answer {text:.3f} s, ratio {share:.2f}")
    if args.json:
        args.json.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")


def median(runs: list[dict], key: str) -> float:
    return statistics.median(run[key] for run in runs)


def cold_ask(kb: Path, question: str) -> tuple[dict, float, float]:
    """Return the answer, the seconds until it arrived whole, and the process's peak memory in MB."""
    command = [sys.executable, "-m", "ragedge", "ask", question, "--kb", str(kb), "--json"]
    output, arrived, peak = timed(command)
    return json.loads(output), arrived, peak


def cold_peer(args: argparse.Namespace, text: str, tokens: int) -> tuple[float, bytes, float]:
    """Return the seconds until the peer's first token arrived, its output, and its peak memory in MB."""
    request = {"gguf": str(args.gguf), "threads": args.threads, "text": text, "tokens": tokens}
    here = str(Path(__file__).resolve().parent)
    output, arrived, peak = timed([args.peer_python, "-c", PEER, here, json.dumps(request)])
    return arrived, output, peak


def timed(command: list[str]) -> tuple[bytes, float, float]:
    """Run a command; return its output, the seconds until all of it had arrived, and its peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT)
    output, arrived = b"", 0.0
    while part := os.read(process.stdout.fileno(), 1 << 16):
        output += part
        arrived = time.perf_counter() - started  # not the end of the process: interpreters leave slowly
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        raise SystemExit(f"{command[0]} ... failed with {process.returncode}: {output[:500]!r}")
    return output, arrived, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
