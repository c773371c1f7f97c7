"""A conversation that goes on in a new process: what was read is loaded, against reading it anew.

    python benchmarks/session.py --prompt-tokens 400

The same prompt each time: one process saves it after the answer's first tokens; then, in turn, a fresh process loads
the file and goes on, and another reads the prompt and the answer so far anew. Both are timed from the request (model
loaded) to the first new token; the tokens that follow must be the same. Medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TEXT = (
    "The coolant reservoir stands on the right side of the engine compartment. Check the level when the engine is "
    "cold: it must be between the MIN and MAX marks. If it is low, add a mixture of equal parts of coolant and water. "
)
CHILD = """
import json, sys, time
from pathlib import Path
import ragedge
from ragedge import plugins
from ragedge.datatypes import GenerationOptions, Message
request = json.loads(sys.argv[1])
generator = plugins.create("generator", "onnx", {"context_window": 1024, "threads": request["threads"]})
warm = list(generator.generate([Message("user", "Warm up with a few words of no meaning.")], GenerationOptions(4)))
generator.forget()
prompt, options = [Message("user", request["text"])], GenerationOptions(request["before"] + request["after"])
path = Path(request["file"])
if request["do"] == "save":
    generation = generator.generate(prompt, options)
    while generation.stats.new_tokens < request["before"]:
        next(generation)
    path.write_bytes(generator.save(generation))
    print(json.dumps({"prompt_tokens": generation.stats.prompt_tokens, "bytes": path.stat().st_size}))
    sys.exit()
data = path.read_bytes() if request["do"] == "load" else b""
started = time.perf_counter()
if request["do"] == "load":
    data = path.read_bytes()
    generation = generator.resume(data)
    first = next(generation)
    spent = time.perf_counter() - started
else:
    generation = generator.generate(prompt, options)
    generation.go_on(request["written"], None)
    first = next(generation)
    spent = time.perf_counter() - started
list(generation)
written = generation.tokens[generation.stats.prompt_tokens :]
print(json.dumps({"first_ms": 1000 * spent, "written": written}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompt-tokens", type=int, default=400)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--before", type=int, default=8, help="tokens written before it is saved")
    parser.add_argument("--after", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        request = {
            "threads": args.threads,
            "before": args.before,
            "after": args.after,
            "text": (TEXT * (1 + args.prompt_tokens // 40))[: int(args.prompt_tokens * 4.6)],
            "file": str(Path(folder) / "saved"),
        }
        saved = child(request | {"do": "save"})
        rows = []
        for _ in range(args.rounds):
            loaded = child(request | {"do": "load"})
            anew = child(request | {"do": "anew", "written": loaded["written"][: args.before]})
            rows.append((loaded, anew))
    print(
        json.dumps(
            saved
            | {
                "same_tokens": all(loaded["written"] == anew["written"] for loaded, anew in rows),
                "loaded_ms": statistics.median(loaded["first_ms"] for loaded, _ in rows),
                "anew_ms": statistics.median(anew["first_ms"] for _, anew in rows),
                "times_faster": statistics.median(
                    anew["first_ms"] / loaded["first_ms"] for loaded, anew in rows
                ),
            }
        )
    )


def child(request: dict) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(request)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
