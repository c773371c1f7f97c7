import itertools
import json
import re

import pytest
from test_onnx_generator import ask, opened

from ragedge.datatypes import GenerationOptions, Grammar
from ragedge.errors import MissingExtraError
from ragedge.testing.tiny_decoder import write_tiny_decoder

SCHEMA = Grammar(
    "json_schema",
    json.dumps(
        {
            "type": "object",
            "properties": {
                "wheel": {"enum": ["front left", "front right"]},
                "pressure_kpa": {"type": "integer", "minimum": 100, "maximum": 400},
            },
            "required": ["wheel", "pressure_kpa"],
            "additionalProperties": False,
        }
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_decoder(folder)
    return folder


@pytest.fixture
def tiny(folder):
    return opened(folder)


def written(generator, grammar, **options):
    generation = generator.generate(
        ask("a tyre"), GenerationOptions(max_new_tokens=120, grammar=grammar, **options)
    )
    return "".join(generation), generation.stats


@pytest.mark.parametrize("options", [{}, {"temperature": 1.5, "seed": 1}, {"temperature": 1.5, "seed": 2}])
def test_even_random_weights_write_what_the_schema_asks_for(tiny, options):
    text, stats = written(tiny, SCHEMA, **options)
    found = json.loads(text)
    assert found["wheel"] in ("front left", "front right")
    assert 100 <= found["pressure_kpa"] <= 400
    assert set(found) == {"wheel", "pressure_kpa"}
    assert stats.finish_reason == "stop"


def test_a_regular_expression_is_matched_whole(tiny):
    text, _ = written(tiny, Grammar("regex", r"[A-C]{3}-[0-9]{2} (kPa|psi)"))
    assert re.fullmatch(r"[A-C]{3}-[0-9]{2} (kPa|psi)", text)


def test_a_lark_grammar_is_obeyed(tiny):
    text, _ = written(tiny, Grammar("lark", 'start: "yes" | "no" ", " word\nword: /[a-z]{4}/'))
    assert text == "yes" or re.fullmatch(r"no, [a-z]{4}", text)


def test_what_is_guessed_obeys_it_too(tiny):
    plain, guessed = (written(tiny, SCHEMA, lookup_tokens=most)[0] for most in (0, 8))
    assert plain == guessed


def test_an_answer_under_a_grammar_goes_on_where_it_was_saved(folder):
    whole, _ = written(opened(folder), SCHEMA, temperature=1.0, seed=5)
    generator = opened(folder)
    options = GenerationOptions(max_new_tokens=120, grammar=SCHEMA, temperature=1.0, seed=5)
    generation = generator.generate(ask("a tyre"), options)
    begun = "".join(itertools.islice(generation, 9))
    data = generator.save(generation)
    generation.close()
    assert begun + "".join(opened(folder).resume(data)) == whole


@pytest.mark.parametrize(
    "grammar", [Grammar("json_schema", '{"type": "nonsense"}'), Grammar("regex", "(["), Grammar("lark", "begin: x")]
)  # fmt: skip
def test_what_is_no_grammar_is_refused_before_anything_is_read(tiny, grammar):
    with pytest.raises(ValueError, match="is not one"):
        written(tiny, grammar)
    assert tiny._decoder.length == 0


def test_without_the_library_the_extra_is_named(tiny, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="llguidance"):
        written(tiny, SCHEMA)


def test_the_generator_says_that_it_can(tiny):
    assert tiny.capabilities.grammar


def test_the_default_model_fills_a_schema_from_a_text(smollm2_dir):
    model = opened(smollm2_dir, context_window=512)
    text = "The front left tyre is at 240 kPa."
    prompt = ask(f"{text}\nWrite which wheel it is and its pressure as JSON.")
    found = json.loads("".join(model.generate(prompt, GenerationOptions(max_new_tokens=60, grammar=SCHEMA))))
    assert found == {"wheel": "front left", "pressure_kpa": 240}
