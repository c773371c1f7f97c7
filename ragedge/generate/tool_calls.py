"""Functions that the model may call before an answer ends: chosen and filled in under a grammar, in a bounded loop.

Whether one is called is decided by words, as small models cannot decide it (docs/decisions/038): a function is offered
when its description speaks of what is asked. The model writes which one and with what, and can write nothing else; the
result is handed out as it came, with its name, and fed back, and after that the model may also call none. Nothing is
called that the settings do not name.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ragedge.datatypes import GenerationOptions, Grammar, Message
from ragedge.generate.terms import content_terms

if TYPE_CHECKING:
    from ragedge.protocols import Described, Generator, Tool

log = logging.getLogger("ragedge")

_NONE = "none"
_SYSTEM = "Choose the function that helps to answer the question, and write the call."
_MOST_TOKENS = 96
_LONGEST_RESULT = 400  # characters
_LEAST_SHARE = 0.5


D = TypeVar("D", bound="Described")


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call.

    Attributes:
        tool: Its name.
        arguments: What it was called with.
        text: What it returned, on one line.
    """

    tool: str
    arguments: dict[str, Any]
    text: str


def offered(tools: Sequence[D], question: str) -> list[D]:
    """Return the tools whose name and description hold half of the question's terms or more."""
    asked = set(content_terms(question))

    def speaks(tool: D) -> bool:
        held = asked & set(content_terms(f"{tool.name.replace('_', ' ')} {tool.description}"))
        return len(held) >= max(1, _LEAST_SHARE * len(asked))

    return [tool for tool in tools if speaks(tool)]


def call_tools(
    generator: Generator, question: str, tools: Sequence[Tool], most_calls: int
) -> Iterator[ToolResult]:
    """Let the model call tools; yield each result. One that fails ends it, and its error is in the log by its kind.

    Args:
        generator: With the capability ``grammar``.
        question: As it was asked.
        tools: Offered, each at most once.
        most_calls: The loop ends here.
    """
    left = {tool.name: tool for tool in tools}
    results: list[ToolResult] = []
    while left and len(results) < most_calls:
        options = GenerationOptions(
            max_new_tokens=_MOST_TOKENS, grammar=call_grammar(list(left.values()), may_decline=bool(results))
        )
        written = "".join(generator.generate(call_messages(question, list(left.values()), results), options))
        try:
            call = json.loads(written)
        except ValueError:  # cut off at the limit
            return
        if call["function"] == _NONE:
            return
        tool = left.pop(call["function"])
        try:
            text = " ".join(str(tool.call(call["arguments"])).split())[:_LONGEST_RESULT]
        except Exception as exc:  # a tool, and a device behind it, can raise anything
            log.warning("tool %s failed: %s", tool.name, type(exc).__name__)
            return
        results.append(ToolResult(tool.name, call["arguments"], text))
        yield results[-1]


def call_grammar(tools: Sequence[Described], *, may_decline: bool) -> Grammar:
    """Return the grammar of a call of one of the tools, or (``may_decline``) of none."""
    calls: list[dict[str, Any]] = [
        _object({"function": {"const": tool.name}, "arguments": dict(tool.parameters)}) for tool in tools
    ]
    if may_decline:
        calls.append(_object({"function": {"const": _NONE}}))
    return Grammar("json_schema", json.dumps({"anyOf": calls}))


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def call_messages(
    question: str, tools: Sequence[Described], results: Sequence[ToolResult] = ()
) -> tuple[Message, ...]:
    """Return the prompt that has the model write a call."""
    lines = [f"{tool.name}: {tool.description}" for tool in tools]
    known = [f"{result.tool} returned: {result.text}" for result in results]
    text = "\n".join(
        ["Functions:", *lines, f"{_NONE}: No function helps.", "", *known, f"Question: {question}"]
    )
    return (Message("system", _SYSTEM), Message("user", text))
