"""The requests that Open WebUI 0.12 makes of a connection, in its order and form, against a real server.

Read from ``open_webui/routers/openai.py``, ``routers/ollama.py`` and ``utils/middleware.py`` of its wheel; the package
itself wants torch and a hundred others, and does not install beside ragedge.
"""

from __future__ import annotations

import json

import pytest
from running_server import GROUNDED, QUESTION, user

JSON = {"Content-Type": "application/json", "Authorization": "Bearer sk-none"}


@pytest.fixture
def client(served):
    with served.client(headers=JSON) as client:
        yield client


def test_a_connection_of_the_kind_openai(client):
    # routers/openai.py: verify_connection and get_all_models read ids, and drop what has none.
    listed = client.get("/v1/models")
    assert listed.status_code == 200
    [first, *_] = [model["id"] for model in listed.json()["data"] if model.get("id") is not None]
    assert first == GROUNDED
    # generate_chat_completion posts the browser's fields on, those it does not know included.
    sent = {
        "stream": True, "model": first, "messages": user(QUESTION), "params": {}, "features": {}, "variables": {},
        "stream_options": {"include_usage": True}, "metadata": {"chat_id": "c"}, "max_tokens": 128,
    }  # fmt: skip
    text, sources, usage = "", [], {}
    with client.stream("POST", "/v1/chat/completions", json=sent) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            # process_chat_response: events go to the page, deltas into the message, usage beside it.
            if not line.startswith("data:"):
                continue
            data = line[len("data:") :].strip()
            if data == "[DONE]":
                break
            chunk = json.loads(data)
            if "event" in chunk:
                sources.append(chunk["event"])
            usage |= chunk.get("usage") or {}
            for choice in chunk["choices"]:
                text += choice["delta"].get("content") or ""
    assert "35 N·m" in text and usage["total_tokens"] >= 0
    [source] = sources
    assert source["type"] == "source" and source["data"]["source"]["name"] == "pump.pdf"
    assert len(source["data"]["document"]) == len(source["data"]["metadata"]) >= 1
    assert all({"source", "page"} <= set(item) for item in source["data"]["metadata"])


def test_a_connection_of_the_kind_ollama(client):
    # routers/ollama.py: verify_connection, get_all_models, get_ollama_loaded_models, then chat.
    assert client.get("/api/version").json()["version"]
    models = client.get("/api/tags").json()["models"]
    assert all(model["model"] and model["name"] for model in models)
    assert {model["model"] for model in client.get("/api/ps").json()["models"]} == {
        m["model"] for m in models
    }
    name = models[0]["model"]
    assert ":" in name, "it appends :latest to a name without a tag"
    assert client.post("/api/show", json={"name": name}).json()["model_info"] is not None
    sent = {
        "model": name,
        "messages": user(QUESTION),
        "stream": True,
        "options": {"num_ctx": 2048},
        "keep_alive": "5m",
    }
    lines = client.post("/api/chat", json=sent).text.splitlines()
    spoken = [json.loads(line) for line in lines]
    assert "35 N·m" in "".join(line["message"]["content"] for line in spoken)
    assert spoken[-1]["done"] is True and {"eval_count", "eval_duration", "total_duration"} <= set(spoken[-1])


def test_what_it_asks_of_a_model_for_titles_is_answered_or_refused_in_order(client):
    task = "### Task:\nGenerate a concise, 3-5 word title.\n### Chat History:\n" + "USER: x\n" * 800
    refused = client.post(
        "/v1/chat/completions", json={"model": GROUNDED, "messages": user(task), "stream": False}
    )
    assert refused.status_code == 400 and refused.json()["error"]["message"]
