"""Speed of reading a prompt and of writing, against llama.cpp on the same file and on requantized ones.

    python benchmarks/generation.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf

The file is compiled afresh. Five comparisons: the same file on both sides; ragedge on that file against
llama.cpp on Q8_0 and Q4_0 files that its own quantizer makes of it; and those two files on both sides.
Both engines run in one process, in turn, the same tokens in each round; a pause lets the threads of the
one stop spinning before the other starts. llama.cpp runs with the fastest of its settings, found by a sweep
for reading and for writing apart. Medians over the rounds; ratios are of rounds paired, so that a busy
machine slows both sides.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from llama_peer import FTYPE, LlamaContext, LlamaModel, Settings, quantize, sweep, time_once

from ragedge.models.compile.gguf_decoder import compile_gguf
from ragedge.runtime.cpu_backend import create
from ragedge.runtime.decoder import Decoder

TEXT = (
    "The coolant reservoir stands on the right side of the engine compartment. Check the level when the "
    "engine is cold: it must be between the MIN and MAX marks. If it is low, add a mixture of equal parts "
    "of coolant and distilled water. Never open the cap while the engine is hot. "
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=Path, required=True, help="the file that the model was compiled from")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt-tokens", type=int, default=256)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--chunk-tokens", type=int, default=256)
    parser.add_argument("--same-file-only", action="store_true", help="leave the requantized files out")
    parser.add_argument(
        "--no-sweep", action="store_true", help="llama.cpp with one thread per core and flash off"
    )
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "ragedge-bench")
    parser.add_argument("--json", type=Path, help="write the result here")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)

    result = {"new_tokens": args.new_tokens, "threads": args.threads, "peers": {}}
    decoder, ids = compiled(args.gguf, args)
    result["prompt_tokens"] = len(ids)
    pairs = [("same file", decoder, args.gguf)]
    if not args.same_file_only:
        made = {
            kind: quantize(args.gguf, args.work / f"{args.gguf.stem}.{kind}.gguf", kind) for kind in FTYPE
        }
        pairs += [(f"against its {kind}", decoder, path) for kind, path in made.items()]
        pairs += [(f"{kind} on both sides", None, path) for kind, path in made.items()]
    for label, mine, path in pairs:
        row = compare(mine or compiled(path, args)[0], LlamaModel(path), ids, args)
        result["peers"][label] = row
        print(f"{label} ({path.name})")
        for stage, figures in row.items():
            print(
                f"  {stage:22s}  ragedge {figures['ragedge']:7.1f} tok/s  llama.cpp {figures['llama_cpp']:7.1f}"
                f"  ratio {figures['ratio']:.2f}  ({figures['settings']})",
                flush=True,
            )
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


class DecoderEngine:
    """The decoder, in the shape that ``time_once`` drives.

    The generator reads two rows a step at least, the second one a guess (docs/decisions/031); here it is always wrong.
    """

    def __init__(self, decoder: Decoder, rows: int) -> None:
        self.reset = decoder.reset
        self._decoder = decoder
        self._rows = rows

    def extend(self, ids: list[int]):
        if len(ids) > 1 or self._rows == 1:
            return self._decoder.extend(ids)[0]
        logits = self._decoder.extend(ids * self._rows, "all")[0]
        self._decoder.truncate(self._decoder.length - self._rows + 1)
        return logits


def compiled(gguf: Path, args: argparse.Namespace) -> tuple[Decoder, list[int]]:
    """Compile a file and open it; return the decoder, and the first tokens of a text long enough."""
    from tokenizers import Tokenizer

    with tempfile.TemporaryDirectory(dir=args.work) as folder:  # its pages stay mapped after it is removed
        facts = compile_gguf(gguf, Path(folder)).facts
        tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        ids = tokenizer.encode(TEXT * (1 + args.prompt_tokens // 20), add_special_tokens=False).ids
        decoder = Decoder.open(
            Path(folder),
            facts,
            create({}),
            threads=args.threads,
            capacity=1024,
            chunk_tokens=args.chunk_tokens,
        )
    return decoder, ids[: args.prompt_tokens]


def compare(decoder: Decoder, model: LlamaModel, ids: list[int], args: argparse.Namespace) -> dict:
    """Time both engines in turn and return medians, the paired ratio and the peer's settings."""
    new = args.new_tokens
    plain = Settings(max(512, len(ids)), 512, 0, args.threads)
    reading, writing = (plain, plain) if args.no_sweep else sweep(model, ids, min(new, 32), args.threads)
    peers = {"prefill": LlamaContext(model, reading), "decode": LlamaContext(model, writing)}
    times: dict[str, list[tuple[float, float]]] = {"prefill": [], "decode": [], "decode, one row a step": []}
    for number in range(args.rounds + 1):
        ours = []
        for rows in (2, 1):
            time.sleep(0.05)
            ours.append(time_once(DecoderEngine(decoder, rows), ids, new))
        time.sleep(0.05)
        read = time_once(peers["prefill"], ids, new)[0]
        time.sleep(0.05)
        wrote = time_once(peers["decode"], ids, new)[1]
        if number:  # the first round warms both up
            times["prefill"].append((ours[0][0], read))
            times["decode"].append((ours[0][1], wrote))
            times["decode, one row a step"].append((ours[1][1], wrote))
    for peer in peers.values():
        peer.close()
    counts = {"prefill": len(ids), "decode": new, "decode, one row a step": new}
    settings = {"prefill": reading, "decode": writing, "decode, one row a step": writing}
    return {
        stage: {
            "ragedge": counts[stage] / statistics.median(ours for ours, _ in pairs),
            "llama_cpp": counts[stage] / statistics.median(theirs for _, theirs in pairs),
            "ratio": statistics.median(theirs / ours for ours, theirs in pairs),
            "settings": asdict(settings[stage]),
        }
        for stage, pairs in times.items()
    }


if __name__ == "__main__":
    main()
