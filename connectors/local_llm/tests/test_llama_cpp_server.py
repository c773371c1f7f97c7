"""The generator against llama.cpp's own server with the default model: the whole contract, in two dialects."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ragedge_local_llm
from ragedge_local_llm.generator import LocalLLMGenerator

from ragedge import plugins
from ragedge.datatypes import GenerationOptions, Message
from ragedge.testing.generator_contract import GeneratorContract

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, smollm2_gguf: Path) -> Iterator[str]:
    """Start the server on a free port and return its address."""
    pytest.importorskip("llama_cpp.server.app")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "llama_cpp.server",
        "--model",
        str(smollm2_gguf),
        "--model_alias",
        "smollm2",
    ]
    log = Path(tmp_path_factory.mktemp("log")) / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--n_ctx", "1024", "--n_threads", "2"], stdout=out, stderr=out
        )
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(1200):
                if process.poll() is not None:
                    pytest.fail(f"the server ended: {log.read_text('utf-8', 'replace')[-500:]}")
                if (
                    ragedge_local_llm.create({"model": "smollm2", "url": url, "dialect": "openai"}).check()
                    == ""
                ):
                    break
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.parametrize("dialect", ["llama_cpp", "openai"])
class TestContract(GeneratorContract):
    @pytest.fixture
    def generator(self, server: str, dialect: str) -> LocalLLMGenerator:
        return ragedge_local_llm.create({"model": "smollm2", "url": server, "dialect": dialect})


@pytest.mark.usefixtures("home_with_models")
def test_it_says_what_the_built_in_generator_says(server: str) -> None:
    """Both hold the same weights; greedy texts of a small model part after some words, not before."""
    own = plugins.create("generator", "onnx", {"model": "smollm2-135m", "threads": 2})
    theirs = ragedge_local_llm.create({"model": "smollm2", "url": server, "dialect": "llama_cpp"})
    prompt = (Message("user", "What is the capital of France?"),)
    options = GenerationOptions(max_new_tokens=5)
    assert "".join(own.generate(prompt, options)) == "".join(theirs.generate(prompt, options))
