"""The loop of calls, on a tiny decoder with random weights: what it writes is held to the grammar all the same."""

import json
from dataclasses import dataclass, field

import pytest
from test_onnx_generator import ask, opened

from ragedge.datatypes import GenerationOptions
from ragedge.generate.tool_calls import call_grammar, call_tools, offered
from ragedge.testing.fake_generator import FakeGenerator
from ragedge.testing.tiny_decoder import write_tiny_decoder
from ragedge.testing.tool_contract import ToolContract


@dataclass
class Gauge:
    """Counts its calls."""

    name: str = "fuel_level"
    description: str = "Reads how much fuel is in the tank."
    parameters: dict = field(
        default_factory=lambda: {
            "type": "object",
            "properties": {"unit": {"enum": ["litres", "percent"]}},
            "required": ["unit"],
            "additionalProperties": False,
        }
    )
    fails: bool = False
    calls: list = field(default_factory=list)

    def call(self, arguments, /):
        self.calls.append(arguments)
        if self.fails:
            raise OSError("the bus is off")
        return f"31 {arguments['unit']}\nmore"


class TestGauge(ToolContract):
    @pytest.fixture
    def tool(self):
        return Gauge()

    @pytest.fixture
    def arguments(self):
        return {"unit": "litres"}


def saying(*replies):
    said = iter(replies)
    return FakeGenerator(lambda messages: next(said), context_window=4096)


CALL = '{"function": "fuel_level", "arguments": {"unit": "litres"}}'
NONE = '{"function": "none"}'


def test_a_tool_is_offered_for_what_its_description_speaks_of():
    gauge = Gauge()
    assert offered([gauge], "How much fuel is left?") == [gauge]
    assert offered([gauge], "Which fuse protects the horn?") == []
    assert offered([gauge], "Which oil and which coolant does the fuel pump of the diesel need?") == []


def test_the_result_is_handed_out_on_one_line_and_fed_back():
    gauge, other = Gauge(), Gauge(name="trip", description="Reads the trip counter.")
    generator = saying(CALL, NONE)
    (result,) = call_tools(generator, "fuel?", [gauge, other], 4)
    assert (result.tool, result.arguments, result.text) == (
        "fuel_level",
        {"unit": "litres"},
        "31 litres more",
    )
    assert "fuel_level returned: 31 litres more" in generator.prompts[1][1].content
    assert "fuel_level: Reads" not in generator.prompts[1][1].content, "each is offered once"


def test_the_loop_is_bounded():
    tools = [Gauge(name=f"gauge_{n}") for n in range(5)]
    replies = [CALL.replace("fuel_level", tool.name) for tool in tools]
    assert len(list(call_tools(saying(*replies), "fuel?", tools, 2))) == 2
    assert sum(len(tool.calls) for tool in tools) == 2


@pytest.mark.parametrize("reply", [NONE, '{"function": "fuel_lev'])
def test_none_and_a_call_that_was_cut_off_call_nothing(reply):
    gauge = Gauge()
    assert list(call_tools(saying(reply), "fuel?", [gauge], 4)) == []
    assert gauge.calls == []


def test_a_tool_that_fails_ends_it_and_says_no_more_than_its_kind(caplog):
    assert list(call_tools(saying(CALL), "fuel?", [Gauge(fails=True)], 4)) == []
    assert "OSError" in caplog.text
    assert "bus" not in caplog.text


def test_even_random_weights_call_by_the_schema(tmp_path):
    write_tiny_decoder(tmp_path)
    generator = opened(tmp_path, context_window=512)
    for seed in range(4):
        grammar = call_grammar([Gauge()], may_decline=seed % 2 == 1)
        options = GenerationOptions(96, temperature=1.5, seed=seed, grammar=grammar)
        call = json.loads("".join(generator.generate(ask("fuel?"), options)))
        assert call["function"] == "fuel_level" or (seed % 2 and call == {"function": "none"})
        if call["function"] == "fuel_level":
            assert call["arguments"] in ({"unit": "litres"}, {"unit": "percent"})
