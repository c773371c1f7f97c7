"""What Ollama's clients send, and the chat that is meant; unknown fields are left alone, as Ollama does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ragedge.serve.chat import Chat, ChatTurn, ClientTool, Extra, ToolCall
from ragedge.serve.plain_chat import json_grammar
from ragedge.serve.refusals import RefusedError

if TYPE_CHECKING:
    from ragedge.datatypes import Grammar
    from ragedge.serve.served_models import ServedModel

# Ollama's name of each option that is heeded, and ours.
_SAMPLING = {
    "temperature": "temperature", "top_k": "top_k", "top_p": "top_p", "min_p": "min_p", "repeat_penalty":
    "repetition_penalty", "presence_penalty": "presence_penalty", "frequency_penalty": "frequency_penalty",
}  # fmt: skip


class _Open(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Options(_Open):
    """How to decode; those of the machine (num_ctx, num_thread ...) are the device's own and left alone."""

    temperature: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repeat_penalty: Annotated[float, Field(gt=0, le=10)] | None = None
    presence_penalty: Annotated[float, Field(ge=-10, le=10)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-10, le=10)] | None = None
    seed: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | None = None
    num_predict: int | None = None
    stop: str | list[str] | None = None

    def sampling(self) -> dict[str, Any]:
        """Return the fields of ``GenerationOptions`` that were given."""
        found = {ours: getattr(self, theirs) for theirs, ours in _SAMPLING.items()}
        found = {key: value for key, value in found.items() if value is not None}
        if self.seed is not None:
            found["seed"] = abs(self.seed)
        if self.stop:
            found["stop"] = (self.stop,) if isinstance(self.stop, str) else tuple(s for s in self.stop if s)
        return found

    @property
    def most(self) -> int | None:
        """Longest answer; what is not positive means as long as there is room."""
        return self.num_predict if self.num_predict is not None and self.num_predict > 0 else None


class CalledFunction(_Open):
    """A call as the model wrote it: arguments are an object."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Called(_Open):
    """A call of an earlier turn."""

    function: CalledFunction


class Message(_Open):
    """One turn."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    images: list[Any] | None = None
    tool_calls: list[Called] | None = None
    tool_name: str | None = None


class Function(_Open):
    """A function of the client's."""

    name: str = ""
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(_Open):
    """What may be called."""

    function: Function


class _Written(_Open):
    model: str
    stream: bool | None = None
    format: str | dict[str, Any] | None = None
    options: Options | None = None
    keep_alive: Any = None
    think: bool | str | None = None
    logprobs: bool | None = None
    ragedge: Extra = Field(default_factory=Extra)

    @property
    def streams(self) -> bool:
        """Whether the answer comes in pieces: yes, unless it is told not to."""
        return self.stream is not False

    @property
    def unloads(self) -> bool:
        """Whether the model is to be put away."""
        return self.keep_alive in (0, "0", "0s", "0m", "0h")

    def _chat(self, model: ServedModel, turns: list[ChatTurn], tools: tuple[ClientTool, ...] = ()) -> Chat:
        for name in ("think", "logprobs"):
            if getattr(self, name):
                raise RefusedError(400, f"{self.model} does not support {name}", param=name)
        options = self.options or Options()
        return Chat(
            model,
            tuple(turns),
            options.most,
            options.sampling(),
            _grammar(self.format),
            tools,
            extra=self.ragedge,
        )


class ChatRequest(_Written):
    """``/api/chat``; without messages it loads the model."""

    messages: list[Message] | None = None
    tools: list[Tool] | None = None

    def chat(self, model: ServedModel) -> Chat:
        """Return what is asked for.

        Raises:
            RefusedError: 400: it holds a picture, or asks for what is not done here.
        """
        turns = []
        for message in self.messages or ():
            _no_images(message.images)
            calls = tuple(ToolCall(c.function.name, c.function.arguments) for c in message.tool_calls or ())
            turns.append(ChatTurn(message.role, message.content or "", calls, message.tool_name or ""))
        tools = tuple(
            ClientTool(f.name, f.description or "", f.parameters or {"type": "object"})
            for f in (tool.function for tool in self.tools or ())
        )
        return self._chat(model, turns, tools)


class GenerateRequest(_Written):
    """``/api/generate``; without a prompt it loads the model."""

    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    raw: bool | None = None
    images: list[Any] | None = None

    def chat(self, model: ServedModel) -> Chat:
        """Return what is asked for.

        Raises:
            RefusedError: 400: it holds a picture, or asks for what is not done here.
        """
        _no_images(self.images)
        for name in ("suffix", "template", "raw"):
            if getattr(self, name):
                raise RefusedError(400, f"{self.model} does not support {name}", param=name)
        system = [ChatTurn("system", self.system)] if self.system else []
        return self._chat(model, [*system, ChatTurn("user", self.prompt or "")])


class EmbedRequest(_Open):
    """``/api/embed``."""

    model: str
    input: Any = None
    truncate: bool | None = None
    dimensions: int | None = None


class OldEmbedRequest(_Open):
    """``/api/embeddings``, of before."""

    model: str
    prompt: str = ""


class ShowRequest(_Open):
    """``/api/show``."""

    model: str = ""
    name: str = ""


def _no_images(images: list[Any] | None) -> None:
    if images:
        raise RefusedError(400, "pictures are not read here", param="images")


def _grammar(form: str | dict[str, Any] | None) -> Grammar | None:
    if form is None or form == "":
        return None
    if isinstance(form, dict):
        return json_grammar(form)
    if form != "json":
        raise RefusedError(400, "format is json or a JSON schema", param="format")
    return json_grammar(None)
