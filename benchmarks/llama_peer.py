"""llama.cpp through its C API, as the peer that generation is measured against; never imported by ragedge."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import numpy as np

FTYPE = {"Q4_0": 2, "Q8_0": 7}  # enum llama_ftype in llama.h


@llama_cpp.llama_log_callback
def _silent(level, text, user_data):
    return None


llama_cpp.llama_log_set(_silent, ctypes.c_void_p(0))
llama_cpp.llama_backend_init()


@dataclass(frozen=True)
class Settings:
    """What the sweep varies. ``flash_attn`` is llama.cpp's own enum: -1 auto, 0 off, 1 on."""

    n_batch: int = 512
    n_ubatch: int = 512
    flash_attn: int = -1
    n_threads: int = 2


class LlamaModel:
    """A GGUF file, loaded once; contexts with various settings share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.native = llama_cpp.llama_model_load_from_file(
            os.fsencode(path), llama_cpp.llama_model_default_params()
        )
        if not self.native:
            raise SystemExit(f"llama.cpp could not load {path}")
        self.vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.native))


class LlamaContext:
    """One context: reads a prompt, then one token at a time."""

    def __init__(self, model: LlamaModel, settings: Settings, n_ctx: int = 1024) -> None:
        self.model, self.settings = model, settings
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch, params.n_ubatch = settings.n_batch, settings.n_ubatch
        params.n_threads = params.n_threads_batch = settings.n_threads
        params.flash_attn_type = settings.flash_attn
        params.no_perf = True
        self.native = llama_cpp.llama_init_from_model(model.native, params)
        if not self.native:
            raise SystemExit(f"llama.cpp refused {settings}")

    def reset(self) -> None:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.native), False)

    def extend(self, ids: list[int]) -> np.ndarray:
        """Read tokens and return the last one's logits, (vocab,), a view that the next call overwrites."""
        for start in range(0, len(ids), self.settings.n_batch):
            part = ids[start : start + self.settings.n_batch]
            tokens = (llama_cpp.llama_token * len(part))(*part)
            status = llama_cpp.llama_decode(self.native, llama_cpp.llama_batch_get_one(tokens, len(part)))
            if status:
                raise SystemExit(f"llama_decode returned {status}")
        logits = llama_cpp.llama_get_logits_ith(self.native, -1)
        return np.ctypeslib.as_array(logits, shape=(self.model.vocab,))

    def close(self) -> None:
        llama_cpp.llama_free(self.native)


def quantize(source: Path, target: Path, kind: str) -> Path:
    """Write source again as ``kind`` with llama.cpp's own quantizer; kept for the next run."""
    if not target.exists():
        params = llama_cpp.llama_model_quantize_default_params()
        params.ftype = FTYPE[kind]
        params.allow_requantize = True
        partial = target.with_suffix(".partial")
        status = llama_cpp.llama_model_quantize(
            os.fsencode(source), os.fsencode(partial), ctypes.byref(params)
        )
        if status:
            raise SystemExit(f"llama_model_quantize returned {status}")
        partial.replace(target)
    return target


def sweep(model: LlamaModel, ids: list[int], new: int, threads: int) -> tuple[Settings, Settings]:
    """Return the fastest settings for reading ids and the fastest for writing ``new`` tokens after it."""
    best: list[tuple[float, Settings]] = [(float("inf"), Settings())] * 2
    for ubatch in (128, 256, 512):
        for flash in (0, 1):
            settings = Settings(max(ubatch, len(ids)), ubatch, flash, threads)
            context = LlamaContext(model, settings)
            times = [time_once(context, ids, new) for _ in range(4)][1:]
            context.close()
            for at in (0, 1):
                best[at] = min(best[at], (min(t[at] for t in times), settings), key=lambda pair: pair[0])
    return best[0][1], best[1][1]


def time_once(engine, ids: list[int], new: int) -> tuple[float, float]:
    """Return the seconds that reading ids and writing ``new`` tokens greedily take; any engine."""
    engine.reset()
    started = time.perf_counter()
    token = int(np.argmax(engine.extend(ids)))
    read = time.perf_counter()
    for _ in range(new):
        token = int(np.argmax(engine.extend([token])))
    return read - started, time.perf_counter() - read
