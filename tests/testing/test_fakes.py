"""Fakes stand in for real parts in other tests, so they keep the same contracts."""

from __future__ import annotations

import pytest

from ragedge.testing.embedder_contract import EmbedderContract
from ragedge.testing.hash_embedder import HashEmbedder
from ragedge.testing.reranker_contract import RerankerContract
from ragedge.testing.word_reranker import WordReranker


class TestHashEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> HashEmbedder:
        return HashEmbedder()


class TestWordReranker(RerankerContract):
    @pytest.fixture
    def reranker(self) -> WordReranker:
        return WordReranker()
