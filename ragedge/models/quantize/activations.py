"""What goes into each matrix of a decoder when it reads texts: the second moments of its inputs.

Of the texts nothing else is kept, and nothing is written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.runtime.cpu_backend import CpuBackend
from ragedge.runtime.session import Session, open_session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.models.manifest import DecoderFacts

    Float32 = NDArray[np.float32]

GRAPH_NAME = "model.onnx"


def token_windows(
    folder: Path, facts: DecoderFacts, texts: Sequence[str], *, window: int, most: int
) -> list[list[int]]:
    """Cut texts, end to end, into windows of tokens; each begins with the model's first token if it wants one.

    Args:
        folder: The model's, for its tokenizer.
        facts: How it is driven.
        texts: In order.
        window: Tokens in each; what is left over at the end is dropped unless it is all there is.
        most: Windows at most.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    lead = [facts.bos_token_id] if facts.add_bos and facts.bos_token_id is not None else []
    body = window - len(lead)
    ids: list[int] = []
    for text in texts:
        ids += tokenizer.encode(text + "\n\n", add_special_tokens=False).ids
        if len(ids) >= body * most:
            break
    windows = [lead + ids[start : start + body] for start in range(0, len(ids) - body + 1, body)][:most]
    return windows or ([lead + ids] if len(ids) > 1 else [])


def input_moments(
    folder: Path,
    facts: DecoderFacts,
    windows: Sequence[Sequence[int]],
    inputs: Sequence[str],
    *,
    threads: int,
) -> dict[str, Float32]:
    """Read the windows and return ``x.T @ x / rows`` of each input, (k, k).

    Args:
        folder: The model's.
        facts: How it is driven.
        windows: Token ids.
        inputs: Names of values in the graph whose last dimension is the matrix's columns.
        threads: Inside one operator.
    """
    session = open_session(folder / GRAPH_NAME, CpuBackend(), threads=threads, graph=_shown(folder, inputs))
    sums: dict[str, NDArray[Any]] = {}
    rows = 0
    for ids in windows:
        found = run_window(session, facts, ids, inputs)
        rows += len(ids)
        for name in inputs:
            values = found[name].reshape(len(ids), -1)
            sums[name] = sums.get(name, 0) + values.T @ values
    return {name: np.asarray(total / rows, np.float32) for name, total in sums.items()}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a value was while texts were read.

    Attributes:
        peaks: (k,), the greatest magnitude of each column.
        rows: (n, k), some of its rows, evenly spread over the texts.
    """

    peaks: Float32
    rows: Float32


def inputs_seen(
    folder: Path,
    facts: DecoderFacts,
    windows: Sequence[Sequence[int]],
    inputs: Sequence[str],
    *,
    rows: int,
    threads: int,
) -> dict[str, Seen]:
    """Read the windows and return what each input was.

    Args:
        folder: The model's.
        facts: How it is driven.
        windows: Token ids.
        inputs: Names of values in the graph.
        rows: To keep of each, about.
        threads: Inside one operator.
    """
    session = open_session(folder / GRAPH_NAME, CpuBackend(), threads=threads, graph=_shown(folder, inputs))
    every = max(1, sum(map(len, windows)) // rows)
    found: dict[str, Seen] = {}
    for ids in windows:
        for name, values in run_window(session, facts, ids, inputs).items():
            table = values.reshape(len(ids), -1)
            peaks, kept = np.abs(table).max(axis=0), table[::every]
            if name in found:
                peaks = np.maximum(found[name].peaks, peaks)
                kept = np.concatenate([found[name].rows, kept])
            found[name] = Seen(peaks, np.ascontiguousarray(kept))
    return found


def run_window(
    session: Session, facts: DecoderFacts, ids: Sequence[int], outputs: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Read a window from nothing, with the logits of every token."""
    count = len(ids)
    feed: dict[str, NDArray[Any]] = {
        "input_ids": np.array([ids], np.int64),
        "seqlens_k": np.array([count - 1], np.int32),
        "total_sequence_length": np.array(count, np.int32),
        "logit_positions": np.arange(count, dtype=np.int64),
    }
    empty = np.zeros((1, facts.kv_heads, count, facts.head_dim), np.float32)
    for layer in range(facts.layers):
        feed[f"past.{layer}.key"] = feed[f"past.{layer}.value"] = empty
    return session.run(feed, outputs)


def batches(inputs: Sequence[tuple[str, int]], most_bytes: int) -> Iterator[list[str]]:
    """Share inputs of known widths out so that their moments fit in memory together, one at least at a time."""
    batch: list[str] = []
    taken = 0
    for name, width in inputs:
        if batch and taken + 4 * width * width > most_bytes:
            yield batch
            batch, taken = [], 0
        batch.append(name)
        taken += 4 * width * width
    if batch:
        yield batch


def _shown(folder: Path, names: Sequence[str]) -> bytes:
    """Return the graph with further outputs."""
    import onnx

    model = onnx.load(folder / GRAPH_NAME, load_external_data=False)
    have = {one.name for one in model.graph.output}
    for name in names:
        if name not in have:
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return bytes(model.SerializeToString())
