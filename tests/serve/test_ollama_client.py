"""Ollama's own Python client against a real server."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import ollama
import pytest
from running_server import EMBEDDER, GENERATOR, GROUNDED, QUESTION, user
from test_openai_client import FUEL, SCHEMA


@pytest.fixture(scope="module")
def client(served):
    with contextlib.closing(ollama.Client(host=served.url, timeout=120)) as client:
        yield client


def test_what_clients_look_for_first(served, client):
    with served.client() as http:
        for method in ("GET", "HEAD"):
            assert http.request(method, "/").status_code == 200
            assert http.request(method, "/api/version").status_code == 200
        assert http.get("/").text == "Ollama is running"
        assert tuple(map(int, http.get("/api/version").json()["version"].split("+")[0].split("."))) >= (
            0,
            5,
            0,
        )
    names = [model.model for model in client.list().models]
    assert names == [f"{name}:latest" for name in (GROUNDED, GENERATOR, EMBEDDER)]
    assert [model.name for model in client.ps().models] == names


@pytest.mark.parametrize("name", [GROUNDED, GENERATOR, f"{EMBEDDER}:latest"])
def test_show(client, name):
    shown = client.show(name)
    assert shown.capabilities and shown.modelinfo["general.basename"] == name.removesuffix(":latest")


@pytest.mark.parametrize("name", [GROUNDED, f"{GROUNDED}:latest"])
def test_a_grounded_chat(client, name):
    whole = client.chat(name, messages=user(QUESTION))
    assert "35 N·m" in whole.message.content and "[1] pump.pdf, page 1" in whole.message.content
    assert whole.done and whole.done_reason == "stop" and whole.model == name
    lines = list(client.chat(name, messages=user(QUESTION), stream=True))
    assert "".join(line.message.content for line in lines) == whole.message.content
    assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True]


def test_citations_stand_beside_the_text(served):
    with served.client() as http:
        sent = {"model": GROUNDED, "messages": user(QUESTION), "stream": False}
        assert http.post("/api/chat", json=sent).json()["ragedge"]["citations"][0]["page"] == 1


def test_a_stream_is_the_default_and_one_object_a_line(served):
    with served.client() as http:
        answer = http.post("/api/chat", json={"model": GROUNDED, "messages": user(QUESTION)})
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[-1]["done"] and lines[-1]["eval_duration"] >= 0


def test_generate(client):
    assert "35 N·m" in client.generate(GROUNDED, QUESTION).response
    whole = client.generate(GENERATOR, "Say hello.", options={"num_predict": 6})
    assert whole.eval_count == 6 and whole.done_reason == "length"
    lines = client.generate(GENERATOR, "Say hello.", options={"num_predict": 6}, stream=True)
    assert "".join(line.response for line in lines) == whole.response


def test_loading_and_putting_away(client):
    assert client.generate(GENERATOR).done_reason == "load"
    assert client.chat(GENERATOR, messages=[], keep_alive=0).done_reason == "unload"


def test_a_schema_holds(client):
    answer = client.chat(GENERATOR, messages=user("Name a part."), format=SCHEMA)
    assert json.loads(answer.message.content)["part"] in ("pump", "valve")


def test_a_tool_is_called_and_its_result_told(client):
    asked = user("How much fuel is left, in percent?")
    message = client.chat(GENERATOR, messages=asked, tools=[FUEL]).message
    [call] = message.tool_calls
    assert call.function.name == "fuel_level" and call.function.arguments["unit"] in ("litre", "percent")
    [streamed] = [
        called
        for line in client.chat(GENERATOR, messages=asked, tools=[FUEL], stream=True)
        for called in line.message.tool_calls or ()
    ]
    assert streamed.function == call.function
    result = {"role": "tool", "tool_name": "fuel_level", "content": "63 percent"}
    told = client.chat(
        GENERATOR, messages=[*asked, message, result], tools=[FUEL], options={"num_predict": 12}
    ).message
    assert told.content and not told.tool_calls


def test_a_python_function_as_a_tool(client):
    def fuel_level(unit: str) -> str:
        """Read how much fuel is left in the tank.

        Args:
            unit: litre or percent

        Returns:
            The level.
        """
        raise NotImplementedError

    answer = client.chat(GENERATOR, messages=user("How much fuel is left?"), tools=[fuel_level])
    assert answer.message.tool_calls[0].function.name == "fuel_level"


def test_embeddings(client):
    answer = client.embed(EMBEDDER, ["drain plug", "oil"])
    rows = np.array(answer.embeddings)
    assert rows.shape == (2, 384) and answer.prompt_eval_count > 0
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(client.embeddings(EMBEDDER, "oil").embedding, rows[1], atol=1e-6)
    assert len(client.embed(EMBEDDER, "oil", dimensions=8).embeddings[0]) == 8
    assert len(client.embed(EMBEDDER, "oil " * 2000).embeddings) == 1
    with pytest.raises(ollama.ResponseError):
        client.embed(EMBEDDER, "oil " * 2000, truncate=False)


@pytest.mark.parametrize(
    ("status", "call"),
    [
        (404, lambda client: client.chat("llama3", messages=user("x"))),
        (404, lambda client: client.show("llama3")),
        (400, lambda client: client.chat(GROUNDED, messages=user(" "))),
        (400, lambda client: client.chat(GROUNDED, messages=user("x"), format="json")),
        (400, lambda client: client.chat(GENERATOR, messages=user("x"), think=True)),
        (400, lambda client: client.chat(GENERATOR, messages=user("x"), format={"type": "nonsense"})),
        (400, lambda client: client.chat(GENERATOR, messages=user("x"), options={"temperature": -1})),
        (400, lambda client: client.chat(EMBEDDER, messages=user("x"))),
        (400, lambda client: client.embed(GENERATOR, "x")),
        (400, lambda client: client.generate(GENERATOR, "x", images=["aGVsbG8="])),
        (403, lambda client: client.pull("llama3")),
        (403, lambda client: client.delete(GENERATOR)),
    ],
)
def test_errors_have_their_status(client, status, call):
    with pytest.raises(ollama.ResponseError) as raised:
        call(client)
    assert raised.value.status_code == status and raised.value.error


def test_an_error_before_a_stream_is_no_stream(client):
    with pytest.raises(ollama.ResponseError) as raised:
        list(client.chat("llama3", messages=user("x"), stream=True))
    assert raised.value.status_code == 404
