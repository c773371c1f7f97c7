from __future__ import annotations

from pathlib import Path

import pytest

from ragedge.testing.embedder_contract import EmbedderContract


@pytest.mark.usefixtures("home_with_embedder")
class TestOnnxEmbedder(EmbedderContract):
    plugin = "onnx"

    @pytest.fixture
    def options(self, home_with_embedder: Path) -> dict[str, object]:
        return {"model": "minilm-l6", "threads": 2}
