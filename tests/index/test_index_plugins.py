"""The built-in index plugins under the contract."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from ragedge.index import exact, hnsw, usearch
from ragedge.testing.index_contract import DIM, IndexContract, clustered_rows, nearest


class TestExact(IndexContract):
    plugin = "exact"

    least_recall = 0.97  # int8 codes swap near ties

    @pytest.fixture
    def factory(self):
        return exact.create


class TestHnsw(IndexContract):
    plugin = "hnsw"

    @pytest.fixture
    def factory(self):
        if find_spec("hnswlib") is None:
            pytest.skip("hnswlib has no wheel here")
        return hnsw.create

    def test_equal_graphs_dump_to_equal_bytes(self, factory):
        dumps = []
        for _ in range(2):
            index = factory({"dim": DIM, "threads": 1})
            index.add(np.arange(500, dtype=np.int64), clustered_rows(500))
            index.remove(np.arange(0, 100, dtype=np.int64))
            index.add(np.arange(900, 950, dtype=np.int64), clustered_rows(50, seed=3))
            dumps.append(index.dump())
        assert dumps[0] == dumps[1]
        assert factory({"dim": DIM, "data": dumps[0]}).dump() == dumps[0]


class TestUsearch(IndexContract):
    plugin = "usearch"

    @pytest.fixture
    def factory(self):
        return usearch.create


def test_exact_search_equals_numpy():
    rows = clustered_rows(5000)
    index = exact.create({"dim": DIM})
    index.add(np.arange(5000, dtype=np.int64), rows)
    query = clustered_rows(1, seed=4)[0]
    ids, scores = index.search(query, 5000)
    assert sorted(ids.tolist()) == list(range(5000))
    np.testing.assert_allclose(scores, rows[ids] @ query, atol=0.01)
    assert len(nearest(ids, rows[ids], query, 5) & set(ids[:6].tolist())) >= 4


def test_usearch_and_the_runtime_live_in_one_process():
    """In the other order of loading, the two native libraries crash the process."""
    code = "from ragedge import plugins; plugins.create('index', 'usearch', {'dim': 4}); import onnxruntime"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("kind", [hnsw, usearch])
def test_forty_rounds_of_replacing_a_tenth_leave_a_graph_as_small_and_as_good_as_a_new_one(kind):
    if kind is hnsw and find_spec("hnswlib") is None:
        pytest.skip("hnswlib has no wheel here")
    rows, ids = clustered_rows(500), np.arange(500, dtype=np.int64)
    worn, fresh = kind.create({"dim": DIM}), kind.create({"dim": DIM})
    worn.add(ids, rows)
    draw = np.random.default_rng(0)
    for _ in range(40):
        gone = draw.choice(500, 50, replace=False)
        worn.remove(ids[gone])
        ids[gone] = ids.max() + 1 + np.arange(50)
        worn.add(ids[gone], rows[gone])
    fresh.add(ids, rows)
    assert len(worn.dump()) <= 1.2 * len(fresh.dump())
    hits = {
        name: np.mean([len(nearest(ids, rows, row, 10) & set(index.search(row, 10)[0].tolist())) for row in rows[::10]])
        for name, index in (("worn", worn), ("fresh", fresh))
    }  # fmt: skip
    assert hits["worn"] >= hits["fresh"] - 0.2
