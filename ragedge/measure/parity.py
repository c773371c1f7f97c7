"""Compares one model on two backends: how far apart their results are, and what that does to a ranking.

The reference runs on the processor's provider with ``session.disable_quant_qdq``: it rounds as the graph's
quantize-dequantize pairs say, instead of fusing them into integer kernels that round in their own way.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.embed.encoder_runs import StaticEncoder
from ragedge.embed.onnx_embedder import OnnxEmbedder
from ragedge.models import compiled
from ragedge.runtime.cpu_backend import CpuBackend
from ragedge.runtime.placement import Placement
from ragedge.runtime.session import Session, open_session

if TYPE_CHECKING:
    from pathlib import Path

    from ragedge.embed.encoder_runs import EncoderRun
    from ragedge.models.compiled import Compiled, StaticModel
    from ragedge.models.store import ModelFolder
    from ragedge.protocols import Backend, Float32

REFERENCE_ENTRIES = {"session.disable_quant_qdq": "1"}
OVERLAP_AT = 10


@dataclass(frozen=True, slots=True)
class Parity:
    """One graph on a backend, beside the reference.

    Attributes:
        model: Its name.
        graph: The graph's file.
        compiled: Whether it was compiled ahead of loading.
        nodes: Of the graph, quantize-dequantize pairs included.
        nodes_on_backend: Of those, on the backend's provider, by the runtime's own record.
        elsewhere: The others: name, operator and provider.
        texts: How many were compared.
        cosine_mean: Of results to the reference's, over texts or positions.
        cosine_min: The least of them.
        top1_agreement: Share of positions with the same likeliest token; None for an embedder.
        first_divergence: The first position with another one; None where there is none.
        retrieval_overlap: Share of the nearest passages that stay, over texts; None for a generator.
        cosine_installed: Mean cosine to the installed graph, which rounds otherwise.
        load_seconds: Loading, the provider's compiler included.
        seconds: Of one run, the median.
    """

    model: str
    graph: str
    compiled: bool
    nodes: int
    nodes_on_backend: int
    elsewhere: tuple[Mapping[str, str], ...]
    texts: int
    cosine_mean: float
    cosine_min: float
    top1_agreement: float | None
    first_divergence: int | None
    retrieval_overlap: float | None
    cosine_installed: float | None
    load_seconds: float
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as ``backends check --json`` prints it."""
        return asdict(self)


def encoder_parity(
    folder: ModelFolder,
    static: StaticModel,
    backend: Backend,
    texts: Sequence[str],
    *,
    length: int,
    threads: int,
    target: str | None = None,
) -> Parity:
    """Run an embedder's static graph of one length on a backend and on the processor.

    Args:
        folder: The installed model.
        static: Its static graphs.
        backend: What is compared.
        texts: What both embed, cut to the length.
        length: Which graph, in tokens.
        threads: For the processor's runs.
        target: The chip to run as.

    Raises:
        ProviderUnavailableError: the backend cannot load the graph at all.
        ValueError: there is no graph of that length, or fewer than two texts.
    """
    if len(texts) < 2:
        raise ValueError(f"parity needs at least two texts, got {len(texts)}")
    graph = next((one for one in static.record.graphs if one.length == length), None)
    if graph is None:
        known = ", ".join(str(one.length) for one in static.record.graphs)
        raise ValueError(f"there is no graph of {length} tokens; lengths: {known}")
    facts = folder.manifest.encoder
    assert facts is not None
    path = static.graph(graph)
    ready = compiled.find_compiled(static, graph, backend, target)
    started = time.perf_counter()
    placement, session = opened(path, backend, threads=threads, target=target)
    load_seconds = time.perf_counter() - started
    if ready is not None and placement.whole:
        session = open_session(ready.path, backend, threads=threads, target=target)
    reference = open_session(path, CpuBackend(), threads=threads, entries=REFERENCE_ENTRIES)

    tested, times = _embedded(folder, StaticEncoder({length: session}, facts.pooling), texts)
    expected, _ = _embedded(folder, StaticEncoder({length: reference}, facts.pooling), texts)
    installed = OnnxEmbedder.from_folder(folder, CpuBackend(), threads=threads)
    cut = [_cut(text, installed, length) for text in texts]
    usual = installed.embed_passages(cut)
    cosines = (tested * expected).sum(axis=1)
    return Parity(
        model=folder.manifest.name,
        graph=graph.file,
        compiled=ready is not None,
        nodes=placement.nodes,
        nodes_on_backend=placement.on_provider,
        elsewhere=tuple(asdict(node) for node in placement.elsewhere),
        texts=len(texts),
        cosine_mean=float(cosines.mean()),
        cosine_min=float(cosines.min()),
        top1_agreement=None,
        first_divergence=None,
        retrieval_overlap=ranking_overlap(tested, usual),
        cosine_installed=float((tested * usual).sum(axis=1).mean()),
        load_seconds=load_seconds,
        seconds=float(np.median(times)),
    )


def compiled_cosine(
    folder: ModelFolder, static: StaticModel, one: Compiled, backend: Backend, text: str, *, threads: int
) -> float:
    """Load what was compiled for a chip and run it on one text; return its cosine to the processor's run.

    Raises:
        ProviderUnavailableError: it does not load.
    """
    facts = folder.manifest.encoder
    assert facts is not None
    graph = next(graph for graph in static.record.graphs if graph.file == one.path.name)
    session = open_session(one.path, backend, threads=threads, target=one.target or None)
    reference = open_session(static.graph(graph), CpuBackend(), threads=threads, entries=REFERENCE_ENTRIES)
    rows = [
        _embedded(folder, StaticEncoder({graph.length: run}, facts.pooling), [text])[0][0]
        for run in (session, reference)
    ]
    return float(rows[0] @ rows[1])


def opened(path: Path, backend: Backend, *, threads: int, target: str | None) -> tuple[Placement, Session]:
    """Open a graph and learn which nodes the provider takes; the processor may hold the rest here, and only here."""
    session = open_session(path, backend, threads=threads, target=target, partial=True, record=True)
    return session.placement(), session


def ranking_overlap(one: Float32, other: Float32, at: int = OVERLAP_AT) -> float:
    """Return the share of each text's nearest neighbours that two sets of vectors agree on.

    Args:
        one: (n, dim), rows of L2 norm 1; n is at least 2.
        other: The same texts' vectors from elsewhere.
        at: How many neighbours; at most n - 1 are there.
    """
    count = len(one)
    at = min(at, count - 1)
    found = []
    for rows in (one, other):
        scores = rows @ rows.T
        np.fill_diagonal(scores, -np.inf)
        found.append(np.argsort(-scores, axis=1, kind="stable")[:, :at])
    shared = [len(set(a.tolist()) & set(b.tolist())) for a, b in zip(*found, strict=True)]
    return float(np.mean(shared)) / at


def _embedded(folder: ModelFolder, run: EncoderRun, texts: Sequence[str]) -> tuple[Float32, list[float]]:
    embedder = OnnxEmbedder.from_parts(folder, run)
    rows, times = [], []
    for text in texts:
        started = time.perf_counter()
        rows.append(embedder.embed_passages([text])[0])
        times.append(time.perf_counter() - started)
    return np.stack(rows), times


def _cut(text: str, embedder: OnnxEmbedder, length: int) -> str:
    """Shorten a text to what a graph of fixed length reads, so that both read the same."""
    spans = embedder.token_spans(text)
    most = length - (embedder.room_for_affixes())
    return text if len(spans) <= most else text[: spans[most - 1][1]]
