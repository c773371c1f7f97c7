"""What every index plugin must do. Subclass ``IndexContract`` and override ``factory``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ragedge.errors import ConfigError

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int64, VectorIndex

Factory = Callable[[Mapping[str, Any]], "VectorIndex"]
DIM = 48


def clustered_rows(count: int, *, seed: int = 0, dim: int = DIM) -> Float32:
    """Return unit rows (count, dim) in clusters, as text embeddings lie."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((32, dim))
    rows = random.standard_normal((count, dim)) + 1.2 * centres[random.integers(0, 32, count)]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def nearest(ids: Int64, rows: Float32, query: Float32, top_k: int) -> set[int]:
    """Return the true nearest ids."""
    return set(ids[np.argsort(-(rows @ query), kind="stable")[:top_k]].tolist())


class IndexContract:
    """The suite. Override ``factory``."""

    least_recall = 0.95

    @pytest.fixture
    def factory(self) -> Factory:
        """Return the plugin's factory."""
        raise NotImplementedError("override the factory fixture")

    def test_an_empty_index_finds_nothing(self, factory: Factory) -> None:
        """No rows, no answer, no error."""
        index = factory({"dim": DIM})
        ids, scores = index.search(np.ones(DIM, np.float32), 3)
        assert len(index) == 0
        assert ids.shape == scores.shape == (0,)

    def test_scores_fall_and_are_dot_products(self, factory: Factory) -> None:
        """Ids come best first, with the dot product of the row they name."""
        rows, ids = clustered_rows(300), np.arange(300, dtype=np.int64) * 7 + 5
        index = factory({"dim": DIM})
        index.add(ids, rows)
        found, scores = index.search(rows[17], 10)
        assert found[0] == ids[17]
        assert (np.diff(scores) <= 0).all()
        np.testing.assert_allclose(scores, rows[(found - 5) // 7] @ rows[17], atol=0.02)

    def test_fewer_rows_than_asked_for(self, factory: Factory) -> None:
        """top_k beyond the count returns all there is."""
        index = factory({"dim": DIM})
        index.add(np.array([4, 2], np.int64), clustered_rows(2))
        assert sorted(index.search(clustered_rows(1)[0], 50)[0].tolist()) == [2, 4]

    def test_recall_against_exact_search(self, factory: Factory) -> None:
        """Of the true ten nearest, at least ``least_recall`` come back, also after a dump."""
        rows, ids = clustered_rows(3000), np.arange(3000, dtype=np.int64)
        index = factory({"dim": DIM})
        index.add(ids, rows)
        assert self._recall(index, ids, rows) >= self.least_recall
        data = index.dump()
        if data:
            again = factory({"dim": DIM, "data": data})
            assert len(again) == 3000
            assert self._recall(again, ids, rows) >= self.least_recall

    def test_removed_rows_never_come_back(self, factory: Factory) -> None:
        """Not in a search, not after a dump, and their places are used again."""
        rows, ids = clustered_rows(1000), np.arange(1000, dtype=np.int64)
        index = factory({"dim": DIM})
        index.add(ids, rows)
        index.remove(ids[:400])
        index.remove(np.array([999_999], np.int64))
        assert len(index) == 600
        found = set(index.search(rows[3], 600)[0].tolist())
        assert found.isdisjoint(range(400))
        index.add(np.arange(1000, 1400, dtype=np.int64), clustered_rows(400, seed=5))
        assert len(index) == 1000
        data = index.dump()
        if data:
            again = factory({"dim": DIM, "data": data})
            assert len(again) == 1000
            assert set(again.search(rows[3], 300)[0].tolist()).isdisjoint(range(400))

    def test_adding_a_known_id_replaces_its_row(self, factory: Factory) -> None:
        """Also one that was removed, and when other rows come in with it."""
        rows, ids = clustered_rows(200), np.arange(200, dtype=np.int64)
        index = factory({"dim": DIM})
        index.add(ids, rows)
        index.remove(ids[:50])
        other = clustered_rows(100, seed=9)
        index.add(np.arange(25, 125, dtype=np.int64), other)
        assert len(index) == 175
        for place in (0, 10, 60, 99):
            found, scores = index.search(other[place], 1)
            assert found.tolist() == [25 + place]
            assert scores[0] > 0.97
        index.remove(np.arange(25, 125, dtype=np.int64))
        index.add(np.arange(500, 600, dtype=np.int64), other)
        assert index.search(other[7], 1)[0].tolist() == [507]

    def test_only_allowed_rows_come_back(self, factory: Factory) -> None:
        """At any share of allowed rows, and there are top_k of them where so many are allowed."""
        rows, ids = clustered_rows(2000), np.arange(2000, dtype=np.int64)
        index = factory({"dim": DIM})
        index.add(ids, rows)
        for step in (1, 3, 40):
            allowed = ids[::step]
            hits = 0
            for query in rows[:20]:
                found = index.search(query, 10, allowed)[0]
                assert len(found) == 10
                assert set(found.tolist()) <= set(allowed.tolist())
                hits += len(nearest(allowed, rows[::step], query, 10) & set(found.tolist()))
            assert hits >= self.least_recall * 200
        assert len(index.search(rows[0], 5, np.array([1, 5000], np.int64))[0]) == 1
        assert len(index.search(rows[0], 5, np.empty(0, np.int64))[0]) == 0

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_rows_that_are_not_finite_are_refused(self, factory: Factory, bad: float) -> None:
        """And leave the index as it was."""
        index = factory({"dim": DIM})
        rows = clustered_rows(3)
        rows[1, 2] = bad
        with pytest.raises(ValueError, match="NaN or inf"):
            index.add(np.arange(3, dtype=np.int64), rows)
        with pytest.raises(ValueError, match="NaN or inf"):
            index.search(rows[1], 1)
        assert len(index) == 0

    def test_wrong_shapes_are_refused(self, factory: Factory) -> None:
        """A native library may answer them."""
        index = factory({"dim": DIM})
        index.add(np.arange(3, dtype=np.int64), clustered_rows(3))
        for ids, rows in ((2, (2, DIM - 1)), (3, (2, DIM)), (1, (DIM,))):
            with pytest.raises(ValueError, match="expected"):
                index.add(np.arange(10, 10 + ids, dtype=np.int64), np.ones(rows, np.float32))
        for width in (DIM - 1, DIM + 1, 0):
            with pytest.raises(ValueError, match="expected"):
                index.search(np.ones(width, np.float32), 1)
        with pytest.raises(ValueError, match="top_k"):
            index.search(np.ones(DIM, np.float32), 0)

    def test_options_are_checked(self, factory: Factory) -> None:
        """An unknown one, a missing one, one out of range."""
        for options in ({"dim": DIM, "links": 4}, {}, {"dim": 0}):
            with pytest.raises(ConfigError):
                factory(options)

    def test_data_that_is_no_index_is_refused(self, factory: Factory) -> None:
        """Neither noise nor the bytes of an index of another width; an index without bytes takes none."""
        index = factory({"dim": DIM})
        index.add(np.arange(50, dtype=np.int64), clustered_rows(50))
        data = index.dump()
        if not data:
            return
        for bad in (b"noise" * 100, data[: len(data) // 2]):
            with pytest.raises(ValueError):  # whatever the words
                factory({"dim": DIM, "data": bad})
        with pytest.raises(ValueError, match="width"):
            factory({"dim": DIM + 1, "data": data})

    def _recall(self, index: VectorIndex, ids: Int64, rows: Float32) -> float:
        queries = clustered_rows(100, seed=1)
        found = [
            set(index.search(query, 10)[0].tolist()) & nearest(ids, rows, query, 10) for query in queries
        ]
        return sum(map(len, found)) / (10 * len(queries))
