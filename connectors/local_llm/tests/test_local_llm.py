"""The generator against servers that answer as the vendors' code does; the real llama.cpp is in the slow part."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ragedge_local_llm
from ragedge_local_llm.address import parse_address
from ragedge_local_llm.generator import LocalLLMGenerator
from replaying_server import SCRIPTS, WORDS, Answer, ReplayingServer, openai, serving

from ragedge.datatypes import GenerationOptions, Message
from ragedge.errors import ConfigError, ModelError, ModelNotFoundError, RagedgeError
from ragedge.testing.generator_contract import GeneratorContract

PROMPT = (Message("system", "Answer briefly."), Message("user", "What colour is the sky?"))
ANSWER = "".join(WORDS)


def connect(server: ReplayingServer, dialect: str = "openai", **options: Any) -> LocalLLMGenerator:
    return ragedge_local_llm.create(
        {"model": "tiny", "dialect": dialect, "url": server.url, "busy_s": 5, **options}
    )


@pytest.mark.parametrize("dialect", SCRIPTS)
class TestContract(GeneratorContract):
    @pytest.fixture
    def generator(self, dialect: str) -> Iterator[LocalLLMGenerator]:
        with serving(SCRIPTS[dialect]) as server:
            yield connect(server, dialect)


@pytest.mark.parametrize("dialect", SCRIPTS)
def test_each_server_is_told_in_its_own_words(dialect: str) -> None:
    with serving(SCRIPTS[dialect]) as server:
        generator = connect(server, dialect)
        options = GenerationOptions(max_new_tokens=40, seed=7, stop=(" clear",))
        generation = generator.generate(PROMPT, options)
        assert "".join(generation) == "The sky is blue on a"
        assert generation.stats.finish_reason == "stop"
        assert generator.check() == ""
    (path, body), _ = server.requests
    assert body["model"] == "tiny"
    assert body["stream"] is True
    assert "Answer briefly." in json.dumps(body["messages"])
    if path == "/api/chat":
        assert body["options"] | {"temperature": 0, "seed": 7, "num_predict": 40} == body["options"]
        assert ("stop" in body["options"]) == (dialect == "ollama")
        assert ("num_ctx" in body["options"]) == (dialect == "ollama")
    else:
        assert body | {"temperature": 0, "seed": 7, "max_tokens": 40} == body
        assert ("stop" in body) == (dialect != "rkllm")
        assert ("repeat_penalty" in body) == (dialect in ("llama_cpp", "rkllm"))


@pytest.mark.parametrize(("dialect", "counted"), [("ollama", 21), ("openai", 21), ("rkllm", None)])
def test_counts_are_the_servers_where_it_counts_tokens(dialect: str, counted: int | None) -> None:
    with serving(SCRIPTS[dialect]) as server:
        generator = connect(server, dialect)
        generation = generator.generate(PROMPT, GenerationOptions(max_new_tokens=4))
        list(generation)
    assert generation.stats.prompt_tokens == (counted or generator.count_tokens(PROMPT))
    assert generation.stats.new_tokens == 4
    assert generation.stats.finish_reason == ("length" if counted else "stop")  # RKLLM always says stop


def test_a_unix_socket_is_asked_as_well(tmp_path: Path) -> None:
    with serving(openai, tmp_path / "llm.sock") as server:
        assert "".join(connect(server).generate(PROMPT, GenerationOptions())) == ANSWER


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_waited_for(status: int) -> None:
    def busy_at_first(path: str, body: dict[str, Any]) -> Answer:
        if len(server.requests) < 3:
            return status, "application/json", [b'{"error": {"message": "RKLLM_Server is busy!"}}']
        return openai(path, body)

    with serving(busy_at_first) as server:
        assert "".join(connect(server).generate(PROMPT, GenerationOptions())) == ANSWER
        assert len(server.requests) == 3
        server.requests.clear()
        with pytest.raises(ModelError, match=f"{status}: RKLLM_Server is busy!"):
            list(connect(server, busy_s=0).generate(PROMPT, GenerationOptions()))


def test_waiting_for_a_busy_server_can_be_given_up() -> None:
    def busy(path: str, body: dict[str, Any]) -> Answer:
        return 503, "application/json", [b'{"error": "busy"}']

    with serving(busy) as server:
        generation = connect(server, busy_s=60).generate(PROMPT, GenerationOptions())
        threading.Timer(0.2, generation.close).start()
        started = time.monotonic()
        assert list(generation) == []
        assert time.monotonic() - started < 30
    assert generation.stats.finish_reason == "aborted"


@pytest.mark.parametrize(
    ("dialect", "answer", "said"),
    [
        ("hailo", (200, [b'{"error":"Failed to load the HEF"}\n']), "Failed to load the HEF"),
        ("hailo", (404, [b'{"error":"model \'tiny\' not found"}']), "model 'tiny' not found"),
        ("ollama", (200, [b'{"message":{"content":"The"}}\n', b'{"error":"out of memory"}\n']), "out of memory"),
        ("openai", (200, [b'data: {"error":{"message":"context shift failed"}}\n\n']), "context shift failed"),
        ("openai", (400, [b'{"error":{"message":"too long","type":"invalid"}}']), "400: too long"),
        ("rkllm", (500, [b"<html>Internal Server Error</html>"]), "500: <html>Internal"),
        ("ollama", (200, [b"<html>hello</html>\n"]), "not what its dialect sends"),
        ("axllm", (200, [b"data: [1, 2]\n\n"]), "not what its dialect sends"),
    ],
)  # fmt: skip
def test_failures_are_told_and_leave_it_ready(
    dialect: str, answer: tuple[int, list[bytes]], said: str
) -> None:
    def failing(path: str, body: dict[str, Any]) -> Answer:
        if len(server.requests) > 1:
            return SCRIPTS[dialect](path, body)
        return answer[0], "application/json", answer[1]

    with serving(failing) as server:
        generator = connect(server, dialect)
        generation = generator.generate(PROMPT, GenerationOptions())
        with pytest.raises(ModelNotFoundError if answer[0] == 404 else ModelError) as caught:
            list(generation)
        assert said in caught.value.message
        assert generation.stats.finish_reason == "aborted"
        assert "".join(generator.generate(PROMPT, GenerationOptions())) == ANSWER


def test_what_was_closed_before_the_server_replies_stays_aborted() -> None:
    release = threading.Event()

    def silent(path: str, body: dict[str, Any]) -> Answer:
        release.wait(30)
        return openai(path, body)

    with serving(silent) as server:
        generation = connect(server).generate(PROMPT, GenerationOptions())
        threading.Timer(0.2, generation.close).start()
        threading.Timer(1.0, release.set).start()
        assert list(generation) == []
    assert generation.stats.finish_reason == "aborted"


def test_no_server_is_one_clear_line() -> None:
    generator = ragedge_local_llm.create({"model": "tiny", "url": "http://127.0.0.1:9"})
    with pytest.raises(ModelError, match=r"no model server answers at http://127\.0\.0\.1:9"):
        list(generator.generate(PROMPT, GenerationOptions()))
    assert "no model server answers" in generator.check()


def test_a_model_that_is_not_there_is_named_by_the_check() -> None:
    with serving(openai) as server:
        assert "has no model 'large'" in connect(server, model="large").check()


@pytest.mark.parametrize(
    ("url", "read_as"),
    [
        ("http://localhost:11434", "http://127.0.0.1:11434"),
        ("http://127.0.0.2:1/", "http://127.0.0.2:1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080"),
        ("http://127.0.0.1/npu/v1/", "http://127.0.0.1:80/npu"),
        ("unix:///run/llm.sock", "unix:/run/llm.sock"),
    ],
)
def test_addresses_of_this_device(url: str, read_as: str) -> None:
    assert str(parse_address(url)) == read_as


@pytest.mark.parametrize(
    "url",
    [
        "http://192.168.1.7:8000", "http://0.0.0.0:8000", "http://example.com", "https://127.0.0.1:1", "127.0.0.1:1",
        "http://127.0.0.1.example.com", "http://user@127.0.0.1:1", "http://127.0.0.1:99999", "unix:llm.sock", "", "http://",
        "http://[::ffff:8.8.8.8]:80", "http://2130706433.example", "ftp://127.0.0.1",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        parse_address(url)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"model": ""}, {"model": "a", "dialect": "grpc"}, {"model": "a", "key": 1},
        {"model": "a", "timeout_s": "1"}, {"model": "a", "busy_s": -1}, {"model": "a", "context_window": True},
        {"model": "a", "url": "http://10.0.0.1:80"},
    ],
)  # fmt: skip
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        ragedge_local_llm.create(options)
    assert isinstance(caught.value, RagedgeError)


def test_what_the_core_says_of_threads_is_the_servers_affair() -> None:
    assert (
        ragedge_local_llm.create({"model": "a", "threads": 2, "backend": "cpu", "slot_memory_mb": 64}).name
        == "a"
    )
