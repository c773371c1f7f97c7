"""The generator's own refusals; with llama.cpp, which takes minutes to build, the contract in the slow part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import ragedge_llama_cpp

from ragedge.datatypes import GenerationOptions, Message
from ragedge.errors import ConfigError, ModelIntegrityError, ModelNotFoundError
from ragedge.testing.generator_contract import GeneratorContract


@pytest.mark.parametrize(
    "options",
    [{}, {"model": ""}, {"model": "a", "n_gpu": 1}, {"model": "a", "threads": -1}, {"model": "a", "gpu_layers": "1"}],
)  # fmt: skip
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        ragedge_llama_cpp.create(options)


def test_what_is_no_gguf_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        ragedge_llama_cpp.create({"model": str(tmp_path / "none.gguf")})
    (tmp_path / "a.gguf").write_bytes(b"not a model")
    with pytest.raises(ModelIntegrityError):
        ragedge_llama_cpp.create({"model": str(tmp_path / "a.gguf")})


@pytest.fixture(scope="module")
def llama(smollm2_gguf: Path) -> Any:
    pytest.importorskip("llama_cpp")
    return ragedge_llama_cpp.create({"model": str(smollm2_gguf), "threads": 2, "backend": "cpu"})


@pytest.mark.slow
class TestContract(GeneratorContract):
    @pytest.fixture
    def generator(self, llama: Any) -> Any:
        return llama


@pytest.mark.slow
def test_a_damaged_file_is_refused(smollm2_gguf: Path, tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp")
    (tmp_path / "cut.gguf").write_bytes(smollm2_gguf.read_bytes()[:1_000_000])
    with pytest.raises(ModelIntegrityError, match="cannot load"):
        ragedge_llama_cpp.create({"model": str(tmp_path / "cut.gguf")})


@pytest.mark.slow
def test_a_second_question_of_one_thread_ends_the_first(llama: Any) -> None:
    first = llama.generate([Message("user", "Count to ten.")], GenerationOptions(max_new_tokens=30))
    next(iter(first))
    second = "".join(llama.generate([Message("user", "Say yes.")], GenerationOptions(max_new_tokens=4)))
    assert second
    assert list(first) == []
    assert first.stats.finish_reason == "aborted"
