"""The process that a model is measured in: one context, prompts from short to long, figures by pipe.

A process of its own, so that the peak of one context says nothing of another, and so that a limit on cores or
memory holds for what is measured alone.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import RagedgeError
from ragedge.measure.bench.energy import EnergyMeter
from ragedge.measure.bench.machine import Hold, temperature_c
from ragedge.measure.bench.memory import peak_bytes, resident_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from ragedge.runtime.decoder import Decoder
    from ragedge.runtime.static_decoder import StaticDecoder

    Send = Callable[[Mapping[str, Any]], None]

_WARM_UP_TOKENS = 16


def main() -> None:
    """Read what to measure from standard input, and write a JSON object a line to standard output."""
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # native code prints there

    def send(value: Mapping[str, Any]) -> None:
        results.write(json.dumps(value) + "\n")
        results.flush()

    from ragedge.privacy.egress import arm_process

    arm_process()
    try:
        measure(json.load(sys.stdin), send)
    except RagedgeError as exc:
        send({"failure": exc.as_dict()})
    except MemoryError:
        send({"failure": RagedgeError("out of memory", hint="a smaller model or context").as_dict()})


def measure(asked: Mapping[str, Any], send: Send) -> None:
    """Load the model, then measure each prompt; sends ``loaded`` once, then a row each, then ``sustained``."""
    hold = Hold(**asked["hold"])
    hold.take_on()
    started = time.perf_counter()
    decoder = open_decoder(asked)
    load_ms = (time.perf_counter() - started) * 1000
    send({"loaded": {"load_ms": load_ms, "loaded": resident_bytes(), "load_peak": peak_bytes(),
                     "context": decoder.capacity}})  # fmt: skip
    ids = np.random.default_rng(0).integers(0, decoder.facts.vocab_size, decoder.capacity).tolist()
    meter = EnergyMeter.find()
    prompts: Sequence[int] = sorted(asked["prompts"])
    for prompt in prompts:
        one_round(decoder, ids[: min(prompt, _WARM_UP_TOKENS)], 1)
        spent = meter.joules() if meter else 0.0
        rounds = [one_round(decoder, ids[:prompt], asked["new_tokens"]) for _ in range(asked["rounds"])]
        energy = (meter.joules() - spent) / len(rounds) if meter else None
        send(
            {
                "row": {
                    **summary(rounds, prompt, asked["new_tokens"]),
                    "peak": peak_bytes(),
                    "energy_j": energy,
                }
            }
        )
    if asked["minutes"]:
        send({"sustained": sustained(decoder, ids[: prompts[0]], asked)})
    if meter:
        meter.close()


def open_decoder(asked: Mapping[str, Any]) -> Decoder | StaticDecoder:
    """Open an installed generator as answering does, on the backend and in the context asked for."""
    from ragedge import plugins
    from ragedge.models import compiled, store
    from ragedge.runtime.decoder import Decoder

    folder = store.find(asked["model"])
    backend = plugins.create("backend", asked["backend"], asked["backend_options"])
    facts = folder.manifest.decoder
    assert facts is not None
    if backend.graph_profile != "dynamic":
        return compiled.open_decoder(folder, backend, threads=asked["threads"])
    return Decoder.open(folder.path, facts, backend, threads=asked["threads"], capacity=asked["context"])


def one_round(
    decoder: Decoder | StaticDecoder, ids: Sequence[int], new_tokens: int
) -> tuple[float, list[float]]:
    """Read a prompt and write greedily; returns the seconds to the first token and of each one after it.

    A step reads a second token, forgotten at once, as the generator's own steps do: a decoder never reads one alone.
    """
    decoder.truncate(0)
    started = time.perf_counter()
    token = int(decoder.extend(ids)[0].argmax())
    first = time.perf_counter() - started
    times = []
    for _ in range(new_tokens - 1):
        started = time.perf_counter()
        if decoder.length + 2 <= decoder.capacity:
            token = int(decoder.extend([token, token], "all")[0].argmax())
            decoder.truncate(decoder.length - 1)
        else:
            token = int(decoder.extend([token])[0].argmax())
        times.append(time.perf_counter() - started)
    return first, times


def summary(rounds: Sequence[tuple[float, list[float]]], prompt: int, new_tokens: int) -> dict[str, Any]:
    """Return the figures of some rounds over one prompt: medians, and the slow end."""
    first = np.array([one[0] for one in rounds]) * 1000
    steps = np.concatenate([one[1] for one in rounds]) * 1000
    ttft = {"p50": float(np.median(first)), "p95": float(np.percentile(first, 95))}
    each = {"p50": float(np.median(steps)), "p95": float(np.percentile(steps, 95))} if len(steps) else None
    return {
        "prompt_tokens": prompt,
        "new_tokens": new_tokens,
        "rounds": len(rounds),
        "ttft_ms": ttft,
        "prefill_tok_s": prompt / ttft["p50"] * 1000,
        "token_ms": each,
        "decode_tok_s": None if each is None else 1000 / float(steps.mean()),
    }


def sustained(
    decoder: Decoder | StaticDecoder, ids: Sequence[int], asked: Mapping[str, Any]
) -> dict[str, Any]:
    """Answer without a pause for some minutes, and compare the last quarter with the first."""
    warm = temperature_c()
    rates: list[float] = []
    firsts: list[float] = []
    until = time.perf_counter() + 60 * asked["minutes"]
    while time.perf_counter() < until or len(rates) < 4:
        first, times = one_round(decoder, ids, asked["new_tokens"])
        firsts.append(first * 1000)
        rates.append(len(times) / sum(times))
    quarter = len(rates) // 4
    early, late = float(np.median(rates[:quarter])), float(np.median(rates[-quarter:]))
    return {
        "minutes": asked["minutes"],
        "rounds": len(rates),
        "decode_tok_s": {"first": early, "last": late, "ratio": late / early},
        "ttft_ms": {"p50": float(np.median(firsts)), "p95": float(np.percentile(firsts, 95))},
        "temperature_c": {"start": warm, "end": temperature_c()},
    }


if __name__ == "__main__":
    main()
