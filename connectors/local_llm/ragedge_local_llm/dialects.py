"""What each server understands, and where it differs from what its name promises.

Sources, read as code where it is public: Ollama ``docs/api.md``; llama.cpp's and llama-cpp-python's servers;
hailo-ollama ``hailo-ai/hailo_model_zoo_genai/src/library/controller/controller.cpp`` and ``dto/DTOs.hpp``;
``airockchip/rknn-llm/examples/rkllm_server_demo/rkllm_server/flask_server.py``; ``AXERA-TECH/ax-llm`` (its
``axllm serve`` by use in public projects; the server's own source is a submodule that was not read).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragedge.datatypes import GenerationOptions, Message
from ragedge.errors import ModelError

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an answer.

    Attributes:
        text: New text; may be empty.
        finish: Why it ended: ``stop`` or ``length``; None while it goes on.
        prompt_tokens: By the server's count; None where it does not say.
        new_tokens: Likewise.
        error: The server's own complaint; empty where there is none.
        ended: Nothing follows.
    """

    text: str = ""
    finish: str | None = None
    prompt_tokens: int | None = None
    new_tokens: int | None = None
    error: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of server is spoken to.

    Attributes:
        name: As it is configured.
        port: Where the server listens unless told otherwise.
        path: Where a chat is posted.
        models_path: Lists what is installed.
        context_window: Tokens, where the configuration does not say.
        body: Builds the request.
        read: Reads a line of the answer.
    """

    name: str
    port: int
    path: str
    models_path: str
    context_window: int
    body: Callable[[str, Sequence[Message], GenerationOptions, int], Body]
    read: Callable[[str], Event]


def ollama_body(model: str, messages: Sequence[Message], options: GenerationOptions, window: int) -> Body:
    """Ollama ``POST /api/chat``; without ``num_ctx`` it cuts long prompts to its own default, in silence."""
    decoding = _plain(options) | {"num_predict": options.max_new_tokens, "num_ctx": window}
    if options.stop:
        decoding["stop"] = list(options.stop)
    return {"model": model, "messages": _chat(messages), "stream": True, "options": decoding}


def hailo_body(model: str, messages: Sequence[Message], options: GenerationOptions, _: int) -> Body:
    """hailo-ollama ``POST /api/chat``.

    Its options are six: no stop strings (they are cut here), no ``num_ctx`` (the window is compiled in), and
    ``keep_alive`` only as whole seconds. Its ``/v1/chat/completions`` does not stream.
    """
    decoding = _plain(options) | {"num_predict": options.max_new_tokens}
    return {"model": model, "messages": _chat(messages), "stream": True, "options": decoding}


def openai_body(model: str, messages: Sequence[Message], options: GenerationOptions, _: int) -> Body:
    """OpenAI ``POST /v1/chat/completions``; ``top_k`` is not of that interface."""
    plain = _plain(options)
    plain.pop("top_k", None)
    body = {"model": model, "messages": _chat(messages), "stream": True, "max_tokens": options.max_new_tokens}
    if options.stop:
        body["stop"] = list(options.stop)
    return body | plain | {"stream_options": {"include_usage": True}}


def llama_cpp_body(model: str, messages: Sequence[Message], options: GenerationOptions, window: int) -> Body:
    """llama.cpp's servers take ``top_k`` beside it; llama-cpp-python's would penalise repetition unless told not to."""
    body = openai_body(model, messages, options, window) | {"repeat_penalty": 1.0}
    return body | ({"top_k": options.top_k} if options.top_k else {})


def axllm_body(model: str, messages: Sequence[Message], options: GenerationOptions, window: int) -> Body:
    """``axllm serve``: the OpenAI interface, nothing beyond its oldest fields."""
    body = openai_body(model, messages, options, window)
    body.pop("stream_options")
    return body


def rkllm_body(model: str, messages: Sequence[Message], options: GenerationOptions, window: int) -> Body:
    """RKLLM's server reads the last user message alone, so all others are folded into it.

    It takes ``top_k`` 1 and a penalty on repetition unless told otherwise, and knows no stop strings.
    """
    folded = "\n\n".join(message.content for message in messages)
    body = axllm_body(model, [Message("user", folded)], options, window)
    body.pop("stop", None)
    greedy = options.temperature == 0
    return body | {
        "top_k": 1 if greedy else options.top_k or 40,
        "repeat_penalty": 1.0,
        "enable_thinking": False,
    }


def read_ndjson(line: str) -> Event:
    """Read a line of Ollama's stream; hailo-ollama reports some errors in one, with status 200."""
    data = _object(line)
    if error := _error_of(data):
        return Event(error=error, ended=True)
    message = data.get("message")
    text = message.get("content") if isinstance(message, Mapping) else data.get("response")
    done = data.get("done") is True
    return Event(
        text=text if isinstance(text, str) else "",
        finish=("length" if data.get("done_reason") == "length" else "stop") if done else None,
        prompt_tokens=_count(data.get("prompt_eval_count")),
        new_tokens=_count(data.get("eval_count")) if done else None,
        ended=done,
    )


def read_events(line: str) -> Event:
    """Read a line of a server-sent event stream; a body that is not one is read as the whole answer."""
    if line.startswith((":", "event:", "id:", "retry:")):
        return Event()
    payload = line.removeprefix("data:").strip()
    if payload == "[DONE]":
        return Event(ended=True)
    data = _object(payload)
    if error := _error_of(data):
        return Event(error=error, ended=True)
    usage = data.get("usage")
    counts = usage if isinstance(usage, Mapping) else {}
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
    part = choice.get("delta") or choice.get("message") or {}
    text = part.get("content") if isinstance(part, Mapping) else None
    reason = choice.get("finish_reason")
    return Event(
        text=text if isinstance(text, str) else "",
        finish=None if reason is None else "length" if reason == "length" else "stop",
        prompt_tokens=_count(counts.get("prompt_tokens")),
        new_tokens=_count(counts.get("completion_tokens")),
        ended="message" in choice,
    )


def read_events_uncounted(line: str) -> Event:
    """RKLLM's server counts words, not tokens: its numbers are left out."""
    event = read_events(line)
    return Event(text=event.text, finish=event.finish, error=event.error, ended=event.ended)


def error_text(body: str) -> str:
    """Return what a refusal says, in any dialect's form; the first line of anything else."""
    try:
        said = _error_of(json.loads(body))
    except ValueError:
        said = ""
    return said or body.strip().partition("\n")[0][:200]


def _chat(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _plain(options: GenerationOptions) -> Body:
    """Return what all of them call by one name; greedy is a temperature of 0."""
    body: Body = {"temperature": options.temperature}
    if options.temperature > 0:
        body["top_p"] = options.top_p
        if options.top_k:
            body["top_k"] = options.top_k
    if options.seed is not None:
        body["seed"] = options.seed
    return body


def _object(line: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise ModelError(
            "the model server's answer is not what its dialect sends", hint="check generate.options.dialect"
        )
    return data


def _error_of(data: Any) -> str:
    error = data.get("error") if isinstance(data, dict) else None
    if isinstance(error, Mapping):
        error = error.get("message") or error.get("type") or "an error without a message"
    return str(error) if error else ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


_CHAT, _COMPLETIONS = "/api/chat", "/v1/chat/completions"
_TAGS, _MODELS = "/api/tags", "/v1/models"

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect("ollama", 11434, _CHAT, _TAGS, 4096, ollama_body, read_ndjson),
        Dialect("openai", 8000, _COMPLETIONS, _MODELS, 2048, openai_body, read_events),
        Dialect("llama_cpp", 8080, _COMPLETIONS, _MODELS, 2048, llama_cpp_body, read_events),
        Dialect("hailo", 8000, _CHAT, _TAGS, 2048, hailo_body, read_ndjson),
        Dialect("axllm", 8000, _COMPLETIONS, _MODELS, 1023, axllm_body, read_events),
        Dialect("rkllm", 8080, _COMPLETIONS, _MODELS, 4096, rkllm_body, read_events_uncounted),
    )
}
