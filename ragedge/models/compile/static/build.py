"""Writes the static graphs of one installed model over one file of weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.models.compile.static.decoder import chunk_feed, decoder_graph, group_count
from ragedge.models.compile.static.encoder import MASKED, encoder_graph
from ragedge.models.compile.static.graph import StaticGraph
from ragedge.models.compile.static.installed import InstalledWeights
from ragedge.models.compile.static.ranges import value_ranges
from ragedge.models.compile.static.steps import Range, Scheme, share_ranges, steps_of
from ragedge.models.compile.static.weight_file import WeightFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.models.store import ModelFolder

DECODER_CHUNKS = (64, 1)
DECODER_CONTEXT = 512
CALIBRATION_TOKENS = 160
DECODER_TEXTS = 12

Built = tuple[str, int, int]
"""A graph's file, its length in tokens and its operators."""


def encoder(
    folder: ModelFolder,
    scheme: Scheme,
    texts: Sequence[str],
    lengths: Sequence[int],
    weights_path: Path,
    *,
    threads: int,
) -> list[Built]:
    """Write an encoder at each length that its positions allow.

    Ranges are found at the longest and hold for all: a value has the same name in each, and so the same steps.
    """
    facts = folder.manifest.encoder
    assert facts is not None
    weights = InstalledWeights(folder.path)
    most = facts.max_tokens + 2
    possible = sorted({min(length, most) for length in lengths})
    graphs = {length: encoder_graph(weights, facts, length) for length in possible}
    ranges: dict[str, Range] = {}
    if scheme != "float":
        longest = graphs[possible[-1]]
        feeds = _encoder_feeds(folder.path / "tokenizer.json", texts, possible[-1], facts.passage_prefix)
        ranges = value_ranges(longest, feeds, threads=threads)
    return _write_all(graphs, scheme, ranges, weights_path)


def decoder(
    folder: ModelFolder, scheme: Scheme, texts: Sequence[str], weights_path: Path, *, threads: int
) -> list[Built]:
    """Write a decoder's graphs for reading a prompt and for writing, over one file of weights.

    Ranges are found on whole passages, read as one chunk: a value has the same name in every graph.
    """
    facts = folder.manifest.decoder
    assert facts is not None
    weights = InstalledWeights(folder.path)
    pool: dict[str, NDArray[Any]] = {}
    context = min(DECODER_CONTEXT, facts.context_length)
    graphs = {
        chunk: decoder_graph(weights, facts, chunk=chunk, context=context, pool=pool)
        for chunk in DECODER_CHUNKS
    }
    ranges: dict[str, Range] = {}
    if scheme != "float":
        length = min(CALIBRATION_TOKENS, context)
        whole = decoder_graph(weights, facts, chunk=length - 1, context=length, pool=pool)
        feeds = _decoder_feeds(folder, texts[:DECODER_TEXTS], length, group_count(weights))
        ranges = value_ranges(whole, feeds, threads=threads)
    return _write_all(graphs, scheme, ranges, weights_path)


def _decoder_feeds(
    folder: ModelFolder, texts: Sequence[str], length: int, groups: int
) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Read each text as it stands and as a user's turn, in the model's own template."""
    from tokenizers import Tokenizer

    from ragedge.datatypes import Message
    from ragedge.models.chat_template import ChatTemplate

    facts = folder.manifest.decoder
    assert facts is not None
    tokenizer = Tokenizer.from_file(str(folder.path / "tokenizer.json"))
    template = ChatTemplate((folder.path / "chat_template.jinja").read_text("utf-8"))
    for place, text in enumerate(texts):
        shown = template.render([Message("user", text)]) if place % 2 else text
        ids = tokenizer.encode(shown, add_special_tokens=False).ids[: length - 1]
        if ids:
            feed: dict[str, NDArray[Any]] = dict(
                chunk_feed(ids, 0, chunk=length - 1, context=length, groups=groups)
            )
            for layer in range(facts.layers):
                feed[f"past.{layer}.key"] = np.zeros((1, facts.kv_heads, facts.head_dim, 1), np.float32)
                feed[f"past.{layer}.value"] = np.zeros((1, facts.kv_heads, 1, facts.head_dim), np.float32)
            yield feed


def encoder_feed(ids: Sequence[int], length: int) -> dict[str, NDArray[Any]]:
    """Return the inputs of an encoder for one text's ids, padded to its length."""
    input_ids = np.zeros((1, length), np.int32)
    input_ids[0, : len(ids)] = ids
    mask = np.full((1, 1, 1, length), MASKED, np.float32)
    mask[..., : len(ids)] = 0
    return {"input_ids": input_ids, "mask": mask}


def _encoder_feeds(
    tokenizer_path: Path, texts: Sequence[str], length: int, prefix: str
) -> Iterator[Mapping[str, NDArray[Any]]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    for text in texts:
        ids = tokenizer.encode(prefix + text).ids
        yield encoder_feed(ids if len(ids) <= length else [*ids[: length - 1], ids[-1]], length)


def _write_all(
    graphs: Mapping[int, StaticGraph], scheme: Scheme, ranges: Mapping[str, Range], weights_path: Path
) -> list[Built]:
    """Write graphs over one file of weights."""
    built = []
    with WeightFile(weights_path) as file:
        for length, graph in graphs.items():
            name = f"{graph.name}.onnx"
            steps = None
            if scheme != "float":
                known = {**ranges, **graph.constant_ranges()}
                needed = {*graph.values(), *graph.constant_ranges()}
                tied = [pair for pair in graph.tied() if needed.issuperset(pair)]
                shared = share_ranges({key: known[key] for key in known if key in needed}, tied)
                steps = {key: steps_of(seen, scheme) for key, seen in shared.items()}
            graph.write(weights_path.with_name(name), file, scheme=scheme, steps=steps)
            built.append((name, length, graph.nodes))
    return built
