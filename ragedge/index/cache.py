"""The vector index of a store: a cache that notices when it lags behind the rows, and heals itself.

Every search compares its generation with the store's. A small collection is searched exactly, from rows held
in memory. A large one has a graph, kept in ``index.hnsw`` with a digest and the generation it was made at.
A few missing or surplus rows are added and removed on the spot; where the graph is missing, damaged or too
far behind, it is made anew in the background and exact search answers meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ragedge import plugins
from ragedge.errors import DamagedError, RagedgeError
from ragedge.index.exact import ExactIndex, row_products
from ragedge.index.quantize import dequantize_rows
from ragedge.index.store import Store
from ragedge.privacy.egress import guarded_thread

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int64, VectorIndex

log = logging.getLogger(__name__)

FILE = "index.hnsw"
_MAGIC = b"ragedge-cache-1\n"
_DIGEST_BYTES = 32
# Changes that a search applies itself, at about 1 ms a row, rather than leave to a background build.
_INLINE_CHANGES = 64
# Rows added between two looks at whether to stop.
_BATCH = 2048
# Rows that tell how alike a question is to anything: the mean of 256 is known to a sixteenth of a deviation.
_SAMPLE = 256
_LEAST_SAMPLE = 16
_USUAL_DEVIATION = 0.1
# Past this share of replaced rows a new graph is better than a patched one.
_WORN_SHARE = 0.5

State = Literal["empty", "exact", "ready", "stale", "missing", "building"]
Progress = Callable[[int, int], None]


def choose(kind: str) -> str:
    """Resolve ``auto``: hnsw where its library is installed, else usearch, else exact."""
    if kind != "auto":
        return kind
    for name, module in (("hnsw", "hnswlib"), ("usearch", "usearch")):
        if find_spec(module) is not None:
            return name
    return "exact"


class VectorCache:
    """Finds the nearest rows of a store, whatever state its graph is in.

    Attributes:
        kind: The index plugin's name, resolved.
    """

    def __init__(
        self,
        store: Store,
        *,
        kind: str = "auto",
        exact_below: int = 0,
        options: Mapping[str, Any] | None = None,
        keep: bool = True,
    ) -> None:
        """Make a cache.

        Args:
            store: Whose rows.
            kind: An index plugin's name, or ``auto``.
            exact_below: With fewer rows than this, search is exact and no graph is kept.
            options: For the plugin's factory: ``m``, ``ef_construction``, ``ef_search``.
            keep: Hold the graph on the disk; without, one with other options can be tried beside it.
        """
        self.kind = choose(kind)
        self._store = store
        self._exact_below = exact_below
        self._keep = keep
        self._options = {"dim": store.embedder.dim, **(options or {})}
        self._guard = threading.Lock()
        self._exact: tuple[int, ExactIndex] | None = None
        self._graph: _Graph | None = None
        self._tried_file = False
        self._sample: tuple[int, Float32] | None = None
        self._builder: threading.Thread | None = None
        self._stop = threading.Event()

    def search(self, query: Float32, top_k: int, allowed: Int64 | None = None) -> tuple[Int64, Float32]:
        """Find the rows with the greatest dot product, ids (k,) and scores (k,), best first."""
        return self._current().search(query, top_k, allowed)

    def rows(self, ids: Int64) -> Float32:
        """Return rows by id, (len(ids), dim): from memory where they are there; zeros for one that is gone."""
        held = getattr(self._current(), "codes_of", None)
        found, codes, scale = held(ids) if held is not None else self._store.vector_rows(ids.tolist())
        rows = np.zeros((len(ids), self._store.embedder.dim), np.float32)
        order = np.argsort(ids)
        rows[order[np.searchsorted(ids, found, sorter=order)]] = dequantize_rows(codes, scale)
        return rows

    def background(self, query: Float32) -> tuple[float, float]:
        """Return mean and standard deviation of a query's dot product with rows at large, by a sample."""
        generation = self._store.generation()
        sample = self._sample
        if sample is None or sample[0] != generation:
            ids = self._store.row_ids()
            chosen = ids[:: max(1, len(ids) // _SAMPLE)]
            _, codes, scale = self._store.vector_rows(chosen.tolist())
            sample = self._sample = (generation, dequantize_rows(codes, scale))
        scores = row_products(sample[1], query)
        # Too few rows, or all alike, say nothing: a spread that is usual for sentence encoders then.
        if len(scores) < _LEAST_SAMPLE or scores.std() < 1e-3:
            return 0.0, _USUAL_DEVIATION
        return float(scores.mean()), float(scores.std())

    def refresh(self, progress: Progress | None = None, *, anew: bool = False) -> State:
        """Bring the graph in line with the rows and keep it on the disk; for a writer, after its changes.

        Args:
            progress: Called with rows done and rows in all.
            anew: Build from the rows even if the graph could be mended.
        """
        self._join()
        generation = self._store.generation()
        ids = self._store.row_ids()
        if not self._wants_graph(len(ids)):
            if self._keep and not self._store.vault.read_only:
                self._store.vault.delete(FILE)
            return self.state()
        with self._guard:
            graph = None if anew else self._held()
        if graph is None or graph.generation != generation or not np.array_equal(graph.ids, ids):
            graph = self._updated(graph, generation, ids, progress)
            self._save(graph)
        elif self._keep and not self._store.vault.exists(FILE):
            self._save(graph)
        with self._guard:
            self._graph, self._exact = graph, None
        return self.state()

    def state(self) -> State:
        """Return what a search would find now, without building anything.

        ``exact``: small, no graph wanted. ``ready``: a graph of these very rows. ``stale``, ``missing``: exact
        search answers until a graph is made. ``building``: it is being made.
        """
        generation, ids = self._store.generation(), self._store.row_ids()
        if not len(ids):
            return "empty"
        if not self._wants_graph(len(ids)):
            return "exact"
        if self._builder is not None and self._builder.is_alive():
            return "building"
        with self._guard:
            graph = self._held()
            if graph is None:
                return "missing"
            same = graph.generation == generation or np.array_equal(graph.ids, ids)
            return "ready" if same else "stale"

    def close(self) -> None:
        """Stop a background build."""
        self._stop.set()
        self._join()

    def _wants_graph(self, count: int) -> bool:
        return self.kind != "exact" and count >= max(self._exact_below, 1)

    def _current(self) -> VectorIndex:
        generation = self._store.generation()
        graph = self._graph
        if graph is not None and graph.generation == generation:
            return graph.index
        with self._guard:
            exact = self._exact
            if exact is not None and exact[0] == generation:
                return exact[1]
            ids = self._store.row_ids()
            if self._wants_graph(len(ids)):
                graph = self._held()
                if graph is not None:
                    if graph.generation == generation or np.array_equal(graph.ids, ids):
                        graph.generation = generation
                        return graph.index
                    if np.setxor1d(graph.ids, ids, assume_unique=True).size <= _INLINE_CHANGES:
                        self._graph = self._updated(graph, generation, ids, None)
                        return self._graph.index
                self._start_building()
            return self._exact_at(generation, ids)

    def _held(self) -> _Graph | None:
        """Return the graph, read from its file when first asked for; the caller holds the guard."""
        if self._graph is None and not self._tried_file:
            self._tried_file = True
            self._graph = self._load()
        return self._graph

    def _exact_at(self, generation: int, ids: Int64) -> ExactIndex:
        index = self._exact[1] if self._exact is not None else ExactIndex(self._store.embedder.dim)
        held = index.ids()
        missing = np.setdiff1d(ids, held, assume_unique=True)
        index.remove(np.setdiff1d(held, ids, assume_unique=True))
        if len(missing):
            everything = len(missing) == len(ids)
            index.add_codes(*self._store.vector_rows(None if everything else missing.tolist()))
        self._exact = (generation, index)
        return index

    def _start_building(self) -> None:
        if (self._builder is not None and self._builder.is_alive()) or self._stop.is_set():
            return
        self._builder = guarded_thread(self._build_behind, name="ragedge-index")
        self._builder.start()

    def _build_behind(self) -> None:
        try:
            generation, ids = self._store.generation(), self._store.row_ids()
            graph = self._load()  # another process may have made the one that is needed
            current = graph is not None and np.array_equal(graph.ids, ids)
            if graph is None or not current:
                graph = self._updated(graph, generation, ids, None)
            if self._stop.is_set():
                return
            with self._guard:
                self._graph, self._exact = graph, None
            if not current and not self._store.vault.read_only:
                self._save(graph)
        except (RagedgeError, ValueError) as exc:
            # Exact search goes on answering, and meets the same damage where it matters.
            log.warning("building the vector index failed: %s", type(exc).__name__)

    def _join(self) -> None:
        builder = self._builder
        if builder is not None and builder is not threading.current_thread():
            builder.join()

    def _updated(
        self, graph: _Graph | None, generation: int, ids: Int64, progress: Progress | None
    ) -> _Graph:
        """Return a graph that holds these rows: the given one changed, or a new one."""
        if graph is not None:
            surplus = np.setdiff1d(graph.ids, ids, assume_unique=True)
            if graph.replaced + len(surplus) > _WORN_SHARE * max(len(ids), 1):
                graph = None
        if graph is None:
            index: VectorIndex = plugins.create("index", self.kind, self._options)
            graph = _Graph(index, np.empty(0, np.int64), generation, 0)
            surplus = graph.ids
        missing = np.setdiff1d(ids, graph.ids, assume_unique=True)
        graph.index.remove(surplus)
        for start in range(0, len(missing), _BATCH):
            if self._stop.is_set():
                break
            found, codes, scale = self._store.vector_rows(missing[start : start + _BATCH].tolist())
            graph.index.add(found, dequantize_rows(codes, scale))
            if progress is not None:
                progress(min(start + _BATCH, len(missing)), len(missing))
        return _Graph(graph.index, ids, generation, graph.replaced + len(surplus))

    def _save(self, graph: _Graph) -> None:
        if not self._keep:
            return
        payload = graph.index.dump()
        if not payload:
            return
        head = json.dumps(
            {
                "kind": self.kind,
                "options": self._options,
                "generation": graph.generation,
                "replaced": graph.replaced,
                "count": len(graph.ids),
                "embedder": self._store.embedder.fingerprint,
            },
            sort_keys=True,
        ).encode()
        body = b"".join([len(head).to_bytes(8, "little"), head, graph.ids.tobytes(), payload])
        self._store.vault.write_atomic(
            FILE, b"".join([_MAGIC, hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest(), body])
        )

    def _load(self) -> _Graph | None:
        """Return the graph on the disk; None where it is missing, damaged, or made with other options."""
        if not self._keep:
            return None
        try:
            data = memoryview(self._store.vault.read(FILE))
        except FileNotFoundError:
            return None
        except DamagedError:
            data = memoryview(b"")  # an encrypted one shows its damage when it is opened
        start = len(_MAGIC) + _DIGEST_BYTES
        body = data[start:]
        digest = hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
        if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC) : start] != digest:
            log.warning("the vector index is damaged; it will be made anew")
            return None
        size = int.from_bytes(body[:8], "little")
        head = json.loads(bytes(body[8 : 8 + size]))
        same = (head["kind"], head["options"], head["embedder"])
        if same != (self.kind, self._options, self._store.embedder.fingerprint):
            return None
        end = 8 + size + 8 * head["count"]
        ids = np.frombuffer(body[8 + size : end], dtype=np.int64)
        try:
            index = plugins.create("index", self.kind, {**self._options, "data": body[end:]})
        except ValueError as exc:
            log.warning("the vector index cannot be loaded and will be made anew: %s", type(exc).__name__)
            return None
        return _Graph(index, ids, head["generation"], head["replaced"])


class _Graph:
    """An index, the ids it holds, the generation it reflects, and how many rows were replaced in it."""

    __slots__ = ("generation", "ids", "index", "replaced")

    def __init__(self, index: VectorIndex, ids: Int64, generation: int, replaced: int) -> None:
        self.index, self.ids, self.generation, self.replaced = index, ids, generation, replaced
