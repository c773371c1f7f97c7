"""Puts models made smaller beside their source: size, perplexity, distance, speed and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import ModelError
from ragedge.measure.bench.running import Asked, bench
from ragedge.models import store
from ragedge.models.progress import Progress, silent
from ragedge.models.quantize.activations import run_window, token_windows
from ragedge.runtime.cpu_backend import CpuBackend
from ragedge.runtime.decoder import GRAPH_NAME, PROMPT_GRAPH_NAME
from ragedge.runtime.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ragedge.models.store import ModelFolder

WINDOW = 256
_CONTEXT, _PROMPT, _NEW = 256, 128, 32
_ROWS = 256


@dataclass(frozen=True, slots=True)
class Compared:
    """One model beside the source.

    Attributes:
        model: Its name.
        quantization: In words.
        bytes: Of its files.
        share: Of the source's bytes.
        perplexity: On the texts; of the next token, over the positions of all windows.
        perplexity_ratio: To the source's, with its 95% interval, positions paired.
        kl: Mean divergence of its next-token distribution from the source's, in nats.
        top1_agreement: Share of positions with the source's likeliest token.
        positions: How many.
        ttft_ms: Of 128 tokens, the median.
        tok_s: Written.
        rss_mb: The peak at those.
    """

    model: str
    quantization: str
    bytes: int
    share: float
    perplexity: float
    perplexity_ratio: tuple[float, float, float]
    kl: float
    top1_agreement: float
    positions: int
    ttft_ms: float | None
    tok_s: float | None
    rss_mb: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as ``models quantize --report --json`` prints it."""
        value, low, high = self.perplexity_ratio
        return {**asdict(self), "perplexity_ratio": {"value": value, "low": low, "high": high}}


def compare(
    source: str,
    others: Sequence[str],
    texts: Sequence[str],
    *,
    windows: int,
    threads: int,
    window: int = WINDOW,
    speed: bool = True,
    progress: Progress = silent,
) -> list[Compared]:
    """Measure the source, then each model made of it, on texts that none of them was made with.

    Args:
        source: An installed generator.
        others: Made of it: same tokenizer, same shape.
        texts: Read in windows, each by itself.
        windows: How many at most.
        threads: For reading.
        window: Tokens in each.
        speed: Measure time and memory as well.
        progress: Told each stage.

    Raises:
        ModelError: the texts hold too little, or a model is not like the source.
    """
    folders = [store.find(name) for name in (source, *others)]
    facts = folders[0].manifest.decoder
    if facts is None or any(one.manifest.decoder != facts for one in folders):
        raise ModelError(
            f"only models of {source}'s own shape are compared with it", hint="ragedge models list"
        )
    ids = token_windows(folders[0].path, facts, texts, window=window, most=windows)
    if not ids:
        raise ModelError(
            "the texts hold no two tokens to compare models on", hint="give more with --texts FILE"
        )
    sessions = [open_session(_reader(one.path), CpuBackend(), threads=threads) for one in folders]
    losses: list[list[NDArray[np.float64]]] = [[] for _ in folders]
    apart: list[list[NDArray[np.float64]]] = [[] for _ in folders]
    same: list[list[NDArray[np.bool_]]] = [[] for _ in folders]
    for number, chosen in enumerate(ids):
        progress("reading", number, len(ids))
        source_logits = None
        for place, session in enumerate(sessions):
            logits = run_window(session, facts, chosen, ["logits"])["logits"]
            source_logits = logits if source_logits is None else source_logits
            for start in range(0, len(chosen), _ROWS):  # a distribution is wide: some rows at a time
                rows_of = slice(start, start + _ROWS)
                found, right = log_probabilities(logits[rows_of]), log_probabilities(source_logits[rows_of])
                following = chosen[start + 1 : start + 1 + _ROWS]
                losses[place].append(-found[np.arange(len(following)), following])
                apart[place].append((np.exp(right) * (right - found)).sum(axis=1))
                same[place].append(found.argmax(axis=1) == right.argmax(axis=1))
    del sessions
    rows = []
    for place, folder in enumerate(folders):
        times = _speed(folder, threads) if speed else (None, None, None)
        loss, expected = np.concatenate(losses[place]), np.concatenate(losses[0])
        rows.append(
            Compared(
                folder.manifest.name, folder.manifest.quantization, folder.size_bytes,
                folder.size_bytes / folders[0].size_bytes, float(np.exp(loss.mean())), _ratio(loss - expected),
                float(np.concatenate(apart[place]).mean()), float(np.concatenate(same[place]).mean()), len(loss),
                *times,
            )
        )  # fmt: skip
    return rows


def _reader(folder: Path) -> Path:
    """Return the graph that reads prompts: of two, the one that differs from the source's."""
    prompts = folder / PROMPT_GRAPH_NAME
    return prompts if prompts.is_file() else folder / GRAPH_NAME


def recommend(rows: Sequence[Compared], budget_bytes: int) -> Compared | None:
    """Return the model within a budget that is nearest to the source; None where none fits."""
    fitting = [one for one in rows if one.bytes <= budget_bytes]
    return min(fitting, key=lambda one: (one.kl, one.bytes), default=None)


def log_probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logarithm of each row's softmax, (rows, vocab)."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _ratio(difference: NDArray[np.float64]) -> tuple[float, float, float]:
    half = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else 0.0
    value, low, high = (float(np.exp(difference.mean() + shift)) for shift in (0, -half, half))
    return value, low, high


def _speed(folder: ModelFolder, threads: int) -> tuple[float, float, float | None]:
    asked = Asked(
        folder.manifest.name,
        threads=threads,
        contexts=[_CONTEXT],
        prompts=[_PROMPT],
        fill=False,
        new_tokens=_NEW,
    )
    row = bench(asked)["rows"][0]
    return row["ttft_ms"]["p50"], row["decode_tok_s"], row["rss_mb"]
