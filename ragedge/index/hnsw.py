"""HNSW over hnswlib (the module of chroma-hnswlib's wheels), behind checks that it does not make itself.

The graph never meets a file: it is taken apart through the library's pickling state, its float rows are
written as int8 codes (a quarter of the bytes, and what the rows were made from), and it is put together
again from bytes. The library's own file holds heap pointers and differs between equal builds.
"""

from __future__ import annotations

import json
import math
import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import PluginError
from ragedge.index.exact import ExactIndex
from ragedge.index.quantize import dequantize_rows, quantize_rows
from ragedge.index.row_checks import IndexOptions, best_first, check_added, check_query, search_allowed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.protocols import Float32, Int8, Int64, Options

_MAGIC = b"ragedge-hnsw-1\n"
_SEED = 100
_LEAST_CAPACITY = 1024
_GROWTH = 1.5
_STATE_ARRAYS = (
    "label_lookup_external",
    "label_lookup_internal",
    "element_levels",
    "data_level0",
    "link_lists",
)
_PARTS = ("links", "codes", "scale", *[name for name in _STATE_ARRAYS if name != "data_level0"])


class HnswIndex:
    """A graph of neighbours: milliseconds where exact search takes tens of them."""

    def __init__(self, options: IndexOptions) -> None:
        library = _load_hnswlib()
        self.dim = options.dim
        self._options = options
        self._threads = options.threads or min(os.cpu_count() or 1, 8)
        self._guard = threading.Lock()
        # The library hands rows out as Python lists, 0.03 ms each: an int8 copy serves narrow filters.
        self._rows = ExactIndex(options.dim)
        self._living: dict[int, None]
        self._deleted: set[int]
        if options.data:
            state, codes, scale = _state(options.data, options.dim)
            labels, deleted = _labels(state)
            self._living, self._deleted = (
                dict.fromkeys(labels[~deleted].tolist()),
                set(labels[deleted].tolist()),
            )
            self._rows.add_codes(labels[~deleted], codes[~deleted], scale[~deleted])
            # What unpickling does; __init__ would make a second graph inside.
            self._graph = library.Index.__new__(library.Index)
            self._graph.__setstate__((state,))
        else:
            self._graph = library.Index("ip", options.dim)
            self._graph.init_index(
                _LEAST_CAPACITY, M=options.m, ef_construction=options.ef_construction, random_seed=_SEED,
                allow_replace_deleted=True,
            )  # fmt: skip
            self._living, self._deleted = {}, set()

    def __len__(self) -> int:
        return len(self._living)

    def add(self, ids: Int64, rows: Float32, /) -> None:
        """Add rows; see ``protocols.VectorIndex``. A known id is replaced."""
        check_added(ids, rows, self.dim)
        if not ids.size:
            return
        with self._guard:
            known = np.array([row in self._living or row in self._deleted for row in ids.tolist()])
            for row in ids[known].tolist():
                if row in self._deleted:
                    self._graph.unmark_deleted(row)
                    self._deleted.discard(row)
            # A known id goes back into its own place: in another's, the library would later forget it
            # together with the id whose place it took (hnswalg.h: addPoint erases the replaced label).
            self._put(ids[known], rows[known], replace=False)
            ids, rows = ids[~known], rows[~known]
            reused = min(len(ids), len(self._deleted))
            self._put(ids[:reused], rows[:reused], replace=True)
            if reused:
                self._deleted &= set(self._graph.get_ids_list())
            self._put(ids[reused:], rows[reused:], replace=False)

    def _put(self, ids: Int64, rows: Float32, *, replace: bool) -> None:
        if not len(ids):
            return
        needed = self._graph.get_current_count() + (0 if replace else len(ids))
        if needed > self._graph.get_max_elements():
            self._graph.resize_index(math.ceil(needed * _GROWTH))
        self._rows.add_codes(ids, *quantize_rows(rows))
        self._graph.add_items(rows, ids, num_threads=self._threads, replace_deleted=replace)
        self._living.update(dict.fromkeys(ids.tolist()))

    def remove(self, ids: Int64, /) -> None:
        """Remove rows by id; an unknown id is no error."""
        with self._guard:
            self._remove(ids)

    def search(self, query: Float32, top_k: int, allowed: Int64 | None = None, /) -> tuple[Int64, Float32]:
        """Find the rows with the greatest dot product; see ``protocols.VectorIndex``."""
        check_query(query, top_k, self.dim)
        with self._guard:
            if allowed is None:
                return self._nearest(query, min(top_k, len(self)))
            known = np.array([row for row in allowed.tolist() if row in self._living], dtype=np.int64)
            return search_allowed(
                known,
                top_k,
                len(self),
                lambda k: self._nearest(query, k),
                lambda: self._rows.scores(known, query),
            )

    def codes_of(self, ids: Int64) -> tuple[Int64, Int8, Float32]:
        """Return ids (k,), codes (k, dim) and scales (k, 1) of those rows that it holds, in the order given."""
        return self._rows.codes_of(ids)

    def dump(self) -> bytes:
        """Return the graph as bytes; equal graphs give equal bytes."""
        with self._guard:
            return _dump(self._graph.__getstate__()[0])

    def _nearest(self, query: Float32, top_k: int) -> tuple[Int64, Float32]:
        if not top_k:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        self._graph.set_ef(max(self._options.ef_search, top_k))
        labels, distances = self._graph.knn_query(query[None], k=top_k, num_threads=1)
        ids, scores = labels[0].astype(np.int64), 1 - distances[0]
        return best_first(ids, scores, top_k)

    def _remove(self, ids: Int64) -> None:
        self._rows.remove(ids)
        for row in ids.tolist():
            if row in self._living:
                self._graph.mark_deleted(row)
                del self._living[row]
                self._deleted.add(row)


def _load_hnswlib() -> Any:
    try:
        import hnswlib
    except ImportError as exc:
        raise PluginError(
            "index 'hnsw' needs hnswlib, which is not installed; it has no wheel for every Python",
            hint="pip install chroma-hnswlib, or set index.kind to usearch or exact",
        ) from exc
    return hnswlib


def create(options: Options) -> HnswIndex:
    """Build an HNSW index, empty or from the bytes of ``data``.

    Raises:
        ConfigError: an option is unknown or out of range.
        ValueError: the bytes are not of this format, or of another width.
    """
    return HnswIndex(IndexOptions.parse(options))


def _labels(state: dict[str, Any]) -> tuple[Int64, NDArray[np.bool_]]:
    """Return the id of each place in a graph's state, and whether it is marked as deleted; both (count,)."""
    level0 = state["data_level0"].view(np.uint8).reshape(state["cur_element_count"], -1)
    labels = level0[:, state["label_offset"] : state["label_offset"] + 8].copy().view(np.int64)[:, 0]
    # hnswlib keeps the mark in the third byte of a node's link count (hnswalg.h: markDeletedInternal).
    return labels, (level0[:, 2] & 1).astype(bool)


def _dump(state: dict[str, Any]) -> bytes:
    count, data, dim = state["cur_element_count"], state["offset_data"], state["dim"]
    level0 = state["data_level0"].view(np.uint8).reshape(count, -1)
    rows = level0[:, data : data + 4 * dim].copy().view(np.float32)  # (count, dim)
    codes, scale = quantize_rows(rows)
    arrays = {name: state[name] for name in _STATE_ARRAYS if name != "data_level0"}
    # The lookup comes out of a hash table: sorted, equal graphs give equal bytes.
    order = np.argsort(arrays["label_lookup_external"])
    for name in ("label_lookup_external", "label_lookup_internal"):
        arrays[name] = arrays[name][order]
    arrays["element_levels"] = arrays["element_levels"][:count]
    arrays |= {
        "links": np.delete(level0, np.s_[data : data + 4 * dim], axis=1),
        "codes": codes,
        "scale": scale,
    }
    head = {
        "state": {name: value for name, value in state.items() if name not in _STATE_ARRAYS},
        "arrays": {name: [str(arrays[name].dtype), list(arrays[name].shape)] for name in _PARTS},
    }
    text = json.dumps(head, sort_keys=True).encode()
    return b"".join(
        [
            _MAGIC,
            len(text).to_bytes(8, "little"),
            text,
            *(np.ascontiguousarray(arrays[name]).tobytes() for name in _PARTS),
        ]
    )


def _state(data: bytes | memoryview, dim: int) -> tuple[dict[str, Any], Int8, Float32]:
    view = memoryview(data)
    if view[: len(_MAGIC)] != _MAGIC:
        raise ValueError("not an HNSW graph of this format")
    start = len(_MAGIC) + 8
    size = int.from_bytes(view[len(_MAGIC) : start], "little")
    head = json.loads(bytes(view[start : start + size]))
    state, place = dict(head["state"]), start + size
    if state["dim"] != dim:
        raise ValueError(f"the graph holds rows of width {state['dim']}, not {dim}")
    arrays: dict[str, Any] = {}
    for name in _PARTS:
        kind, shape = head["arrays"][name]
        count = math.prod(shape)
        arrays[name] = np.frombuffer(view, dtype=kind, count=count, offset=place).reshape(shape)
        place += arrays[name].nbytes
    if place != len(view):
        raise ValueError("the graph's bytes end early or run on")
    count, offset = state["cur_element_count"], state["offset_data"]
    level0 = np.empty((count, state["size_data_per_element"]), np.uint8)
    links = arrays.pop("links")
    level0[:, :offset] = links[:, :offset]
    level0[:, offset + 4 * dim :] = links[:, offset:]
    codes, scale = arrays.pop("codes"), arrays.pop("scale")
    level0[:, offset : offset + 4 * dim] = dequantize_rows(codes, scale).view(np.uint8)
    levels = np.zeros(state["max_elements"], arrays["element_levels"].dtype)
    levels[:count] = arrays["element_levels"]
    state |= arrays | {"element_levels": levels, "data_level0": level0.reshape(-1).view(np.int8)}
    return state, codes, scale
