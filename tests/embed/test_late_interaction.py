"""The built-in reranker under the contract, over a model compiled for whole texts."""

import numpy as np
import pytest

from ragedge.embed import late_interaction
from ragedge.embed.encoder_runs import encoder_feeds
from ragedge.errors import ConfigError
from ragedge.testing.reranker_contract import RerankerContract


@pytest.fixture(scope="module")
def built(minilm_dir):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGEDGE_HOME", str(minilm_dir.parent.parent))
        return late_interaction.create({"threads": 1})


class TestLateInteraction(RerankerContract):
    plugin = "late_interaction"

    @pytest.fixture
    def reranker(self, built):
        return built


def test_tokens_come_from_the_graph_that_gives_the_whole_texts_vector(built, minilm_dir, monkeypatch):
    """The mean of a text's token vectors, before they are normalised, is the direction of its embedding."""
    from ragedge.embed import onnx_embedder

    monkeypatch.setenv("RAGEDGE_HOME", str(minilm_dir.parent.parent))
    ids = np.array([built._tokenizer.encode("Tighten the drain plug.").ids], np.int64)
    rows = built._session.run(encoder_feeds(built._session, ids[0]), [built._output])
    mean = rows[built._output][0].mean(axis=0)
    whole = onnx_embedder.create({"threads": 1}).embed_passages(["Tighten the drain plug."])[0]
    assert float(mean @ whole / np.linalg.norm(mean)) > 0.999


@pytest.mark.parametrize("options", [{"modell": "x"}, {"threads": -1}, {"threads": True}])
def test_options_are_checked(options):
    with pytest.raises(ConfigError, match="late_interaction"):
        late_interaction.create(options)
