"""OpenAI's own Python client against a real server."""

from __future__ import annotations

import base64
import json
import struct
import time

import numpy as np
import openai
import pytest
from running_server import EMBEDDER, GENERATOR, GROUNDED, QUESTION, user

SCHEMA = {
    "type": "object",
    "properties": {"part": {"enum": ["pump", "valve"]}, "count": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["part", "count"],
    "additionalProperties": False,
}  # fmt: skip
FUEL = {
    "type": "function",
    "function": {
        "name": "fuel_level",
        "description": "Reads how much fuel is left in the tank.",
        "parameters": {
            "type": "object",
            "properties": {"unit": {"enum": ["litre", "percent"]}},
            "required": ["unit"],
            "additionalProperties": False,
        },
    },
}
# Cannot end before hundreds of tokens are written.
ENDLESS = {"type": "array", "minItems": 300, "items": {"enum": ["bolt", "nut", "washer"]}}


def ask(model, **more):
    return {"model": model, "messages": user("x"), **more}


@pytest.fixture(scope="module")
def client(served):
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="any", max_retries=0, timeout=120) as client:
        yield client


def test_models(client):
    assert [model.id for model in client.models.list()] == [GROUNDED, GENERATOR, EMBEDDER]
    assert client.models.retrieve(GENERATOR).id == GENERATOR
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4")


def test_a_grounded_answer_has_its_page_in_the_text_and_beside_it(client):
    done = client.chat.completions.create(model=GROUNDED, messages=user(QUESTION))
    message = done.choices[0].message
    assert "35 N·m" in message.content
    assert "\n\n[1] pump.pdf, page 1" in message.content
    assert message.ragedge["citations"][0]["page"] == 1
    assert message.ragedge["abstained"] is False
    assert done.choices[0].finish_reason == "stop"


def test_the_stream_says_what_the_whole_answer_says(client):
    whole = client.chat.completions.create(model=GROUNDED, messages=user("How do I drain the oil?"))
    chunks = list(
        client.chat.completions.create(
            model=GROUNDED, messages=user("How do I drain the oil?"), stream=True,
            stream_options={"include_usage": True},
        )
    )  # fmt: skip
    *spoken, finish, usage = chunks
    assert "".join(chunk.choices[0].delta.content for chunk in spoken) == whole.choices[0].message.content
    assert "WARNING: Hot oil" in whole.choices[0].message.content
    assert finish.choices[0].finish_reason == "stop"
    assert finish.ragedge["safety"][0]["kind"] == "warning"
    assert usage.choices == [] and usage.usage.total_tokens >= 0
    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1
    [source] = [chunk.event for chunk in spoken if hasattr(chunk, "event")]
    assert source["data"]["metadata"][0]["page"] == 2, "Open WebUI counts pages from 0"


def test_abstaining_is_said_in_words_and_beside_them(client):
    done = client.chat.completions.create(
        model=GROUNDED, messages=user("What is the towing capacity of the moon buggy?")
    )
    message = done.choices[0].message
    assert message.content
    assert message.ragedge["abstained"] and message.ragedge["citations"] == []


def test_the_messages_are_the_conversation(client):
    asked = [
        *user("How often is the oil changed?"),
        {"role": "assistant", "content": "Every 200 hours."},
        *user("And how many litres does it take?"),
    ]
    done = client.chat.completions.create(model=GROUNDED, messages=asked)
    assert "4.5 litres" in done.choices[0].message.content


def test_without_footnotes_the_text_is_the_answer_alone(client):
    done = client.chat.completions.create(
        model=GROUNDED, messages=user(QUESTION), extra_body={"ragedge": {"footnotes": False}}
    )
    assert "[1]" not in done.choices[0].message.content


def test_the_plain_generator(client):
    whole = client.chat.completions.create(
        model=GENERATOR, messages=user("Say hello."), max_completion_tokens=8
    )
    assert whole.usage.completion_tokens == 8 and whole.choices[0].finish_reason == "length"
    stream = client.chat.completions.create(
        model=GENERATOR, messages=user("Say hello."), max_completion_tokens=8, stream=True
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text == whole.choices[0].message.content
    assert not hasattr(whole.choices[0].message, "ragedge")


def test_stop_and_content_in_parts(client):
    parts = [{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}]
    done = client.chat.completions.create(model=GENERATOR, messages=parts, max_tokens=20, stop=["!"])
    assert "!" not in done.choices[0].message.content and done.choices[0].finish_reason == "stop"


def test_completions(client):
    done = client.completions.create(model=GENERATOR, prompt="Say hello.", max_tokens=6)
    stream = client.completions.create(model=GENERATOR, prompt="Say hello.", max_tokens=6, stream=True)
    assert done.choices[0].text == "".join(chunk.choices[0].text for chunk in stream)
    assert "35 N·m" in client.completions.create(model=GROUNDED, prompt=QUESTION).choices[0].text


def test_a_json_schema_holds(client):
    done = client.chat.completions.create(
        model=GENERATOR, messages=user("Name a part and how many there are."),
        response_format={"type": "json_schema", "json_schema": {"name": "part", "schema": SCHEMA}},
    )  # fmt: skip
    found = json.loads(done.choices[0].message.content)
    assert found["part"] in ("pump", "valve") and found["count"] in range(10)


@pytest.mark.parametrize(
    "choice", ["auto", "required", {"type": "function", "function": {"name": "fuel_level"}}]
)
def test_a_tool_is_called(client, choice):
    done = client.chat.completions.create(
        model=GENERATOR, messages=user("How much fuel is left, in percent?"), tools=[FUEL], tool_choice=choice
    )
    [call] = done.choices[0].message.tool_calls
    assert done.choices[0].finish_reason == "tool_calls" and done.choices[0].message.content is None
    assert call.function.name == "fuel_level" and json.loads(call.function.arguments)["unit"] in (
        "litre",
        "percent",
    )


def test_a_tool_is_called_in_a_stream_and_its_result_told(client):
    asked = user("How much fuel is left, in percent?")
    chunks = list(client.chat.completions.create(model=GENERATOR, messages=asked, tools=[FUEL], stream=True))
    [call] = [c for chunk in chunks if chunk.choices for c in chunk.choices[0].delta.tool_calls or ()]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    told = client.chat.completions.create(
        model=GENERATOR, tools=[FUEL], max_tokens=16,
        messages=[
            *asked,
            {"role": "assistant", "content": None, "tool_calls": [call.model_dump(exclude={"index"})]},
            {"role": "tool", "tool_call_id": call.id, "content": "63 percent"},
        ],
    )  # fmt: skip
    assert told.choices[0].message.content and told.choices[0].message.tool_calls is None


def test_no_tool_is_called_for_what_none_speaks_of(client):
    done = client.chat.completions.create(
        model=GENERATOR, messages=user("Say hello."), tools=[FUEL], max_tokens=8
    )
    assert done.choices[0].message.tool_calls is None and done.choices[0].message.content


def test_embeddings_as_floats_and_as_base64_are_the_same(client):
    texts = ["drain plug", "oil"]
    coded = client.embeddings.create(model=EMBEDDER, input=texts)  # base64, by the client's default
    plain = client.embeddings.create(model=EMBEDDER, input=texts, encoding_format="float")
    assert [item.index for item in coded.data] == [0, 1] and coded.usage.prompt_tokens > 0
    for a, b in zip(coded.data, plain.data, strict=True):
        np.testing.assert_allclose(a.embedding, b.embedding, atol=1e-6)
        assert np.linalg.norm(a.embedding) == pytest.approx(1, abs=1e-3)


def test_base64_is_little_endian_float32(served):
    with served.client() as http:
        sent = {"model": EMBEDDER, "input": "oil", "encoding_format": "base64", "dimensions": 8}
        [item] = http.post("/v1/embeddings", json=sent).json()["data"]
    row = struct.unpack("<8f", base64.b64decode(item["embedding"]))
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (openai.NotFoundError, {"model": "gpt-4", "messages": user("x")}),
        (openai.BadRequestError, {"model": GROUNDED, "messages": []}),
        (openai.BadRequestError, {"model": GROUNDED, "messages": user("x" * 5000)}),
        (openai.BadRequestError, {"model": GROUNDED, "messages": user("  ")}),
        (openai.BadRequestError, {"model": GROUNDED, "messages": [{"role": "system", "content": "x"}]}),
        (openai.BadRequestError, ask(GROUNDED, tools=[FUEL], tool_choice="required")),
        (openai.BadRequestError, ask(GROUNDED, response_format={"type": "json_object"})),
        (openai.BadRequestError, {"model": GENERATOR, "messages": user("word " * 2000)}),
        (openai.BadRequestError, {"model": GENERATOR, "messages": user("x"), "n": 2}),
        (openai.BadRequestError, {"model": GENERATOR, "messages": user("x"), "temperature": -1}),
        (openai.BadRequestError, {"model": GENERATOR, "messages": user("x"), "logprobs": True}),
        (openai.BadRequestError, {"model": EMBEDDER, "messages": user("x")}),
        (
            openai.BadRequestError,
            {
                "model": GENERATOR,
                "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}],
            },
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_errors_have_their_status_and_form(client, error, sent, stream):
    with pytest.raises(error) as raised:
        client.chat.completions.create(**sent, stream=stream)
    assert raised.value.body["message"] and raised.value.body["type"]


@pytest.mark.parametrize("value", [[[1, 2]], {"a": 1}, [1, 2], None, ["x"] * 2049])
def test_what_cannot_be_embedded_is_refused(client, value):
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model=EMBEDDER, input=value)


def test_an_unknown_path_has_an_error_of_the_same_form(client, served):
    with served.client() as http:
        answer = http.post("/v1/images/generations", json={})
        assert answer.status_code == 404 and answer.json()["error"]["message"]
        assert http.get("/v1/chat/completions").status_code == 405


@pytest.mark.parametrize("model", [GENERATOR])
def test_a_client_that_goes_away_stops_its_generation(client, served, model):
    before = served.metric('ragedge_tokens_total{kind="new"}')
    form = {"type": "json_schema", "json_schema": {"name": "parts", "schema": ENDLESS}}
    stream = client.chat.completions.create(
        model=model, messages=user("List parts."), response_format=form, stream=True
    )
    for number, _ in enumerate(stream):
        if number == 3:
            break
    stream.close()
    deadline = time.monotonic() + 60
    while served.metric("ragedge_generating "):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert served.metric('ragedge_tokens_total{kind="new"}') - before < 500, "it would have written over 600"
    assert client.chat.completions.create(model=model, messages=user("x"), max_tokens=1).choices
