"""A chat in no dialect: what both ask for, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ragedge.datatypes import Answer, GenerationStats, Grammar
from ragedge.serve.refusals import RefusedError

if TYPE_CHECKING:
    from ragedge.serve.jobs import Job
    from ragedge.serve.served_models import ServedModel
    from ragedge.serve.service import Service

Finish = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model wrote."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A function of the client's, which it calls itself."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One message.

    Attributes:
        role: Who says it; ``tool`` is what a function returned.
        text: What.
        calls: Of an assistant: the functions it called.
        tool: Of a tool: its name.
    """

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    calls: tuple[ToolCall, ...] = ()
    tool: str = ""


class Extra(BaseModel):
    """The field ``ragedge`` of a request in any dialect: what the grounded model takes beside it.

    Attributes:
        session: A conversation kept here, by name; without one, the messages are the conversation.
        where: Metadata filters.
        footnotes: Put markers and pages into the text.
        budget_ms: Quote instead of generating once it is spent.
    """

    model_config = ConfigDict(extra="forbid")

    session: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    where: dict[str, str | int | float | bool] | list[str] | None = None
    footnotes: bool = True
    budget_ms: Annotated[float, Field(ge=1, le=3.6e6)] | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    """What is asked for.

    Attributes:
        model: Which answers.
        turns: The messages, oldest first.
        max_new_tokens: Longest answer; None leaves it to the model.
        sampling: Fields of ``GenerationOptions``, those that were given.
        grammar: What the answer has to be.
        tools: Functions that may be called.
        tool_choice: ``auto``, ``none``, ``required``, or a function's name.
        extra: For the grounded model.
    """

    model: ServedModel
    turns: tuple[ChatTurn, ...]
    max_new_tokens: int | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    grammar: Grammar | None = None
    tools: tuple[ClientTool, ...] = ()
    tool_choice: str = "auto"
    extra: Extra = field(default_factory=Extra)


@dataclass(frozen=True, slots=True)
class Piece:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """How it ended.

    Attributes:
        finish: Why.
        stats: Tokens and times.
        calls: The functions to call.
        answer: Of the grounded model.
    """

    finish: Finish
    stats: GenerationStats
    calls: tuple[ToolCall, ...] = ()
    answer: Answer | None = None


async def begin(service: Service, chat: Chat) -> Job[Piece | Done]:
    """Wait for the turn and begin to answer.

    Raises:
        RefusedError: the request asks for what the model cannot do, or the device is busy.
        RagedgeError: there is nothing to answer from, or the prompt is too long.
    """
    if chat.model.kind == "grounded":
        from ragedge.serve.grounded import GroundedChat, check

        check(chat)
        return await service.begin(lambda: GroundedChat.begin(service.kb, chat))
    if chat.model.kind == "generator":
        from ragedge.serve.plain_chat import PlainChat

        return await service.begin(lambda: PlainChat.begin(service.kb, chat))
    raise RefusedError(
        400, f"{chat.model.name} embeds texts; it does not write", code="invalid_value", param="model"
    )


async def collect(job: Job[Piece | Done]) -> tuple[str, Done]:
    """Return all text of a job and how it ended; whoever does not wait for it stops it.

    Raises:
        Exception: whatever the job raises.
    """
    parts: list[str] = []
    try:
        async for item in job:
            if isinstance(item, Done):
                return "".join(parts), item
            parts.append(item.text)
    finally:
        job.stop()
    raise RefusedError(503, "the server stops", retry_after_s=5)
