"""HNSW over usearch, which has wheels where hnswlib has none (Python 3.13 on).

The graph holds the very int8 codes that the store keeps, compared by cosine, which a row's scale does not
change; candidates are scored again against the query as it came. A quarter of the memory of float rows.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import PluginError
from ragedge.index.exact import row_products
from ragedge.index.quantize import quantize_rows
from ragedge.index.row_checks import IndexOptions, best_first, check_added, check_query, search_allowed
from ragedge.runtime.session import load_onnxruntime

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int64, Options

_MAGIC = b"ragedge-usearch-1\n"
# Candidates per wanted row: the query's own rounding to int8 swaps near neighbours.
_OVERSAMPLE = 2


class UsearchIndex:
    """A graph of neighbours over int8 rows. Rows are taken to have L2 norm 1, as embedders give them."""

    def __init__(self, options: IndexOptions) -> None:
        self.dim = options.dim
        self._threads = options.threads
        self._guard = threading.Lock()
        self._graph = _load_usearch()(
            ndim=options.dim, metric="cos", dtype="i8", connectivity=options.m,
            expansion_add=options.ef_construction, expansion_search=options.ef_search,
        )  # fmt: skip
        if options.data:
            self._graph.load(_payload(options.data, options.dim))

    def __len__(self) -> int:
        return len(self._graph)

    def add(self, ids: Int64, rows: Float32, /) -> None:
        """Add rows; see ``protocols.VectorIndex``. A known id is replaced."""
        check_added(ids, rows, self.dim)
        if not ids.size:
            return
        codes, _ = quantize_rows(rows)
        with self._guard:
            self._remove(ids)
            self._graph.add(ids.astype(np.uint64), codes, threads=self._threads)

    def remove(self, ids: Int64, /) -> None:
        """Remove rows by id; an unknown id is no error."""
        with self._guard:
            self._remove(ids)

    def search(self, query: Float32, top_k: int, allowed: Int64 | None = None, /) -> tuple[Int64, Float32]:
        """Find the rows with the greatest dot product; see ``protocols.VectorIndex``."""
        check_query(query, top_k, self.dim)
        with self._guard:
            if allowed is None:
                return self._nearest(query, top_k)
            known = allowed[self._held(allowed)]
            return search_allowed(
                known, top_k, len(self), lambda k: self._nearest(query, k), lambda: self._scores(known, query)
            )

    def dump(self) -> bytes:
        """Return the graph as bytes."""
        with self._guard:
            payload = bytes(self._graph.save())
        head = json.dumps({"dim": self.dim, "bytes": len(payload)}).encode()
        return b"".join([_MAGIC, len(head).to_bytes(8, "little"), head, payload])

    def _nearest(self, query: Float32, top_k: int) -> tuple[Int64, Float32]:
        if not len(self):
            return np.empty(0, np.int64), np.empty(0, np.float32)
        codes, _ = quantize_rows(query[None])
        wanted = min(_OVERSAMPLE * top_k, len(self))
        ids = np.asarray(self._graph.search(codes[0], wanted, threads=1).keys).astype(np.int64)
        return best_first(ids, self._scores(ids, query), top_k)

    def _scores(self, ids: Int64, query: Float32) -> Float32:
        codes = np.asarray(self._graph.get(ids.astype(np.uint64)), dtype=np.float32).reshape(
            len(ids), self.dim
        )
        norms = np.sqrt(np.einsum("ij,ij->i", codes, codes))
        scores: Float32 = row_products(codes, query) / np.maximum(norms, 1)
        return scores

    def _held(self, ids: Int64) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.asarray(self._graph.contains(ids.astype(np.uint64)), dtype=bool).reshape(len(ids))

    def _remove(self, ids: Int64) -> None:
        known = ids[self._held(ids)] if ids.size and len(self._graph) else ids[:0]
        if known.size:
            self._graph.remove(known.astype(np.uint64))


def create(options: Options) -> UsearchIndex:
    """Build a usearch index, empty or from the bytes of ``data``.

    Raises:
        ConfigError: an option is unknown or out of range.
        ValueError: the bytes are not of this format, or of another width.
    """
    return UsearchIndex(IndexOptions.parse(options))


def _load_usearch() -> Any:
    # Loaded after usearch, onnxruntime crashes the process (seen with usearch 2.26.6 and onnxruntime 1.28.0, on
    # Python 3.11 and 3.13); the other way round both work.
    load_onnxruntime()
    try:
        from usearch.index import Index
    except ImportError as exc:
        raise PluginError(
            "index 'usearch' needs the package usearch, which is not installed", hint="pip install usearch"
        ) from exc
    return Index


def _payload(data: bytes | memoryview, dim: int) -> bytes:
    view = memoryview(data)
    if view[: len(_MAGIC)] != _MAGIC:
        raise ValueError("not a usearch graph of this format")
    start = len(_MAGIC) + 8
    size = int.from_bytes(view[len(_MAGIC) : start], "little")
    head = json.loads(bytes(view[start : start + size]))
    payload = view[start + size :]
    if head["dim"] != dim:
        raise ValueError(f"the graph holds rows of width {head['dim']}, not {dim}")
    if len(payload) != head["bytes"]:
        raise ValueError("the graph's bytes end early or run on")
    return bytes(payload)
