"""Compares a decoder's static graphs on two backends, token by token of a given text (teacher-forced)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from ragedge.measure.parity import REFERENCE_ENTRIES, Parity, opened
from ragedge.models import compiled
from ragedge.models.compile.static.build import DECODER_CONTEXT
from ragedge.models.compile.static.decoder import chunk_feed, group_count
from ragedge.models.compile.static.installed import InstalledWeights
from ragedge.runtime.cpu_backend import CpuBackend
from ragedge.runtime.decoder import Decoder
from ragedge.runtime.session import open_session
from ragedge.runtime.static_decoder import StaticDecoder

if TYPE_CHECKING:
    from ragedge.models.compiled import StaticModel
    from ragedge.models.store import ModelFolder
    from ragedge.protocols import Backend, Float32
    from ragedge.runtime.session import Session


def decoder_parity(
    folder: ModelFolder,
    static: StaticModel,
    backend: Backend,
    texts: Sequence[str],
    *,
    positions: int,
    threads: int,
    target: str | None = None,
) -> list[Parity]:
    """Run both graphs of a generator, the one that reads and the one that writes, over the same tokens.

    Args:
        folder: The installed model.
        static: Its static graphs.
        backend: What is compared.
        texts: Read one after another until there are tokens enough.
        positions: How many tokens, at most the graphs' context.
        threads: For the processor's runs.
        target: The chip to run as.

    Returns:
        A comparison for each graph; in ``texts`` stand the positions.

    Raises:
        ProviderUnavailableError: the backend cannot load a graph at all.
    """
    facts = folder.manifest.decoder
    assert facts is not None
    context = min(DECODER_CONTEXT, facts.context_length)
    ids = _tokens(folder, texts, min(positions, context - 1))
    groups = group_count(InstalledWeights(folder.path))
    installed = Decoder.open(folder.path, facts, CpuBackend(), threads=threads, capacity=context)
    usual = installed.extend(ids, "all")
    installed.close()

    def logits_of(sessions: Mapping[int, Session]) -> tuple[Float32, float]:
        decoder = StaticDecoder(
            sessions,
            facts,
            context,
            lambda taken, held, chunk: chunk_feed(taken, held, chunk=chunk, context=context, groups=groups),
            facts.layers,
        )
        started = time.perf_counter()
        rows = decoder.extend(ids, "all")
        return rows, (time.perf_counter() - started) / -(-len(ids) // next(iter(sessions)))

    found = []
    for graph in static.record.graphs:
        path = static.graph(graph)
        started = time.perf_counter()
        placement, session = opened(path, backend, threads=threads, target=target)
        load_seconds = time.perf_counter() - started
        tested, seconds = logits_of({graph.length: session})
        del session
        reference = open_session(path, CpuBackend(), threads=threads, entries=REFERENCE_ENTRIES)
        expected, _ = logits_of({graph.length: reference})
        del reference
        cosines, same = cosine_rows(tested, expected), tested.argmax(axis=1) == expected.argmax(axis=1)
        found.append(
            Parity(
                model=folder.manifest.name,
                graph=graph.file,
                compiled=compiled.find_compiled(static, graph, backend, target) is not None,
                nodes=placement.nodes,
                nodes_on_backend=placement.on_provider,
                elsewhere=tuple(asdict(node) for node in placement.elsewhere),
                texts=len(ids),
                cosine_mean=float(cosines.mean()),
                cosine_min=float(cosines.min()),
                top1_agreement=float(same.mean()),
                first_divergence=None if same.all() else int(np.argmin(same)),
                retrieval_overlap=None,
                cosine_installed=float(cosine_rows(tested, usual).mean()),
                load_seconds=load_seconds,
                seconds=seconds,
            )
        )
    return found


def cosine_rows(one: Float32, other: Float32) -> Float32:
    """Return the cosine of each row of one to that row of the other."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / np.maximum(lengths, 1e-12), np.float32)


def _tokens(folder: ModelFolder, texts: Sequence[str], count: int) -> list[int]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder.path / "tokenizer.json"))
    ids: list[int] = []
    for text in texts:
        ids += tokenizer.encode(text, add_special_tokens=False).ids
        if len(ids) >= count:
            break
    if not ids:
        raise ValueError("the texts hold no token")
    return ids[:count]
