"""The graph is a cache: missing, stale or damaged, search goes on and the graph heals."""

import threading

import numpy as np
import pytest

from ragedge.datatypes import Chunk, Document, Page, Span
from ragedge.index.cache import FILE, VectorCache, choose
from ragedge.index.store import Store
from ragedge.privacy.vault import Vault
from ragedge.testing.index_contract import DIM, clustered_rows, nearest

KIND = choose("auto")
pytestmark = pytest.mark.skipif(KIND == "exact", reason="no graph library is installed here")


@pytest.fixture
def store(tmp_path):
    store = Store.create(
        Vault.open(tmp_path / "kb", create=True), embedder_name="t", fingerprint="f" * 64, dim=DIM
    )
    put(store, "a", clustered_rows(600))
    yield store
    store.close()


@pytest.fixture
def cache(store):
    cache = VectorCache(store, kind=KIND, exact_below=100)
    yield cache
    cache.close()


def put(store, source, rows):
    text = "word " * len(rows)
    chunks = tuple(Chunk("word", (Span(0, 5 * n, 5 * n + 4),)) for n in range(len(rows)))
    store.put_document(source, source * 8, Document(source, "text/plain", (Page(1, text),)), chunks, rows)


def recall(cache, store):
    ids, codes, scale = store.vector_rows()
    rows = codes * scale
    queries = clustered_rows(40, seed=2)
    return sum(len(set(cache.search(q, 10)[0].tolist()) & nearest(ids, rows, q, 10)) for q in queries) / 400


def test_the_kinds():
    assert choose("exact") == "exact"
    assert choose("auto") in ("hnsw", "usearch")


def test_a_refresh_keeps_a_graph_that_the_next_process_loads(store, cache):
    assert cache.state() == "missing"
    steps = []
    assert cache.refresh(lambda done, total: steps.append((done, total))) == "ready"
    assert steps[-1] == (600, 600)
    again = VectorCache(store, kind=KIND, exact_below=100)
    assert again.state() == "ready"
    assert recall(again, store) >= 0.95
    assert again._exact is None


def test_a_small_collection_keeps_no_graph(store):
    small = VectorCache(store, kind=KIND, exact_below=601)
    assert small.state() == "exact"
    assert small.refresh() == "exact"
    assert not store.vault.exists(FILE)
    assert recall(small, store) == 1.0


def test_an_empty_one_finds_nothing(store, cache):
    store.remove("a")
    assert cache.refresh() == "empty"
    assert cache.search(clustered_rows(1)[0], 5)[0].size == 0


def test_without_a_graph_exact_search_answers_and_one_is_made_behind(store, cache):
    assert recall(cache, store) == 1.0
    cache._join()
    assert cache.state() == "ready"
    assert store.vault.exists(FILE)
    assert cache._exact is None
    assert recall(cache, store) >= 0.95


@pytest.mark.parametrize("damage", ["flip", "cut", "zero", "empty", "noise"])
def test_a_damaged_file_is_noticed_and_made_anew(store, cache, damage):
    cache.refresh()
    data = bytearray(store.vault.read(FILE))
    if damage == "flip":
        data[len(data) // 2] ^= 4
    elif damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "zero":
        data[4096:8192] = bytes(4096)
    store.vault.write_atomic(FILE, {"empty": b"", "noise": b"\x07" * 999}.get(damage, bytes(data)))
    healed = VectorCache(store, kind=KIND, exact_below=100)
    assert healed.state() == "missing"
    assert recall(healed, store) == 1.0
    healed._join()
    assert healed.state() == "ready"
    assert VectorCache(store, kind=KIND, exact_below=100).state() == "ready"


def test_a_few_changes_are_taken_in_by_the_next_search(store, cache):
    cache.refresh()
    put(store, "b", clustered_rows(30, seed=7))
    assert cache.state() == "stale"
    new = clustered_rows(30, seed=7)[4]
    assert cache.search(new, 1)[1][0] > 0.98
    store.remove("b")
    ids = set(store.row_ids().tolist())
    assert set(cache.search(new, 50)[0].tolist()) <= ids
    assert cache._graph is not None


def test_many_changes_are_answered_exactly_meanwhile(store, cache):
    cache.refresh()
    put(store, "b", clustered_rows(400, seed=7))
    assert recall(cache, store) == 1.0
    cache._join()
    assert cache.state() == "ready"
    assert recall(cache, store) >= 0.95
    store.remove("a")
    put(store, "c", clustered_rows(700, seed=8))
    assert cache.refresh() == "ready"
    assert recall(VectorCache(store, kind=KIND, exact_below=100), store) >= 0.95


def test_other_parameters_make_another_graph(store, cache):
    cache.refresh()
    assert VectorCache(store, kind=KIND, exact_below=100, options={"m": 8}).state() == "missing"


def test_replacing_everything_makes_a_new_graph_rather_than_a_worn_one(store, cache):
    cache.refresh()
    size = len(store.vault.read(FILE))
    for turn in range(4):
        put(store, "a", clustered_rows(600, seed=20 + turn))
        cache.refresh()
    assert len(store.vault.read(FILE)) <= 1.2 * size
    assert recall(cache, store) >= 0.95


def test_the_background_tells_a_find_from_chance(store, cache):
    query = clustered_rows(1)[0]
    mean, deviation = cache.background(query)
    _, codes, scale = store.vector_rows()
    scores = (codes * scale) @ query
    assert abs(mean - scores.mean()) < scores.std() / 4
    assert abs(deviation - scores.std()) < scores.std() / 4


def test_threads_search_while_documents_come_and_go(store, cache):
    cache.refresh()
    problems, done = [], threading.Event()

    def search():
        try:
            while not done.is_set():
                ids, scores = cache.search(clustered_rows(1, seed=3)[0], 10)
                assert len(ids) == 10
                assert (np.diff(scores) <= 0).all()
        except BaseException as exc:
            problems.append(exc)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(6):
        put(store, "b", clustered_rows(40 + 40 * (turn % 2), seed=turn))
    done.set()
    for thread in threads:
        thread.join()
    assert problems == []
