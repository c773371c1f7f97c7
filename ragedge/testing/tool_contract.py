"""What every tool must do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from ragedge import plugins

if TYPE_CHECKING:
    from ragedge.protocols import Tool


class ToolContract:
    """Subclass it, set ``plugin``, and override ``arguments`` with a call that works.

    Attributes:
        plugin: The name it is registered under in the group ``ragedge.tool``.
    """

    plugin: ClassVar[str] = ""

    @pytest.fixture
    def tool(self) -> Tool:
        """Build the tool; override it for one that is not registered."""
        tool: Tool = plugins.create("tool", self.plugin)
        return tool

    @pytest.fixture
    def arguments(self) -> Mapping[str, Any]:
        """Return what it is called with."""
        return {}

    def test_it_describes_itself(self, tool: Tool) -> None:
        assert re.fullmatch(r"[A-Za-z]\w{0,63}", tool.name)
        assert tool.description.strip()
        assert "\n" not in tool.description

    def test_its_parameters_are_the_schema_of_an_object(self, tool: Tool) -> None:
        assert tool.parameters["type"] == "object"
        json.dumps(dict(tool.parameters))

    def test_the_schema_is_one_that_a_model_can_be_held_to(self, tool: Tool) -> None:
        llguidance = pytest.importorskip("llguidance")
        grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(dict(tool.parameters)))
        assert llguidance.LLMatcher.validate_grammar(grammar) == ""

    def test_a_call_returns_a_short_text(self, tool: Tool, arguments: Mapping[str, Any]) -> None:
        found = tool.call(arguments)
        assert isinstance(found, str)
        assert 0 < len(found.strip()) <= 400
