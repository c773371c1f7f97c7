"""How close a compiled decoder and llama.cpp each come to the dequantized weights in float32.

    python benchmarks/decoder_accuracy.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf
    python benchmarks/decoder_accuracy.py --gguf gemma-3-270m-q4_k_m.gguf --windows 8 --window 250

The float32 decoder is plain numpy over the weights as the ``gguf`` package dequantizes them. All three read
the same windows of WikiText-2, each window by itself. Cosine: mean over positions of the logits' cosine with
float32's. Agreement: share of positions whose most likely token is float32's. Perplexity: over the next token.
With ``--requantize`` the file is also turned into Q8_0 and Q4_0 by llama.cpp's own quantizer first.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "tools"))
from graph_driver import GraphDriver, cosines
from reference_decoder import ReferenceDecoder

from ragedge.models.compile.gguf_decoder import compile_gguf

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "lm" / "wikitext2.test.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--text", type=Path, default=DATA)
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--window", type=int, default=250, help="tokens in each")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--requantize", action="store_true", help="also Q8_0 and Q4_0 made from the file")
    parser.add_argument("--no-peer", action="store_true", help="leave llama.cpp out")
    parser.add_argument("--json", type=Path, help="write the result here")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as work:
        files = {args.gguf.name: args.gguf}
        if args.requantize:
            from llama_peer import quantize

            for kind in ("Q8_0", "Q4_0"):
                files[kind] = Path(work) / f"{kind}.gguf"
                quantize(args.gguf, files[kind], kind)
        for label, path in files.items():
            rows += compare(label, path, Path(work) / f"compiled-{len(rows)}", args)
    print(f"{'file':38} {'engine':10} {'cosine':>8} {'lowest':>8} {'agree':>12} {'perplexity':>11}")
    for row in rows:
        cosine, lowest = f"{row['cosine_mean']:.5f}", f"{row['cosine_min']:.4f}"
        agree = f"{row['agree']}/{row['positions']}"
        print(
            f"{row['file'][:38]:38} {row['engine']:10} {cosine:>8} {lowest:>8} {agree:>12} {row['perplexity']:11.4f}"
        )
        if ratio := row.get("perplexity_ratio_to_llama_cpp"):
            print(
                f"    perplexity / llama.cpp's: {ratio['value']:.4f} [{ratio['low']:.4f}, {ratio['high']:.4f}]"
            )
    if args.json:
        args.json.write_text(json.dumps({"schema": 1, "rows": rows}, indent=1) + "\n", encoding="utf-8")


def compare(label: str, path: Path, folder: Path, args: argparse.Namespace) -> list[dict]:
    """Measure one file; a row for each engine."""
    folder.mkdir()
    compiled = compile_gguf(path, folder)
    windows = token_windows(folder, args, compiled.facts)
    engines = {"ragedge": GraphDriver(folder, args.threads).logits}
    if not args.no_peer:
        engines["llama.cpp"] = llama_logits(path, args)
    reference = ReferenceDecoder(path)
    found = {name: {"cosine": [], "agree": 0, "nll": []} for name in ("float32", *engines)}
    for number, ids in enumerate(windows):
        exact = reference.logits(ids)
        for name, engine in {"float32": lambda _, exact=exact: exact, **engines}.items():
            logits = engine(ids)
            entry = found[name]
            entry["cosine"].append(cosines(logits, exact))
            entry["agree"] += int((logits.argmax(1) == exact.argmax(1)).sum())
            entry["nll"].append(negative_log_likelihood(logits[:-1], ids[1:]))
        print(f"{label}: window {number + 1} of {len(windows)}", file=sys.stderr)
    losses = {name: np.concatenate(entry["nll"]) for name, entry in found.items()}
    return [
        {
            "file": label,
            "engine": name,
            "quantization": compiled.quantization if name == "ragedge" else "",
            "positions": sum(map(len, windows)),
            "cosine_mean": float(np.concatenate(entry["cosine"]).mean()),
            "cosine_min": float(np.concatenate(entry["cosine"]).min()),
            "agree": entry["agree"],
            "perplexity": float(np.exp(losses[name].mean())),
            **against_peer(name, losses),
        }
        for name, entry in found.items()
    ]


def token_windows(folder: Path, args: argparse.Namespace, facts) -> list[np.ndarray]:
    """Cut the text into windows, each beginning with the model's first token if it wants one."""
    from tokenizers import Tokenizer

    lead = [facts.bos_token_id] if facts.add_bos else []
    body = args.window - len(lead)
    text = args.text.read_text(encoding="utf-8")[: args.windows * args.window * 12]
    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    if len(ids) < args.windows * body:
        sys.exit(f"{args.text} holds {len(ids)} tokens; {args.windows * body} are wanted")
    return [np.array(lead + ids[i * body : (i + 1) * body]) for i in range(args.windows)]


def llama_logits(path: Path, args: argparse.Namespace):
    from llama_cpp import Llama

    model = Llama(
        str(path), n_ctx=args.window, n_batch=args.window, n_ubatch=args.window, n_threads=args.threads,
        n_threads_batch=args.threads, logits_all=True, verbose=False,
    )  # fmt: skip

    def logits(ids: np.ndarray) -> np.ndarray:
        model.reset()
        model.eval(ids.tolist())
        return model.scores[: len(ids)].copy()

    return logits


def against_peer(name: str, losses: dict[str, np.ndarray]) -> dict:
    """Ratio of our perplexity to llama.cpp's with its 95% interval, the positions paired."""
    if name != "ragedge" or "llama.cpp" not in losses:
        return {}
    difference = losses["ragedge"] - losses["llama.cpp"]
    half = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
    value, low, high = (float(np.exp(difference.mean() + shift)) for shift in (0, -half, half))
    return {"perplexity_ratio_to_llama_cpp": {"value": value, "low": low, "high": high}}


def negative_log_likelihood(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    highest = logits.max(1)
    total = np.log(np.exp(logits - highest[:, None]).sum(1)) + highest
    return total - logits[np.arange(len(targets)), targets]


if __name__ == "__main__":
    main()
