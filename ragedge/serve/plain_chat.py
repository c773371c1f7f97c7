"""The plain generator in a chat: nothing is looked up, nothing verified."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ragedge.config import GenerateConfig
from ragedge.datatypes import GenerationOptions, Grammar, Message
from ragedge.errors import PromptTooLongError
from ragedge.generate.tool_calls import call_grammar, call_messages, offered
from ragedge.serve.chat import Chat, ChatTurn, Done, Finish, Piece, ToolCall
from ragedge.serve.refusals import RefusedError

if TYPE_CHECKING:
    from ragedge.knowledge_base import KnowledgeBase
    from ragedge.protocols import Generation, Generator

_CALL_TOKENS = 256
_LEAST_ROOM = 16  # tokens: a prompt that leaves less is shortened, oldest messages first


class PlainChat:
    """A generation under way: yields text as it is written, then how it ended."""

    def __init__(self, generation: Generation, *, is_call: bool) -> None:
        self._generation = generation
        self._is_call = is_call

    @classmethod
    def begin(cls, kb: KnowledgeBase, chat: Chat) -> PlainChat:
        """Begin to write.

        Raises:
            RefusedError: 400: an option, schema or message is not one; 501: the generator takes no grammar.
            PromptTooLongError: the last message alone does not fit.
        """
        generator = kb.generator()
        assert generator is not None  # a model that is not there has no name
        tools = _to_call(chat)
        grammar = call_grammar(tools, may_decline=False) if tools else chat.grammar
        if grammar is not None and not generator.capabilities.grammar:
            raise RefusedError(
                501, f"{generator.name} cannot be held to a schema here", hint="pip install 'ragedge[grammar]'",
                code="unsupported_value", param="response_format",
            )  # fmt: skip
        messages = call_messages(_last_asked(chat), tools) if tools else _messages(chat)
        messages, room = _fitting(generator, list(messages))
        most = _CALL_TOKENS if tools else chat.max_new_tokens
        settings = _settings(kb.config.generate) | dict(chat.sampling)
        try:
            options = GenerationOptions(
                max_new_tokens=min(most or room, room), grammar=grammar, **({} if tools else settings)
            )
            return cls(generator.generate(messages, options), is_call=bool(tools))
        except ValueError as exc:  # an option outside its range, or a grammar that is none
            raise RefusedError(400, str(exc), code="invalid_value") from None

    def __iter__(self) -> Iterator[Piece | Done]:
        written = ""
        for piece in self._generation:
            if self._is_call:
                written += piece
            else:
                yield Piece(piece)
        stats = self._generation.stats
        finish: Finish = "stop" if stats.finish_reason == "stop" else "length"
        if self._is_call:
            try:
                call = json.loads(written)
            except ValueError:  # cut off at the limit
                yield Piece(written)
            else:
                made = ToolCall(call["function"], call["arguments"])
                yield Done("tool_calls", stats, (made,))
                return
        yield Done(finish, stats)

    def close(self) -> None:
        """Stop writing."""
        self._generation.close()


def _to_call(chat: Chat) -> list[Any]:
    """Return the functions of which one is to be called now; none lets the model write text."""
    tools = list(chat.tools)
    if not tools or chat.tool_choice == "none":
        return []
    if chat.tool_choice == "required":
        return tools
    if chat.tool_choice == "auto":
        # What a function returned is to be told, not asked for again; and see docs/decisions/038 for the words.
        return [] if chat.turns[-1].role == "tool" else offered(tools, _last_asked(chat))
    named = [tool for tool in tools if tool.name == chat.tool_choice]
    if not named:
        raise RefusedError(
            400,
            "tool_choice names a function that is not in tools",
            code="invalid_value",
            param="tool_choice",
        )
    return named


def _last_asked(chat: Chat) -> str:
    return next((turn.text for turn in reversed(chat.turns) if turn.role == "user"), "")


def _messages(chat: Chat) -> list[Message]:
    return [_message(turn) for turn in chat.turns]


def _message(turn: ChatTurn) -> Message:
    if turn.role == "tool":
        return Message("user", f"{turn.tool or 'The function'} returned: {turn.text}")
    calls = "".join(f"\n{call.name}({json.dumps(call.arguments, ensure_ascii=False)})" for call in turn.calls)
    return Message(turn.role, (turn.text + calls).strip())


def _fitting(generator: Generator, messages: list[Message]) -> tuple[list[Message], int]:
    """Return messages that fit the context window, oldest dropped first but for the system's, and the room left.

    Raises:
        PromptTooLongError: the last one does not fit.
    """
    while True:
        used = generator.count_tokens(messages)
        room = generator.context_window - used
        if room >= _LEAST_ROOM:
            return messages, room
        old = next((i for i, one in enumerate(messages[:-1]) if one.role != "system"), None)
        if old is None:
            raise PromptTooLongError(
                f"a prompt of {used} tokens does not fit the context window of {generator.context_window}",
                hint="send less, or raise generate.context_window",
            )
        del messages[old]


def _settings(config: GenerateConfig) -> dict[str, Any]:
    keys = (
        "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "seed",
    )  # fmt: skip
    return {key: getattr(config, key) for key in keys}


def json_grammar(schema: Any) -> Grammar:
    """Return the grammar of a JSON schema; of any object where that is None."""
    return Grammar("json_schema", json.dumps({"type": "object"} if schema is None else schema))
