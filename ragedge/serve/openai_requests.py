"""What OpenAI's clients send, and the chat that is meant; unknown fields are left alone, as their servers do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ragedge.serve.chat import Chat, ChatTurn, ClientTool, Extra, ToolCall
from ragedge.serve.plain_chat import json_grammar
from ragedge.serve.refusals import RefusedError

if TYPE_CHECKING:
    from ragedge.datatypes import Grammar
    from ragedge.serve.served_models import ServedModel

_ROLES: dict[str, Literal["system", "user", "assistant", "tool"]] = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool",
    "function": "tool",
}  # fmt: skip
_TOOL_NAME = r"^[A-Za-z0-9_-]{1,64}$"
_MOST_TOOLS = 128


class _Open(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Function(_Open):
    """A function of the client's."""

    name: Annotated[str, Field(pattern=_TOOL_NAME)]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(_Open):
    """What may be called."""

    type: Literal["function"] = "function"
    function: Function


class CalledFunction(_Open):
    """A call as the model wrote it: arguments are JSON text."""

    name: str
    arguments: str = "{}"


class Called(_Open):
    """A call of an earlier turn."""

    id: str = ""
    function: CalledFunction


class Message(_Open):
    """One turn."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[Called] | None = None
    tool_call_id: str | None = None


class StreamOptions(_Open):
    """Of a stream."""

    include_usage: bool = False


class _Sampled(_Open):
    model: str
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | None = None
    stop: str | list[str] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    n: int | None = None
    ragedge: Extra = Field(default_factory=Extra)

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with the counts."""
        return self.stream_options is not None and self.stream_options.include_usage

    def sampling(self) -> dict[str, Any]:
        """Return the fields of ``GenerationOptions`` that were given."""
        keys = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
        found = {key: getattr(self, key) for key in keys if getattr(self, key) is not None}
        if self.seed is not None:
            found["seed"] = abs(self.seed)
        if self.stop:
            found["stop"] = (self.stop,) if isinstance(self.stop, str) else tuple(s for s in self.stop if s)
        return found

    def check(self) -> None:
        """Refuse what nobody here does.

        Raises:
            RefusedError: 400: more than one answer.
        """
        if self.n not in (None, 1):
            raise RefusedError(400, "n can only be 1", code="unsupported_value", param="n")


class ChatRequest(_Sampled):
    """``/v1/chat/completions``."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    response_format: dict[str, Any] | None = None
    tools: Annotated[list[Tool], Field(max_length=_MOST_TOOLS)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    logprobs: bool | None = None

    def chat(self, model: ServedModel) -> Chat:
        """Return what is asked for.

        Raises:
            RefusedError: 400: it holds a picture, or asks for what is not done here.
        """
        self.check()
        if self.logprobs:
            raise RefusedError(400, "logprobs are not given", code="unsupported_value", param="logprobs")
        names: dict[str, str] = {}
        turns = []
        for message in self.messages:
            calls = tuple(_call(called) for called in message.tool_calls or ())
            names |= {called.id: called.function.name for called in message.tool_calls or ()}
            tool = message.name or names.get(message.tool_call_id or "", "")
            turns.append(ChatTurn(_ROLES[message.role], _text(message.content), calls, tool))
        return Chat(
            model, tuple(turns), self.max_completion_tokens or self.max_tokens, self.sampling(),
            _grammar(self.response_format), tuple(_tool(one.function) for one in self.tools or ()),
            _choice(self.tool_choice), self.ragedge,
        )  # fmt: skip


class CompletionRequest(_Sampled):
    """``/v1/completions``: one prompt, taken as a user's message."""

    prompt: str | list[Any]
    suffix: str | None = None
    echo: bool | None = None

    def chat(self, model: ServedModel) -> Chat:
        """Return what is asked for.

        Raises:
            RefusedError: 400: it is not one text.
        """
        self.check()
        prompt = self.prompt[0] if isinstance(self.prompt, list) and len(self.prompt) == 1 else self.prompt
        if not isinstance(prompt, str):
            raise RefusedError(400, "prompt is one text", code="invalid_value", param="prompt")
        for name in ("suffix", "echo"):
            if getattr(self, name):
                raise RefusedError(400, f"{name} is not supported", code="unsupported_value", param=name)
        return Chat(model, (ChatTurn("user", prompt),), self.max_tokens, self.sampling(), extra=self.ragedge)


class EmbeddingRequest(_Open):
    """``/v1/embeddings``."""

    model: str
    input: Any
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


def _text(content: str | list[dict[str, Any]] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    texts = []
    for part in content:
        kind = part.get("type")
        text = part.get("text") if kind in ("text", "input_text", "output_text") else part.get("refusal")
        if not isinstance(text, str):
            raise RefusedError(
                400, f"content of type {str(kind)[:40]!r} is not read here; text is", code="unsupported_value",
                param="messages",
            )  # fmt: skip
        texts.append(text)
    return "\n".join(texts)


def _call(called: Called) -> ToolCall:
    try:
        arguments = json.loads(called.function.arguments or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise RefusedError(
            400, "arguments of a tool call are a JSON object, as text", code="invalid_value", param="messages"
        )
    return ToolCall(called.function.name, arguments)


def _tool(function: Function) -> ClientTool:
    return ClientTool(function.name, function.description or "", function.parameters or {"type": "object"})


def _choice(choice: str | dict[str, Any] | None) -> str:
    if choice is None or choice in ("auto", "none", "required"):
        return str(choice or "auto")
    function = choice.get("function") if isinstance(choice, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        raise RefusedError(
            400, "tool_choice is auto, none, required, or an object that names a function", code="invalid_value",
            param="tool_choice",
        )  # fmt: skip
    return name


def _grammar(form: dict[str, Any] | None) -> Grammar | None:
    kind = (form or {}).get("type", "text")
    if form is None or kind == "text":
        return None
    if kind == "json_object":
        return json_grammar(None)
    wrapped = form.get("json_schema")
    schema = wrapped.get("schema") if isinstance(wrapped, dict) else None
    if kind != "json_schema" or not isinstance(schema, dict):
        raise RefusedError(
            400, "response_format is text, json_object, or json_schema with a schema", code="invalid_value",
            param="response_format",
        )  # fmt: skip
    return json_grammar(schema)
