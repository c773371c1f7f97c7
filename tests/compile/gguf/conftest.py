import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))


@pytest.fixture
def build(tmp_path):
    """Write a tiny model and compile it; returns (file, folder)."""
    from make_tiny_gguf import write

    from ragedge.models.compile.gguf_decoder import compile_gguf

    def make(tiny, name="model"):
        path, folder = tmp_path / f"{name}.gguf", tmp_path / name
        write(tiny, path)
        folder.mkdir()
        compile_gguf(path, folder)
        return path, folder

    return make
