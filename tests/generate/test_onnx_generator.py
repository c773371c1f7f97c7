import gc
import threading

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from ragedge import plugins
from ragedge.datatypes import GenerationOptions, Message
from ragedge.errors import (
    ConfigError,
    ModelError,
    ModelIntegrityError,
    ModelNotFoundError,
    PromptTooLongError,
)
from ragedge.generate.onnx_generator import OnnxGenerator, create
from ragedge.models.manifest import Manifest
from ragedge.runtime.cpu_backend import create as create_cpu
from ragedge.testing.fake_generator import FakeGenerator
from ragedge.testing.generator_contract import GeneratorContract
from ragedge.testing.tiny_decoder import write_tiny_decoder

GREEDY = GenerationOptions(max_new_tokens=24)


def ask(text):
    return [Message("user", text)]


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_decoder(folder)
    return folder


def opened(folder, context_window=256):
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    return OnnxGenerator.open(folder, manifest, create_cpu({}), threads=2, context_window=context_window)


@pytest.fixture
def tiny(tiny_folder):
    return opened(tiny_folder)


@pytest.fixture(scope="module")
def smollm2(smollm2_dir):
    return opened(smollm2_dir, context_window=512)


class TestTinyGenerator(GeneratorContract):
    @pytest.fixture
    def generator(self, tiny):
        return tiny


class TestDefaultGenerator(GeneratorContract):
    plugin = "onnx"

    @pytest.fixture
    def generator(self, smollm2):
        return smollm2


class TestFakeGenerator(GeneratorContract):
    @pytest.fixture
    def generator(self):
        return FakeGenerator("The sky is blue on a clear day.")


def test_the_default_model_answers(smollm2):
    text = "".join(smollm2.generate(ask("What is the capital of France? Answer in one sentence."), GREEDY))
    assert "Paris" in text


def test_the_default_model_repeats_its_golden_beginning(smollm2):
    generation = smollm2.generate(ask("Count from one to five."), GenerationOptions(max_new_tokens=8))
    assert "".join(generation).strip(), "eight greedy tokens hold text"
    again = smollm2.generate(ask("Count from one to five."), GenerationOptions(max_new_tokens=8))
    assert again.stats.cached_tokens == 0
    list(again)
    assert again.stats.cached_tokens == again.stats.prompt_tokens - 2


def test_streamed_pieces_are_the_tokens_text(tiny):
    generation = tiny.generate(ask("x"), GREEDY)
    text = "".join(generation)
    prompt = tiny._encoder.encode(ask("x"))
    tokens = generation._tokens[len(prompt) :]
    assert len(tokens) == generation.stats.new_tokens == 24
    assert text == tiny._tokenizer.decode(tokens)


def test_a_shared_prefix_is_not_read_again_and_changes_nothing(tiny, tiny_folder):
    first, second = ask("The same long beginning, then one."), ask("The same long beginning, then another.")
    list(tiny.generate(first, GREEDY))
    generation = tiny.generate(second, GREEDY)
    text = "".join(generation)
    shared = tiny._encoder.encode(first), tiny._encoder.encode(second)
    common = next(i for i, (a, b) in enumerate(zip(*shared, strict=False)) if a != b)
    assert generation.stats.cached_tokens == common > 20
    assert text == "".join(opened(tiny_folder).generate(second, GREEDY))


def test_a_prompt_asked_before_another_is_not_read_again(tiny_folder):
    manifest = msgspec.json.decode((tiny_folder / "manifest.json").read_bytes(), type=Manifest)
    tiny = OnnxGenerator.open(
        tiny_folder, manifest, create_cpu({}), threads=1, context_window=256, slot_bytes=1 << 24
    )
    first, second = ask("the one " * 10), ask("another text " * 8)
    text = "".join(tiny.generate(first, GREEDY))
    list(tiny.generate(second, GREEDY))
    again = tiny.generate(first, GREEDY)
    assert "".join(again) == text
    assert again.stats.cached_tokens == again.stats.prompt_tokens - 2
    tiny.forget()
    anew = tiny.generate(first, GREEDY)
    assert "".join(anew) == text
    assert anew.stats.cached_tokens == 0


def test_a_conversation_builds_on_its_own_answers(tiny):
    generation = tiny.generate(ask("hello"), GREEDY)
    answer = "".join(generation)
    grown = [Message("user", "hello"), Message("assistant", answer), Message("user", "more")]
    following = tiny.generate(grown, GenerationOptions(max_new_tokens=4))
    list(following)
    assert following.stats.cached_tokens >= generation.stats.prompt_tokens


def test_two_begun_in_one_thread_take_turns_and_both_come_out_right(tiny):
    alone = ["".join(tiny.generate(ask(name), GREEDY)) for name in "ab"]
    first, second = (tiny.generate(ask(name), GREEDY) for name in "ab")
    texts = ["", ""]
    for at in [0, 1, 1, 0, 0, 1]:
        texts[at] += next((first, second)[at])
    texts[0] += "".join(first)
    texts[1] += "".join(second)
    assert texts == alone


def test_an_abandoned_generation_gives_its_turn_back(tiny):
    generation = tiny.generate(ask("x"), GREEDY)
    next(generation)
    del generation
    gc.collect()
    done = []
    thread = threading.Thread(target=lambda: done.append("".join(tiny.generate(ask("x"), GREEDY))))
    thread.start()
    thread.join(60)
    assert done


def test_closing_from_another_thread_ends_it_and_frees_the_queue(tiny):
    generation = tiny.generate(ask("x"), GenerationOptions(max_new_tokens=200))
    next(generation)
    queued = tiny.generate(ask("y"), GREEDY)
    texts = []
    thread = threading.Thread(target=lambda: texts.append("".join(queued)))
    thread.start()
    closer = threading.Thread(target=generation.close)
    closer.start()
    closer.join(60)
    thread.join(60)
    assert generation.stats.finish_reason == "aborted"
    assert texts
    assert texts[0]


def test_closing_one_that_waits_for_its_turn(tiny):
    holder = tiny.generate(ask("x"), GREEDY)
    next(holder)
    waiter = tiny.generate(ask("y"), GREEDY)
    texts = []
    thread = threading.Thread(target=lambda: texts.append(list(waiter)))
    thread.start()
    waiter.close()
    thread.join(60)
    assert texts == [[]]
    assert list(holder), "the holder was not disturbed"


def test_after_an_abort_the_buffer_holds_exactly_the_tokens_read(tiny):
    generation = tiny.generate(ask("x"), GREEDY)
    for _ in range(3):
        next(generation)
    generation.close()
    prompt = tiny._encoder.encode(ask("x"))
    held = tiny._decoder.tokens
    assert held[: len(prompt)] == prompt
    assert held == generation._tokens[: len(held)]
    assert len(held) >= len(prompt)


def test_sampling_repeats_with_a_seed_and_differs_without(tiny):
    def sampled(seed):
        options = GenerationOptions(max_new_tokens=24, temperature=1.0, top_k=40, top_p=0.95, seed=seed)
        return "".join(tiny.generate(ask("x"), options))

    assert sampled(5) == sampled(5)
    assert len({sampled(seed) for seed in (1, 2, None, None)}) == 4


def test_a_limit_of_tokens_is_a_finish_of_its_own(tiny):
    generation = tiny.generate(ask("x"), GenerationOptions(max_new_tokens=3))
    list(generation)
    assert (generation.stats.finish_reason, generation.stats.new_tokens) == ("length", 3)


def test_an_end_token_stops_and_is_not_counted(tiny_folder):
    plain = opened(tiny_folder)
    first = plain.generate(ask("x"), GREEDY)
    list(first)
    token = first._tokens[first.stats.prompt_tokens + 4]
    plain._end_tokens = frozenset({token})
    generation = plain.generate(ask("x"), GREEDY)
    list(generation)
    assert generation.stats.finish_reason == "stop"
    assert generation.stats.new_tokens <= 4
    assert token not in generation._tokens[generation.stats.prompt_tokens :]


def test_a_model_without_a_template_ends_where_the_transcripts_next_turn_begins(tmp_path):
    write_tiny_decoder(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("", encoding="utf-8")
    generation = opened(tmp_path).generate(ask("x"), GenerationOptions(stop=("#",)))
    assert generation._options.stop[0] == "#"
    base = opened(tmp_path)
    transcript = base._tokenizer.decode(base._encoder.encode([Message("user", "x"), Message("user", "y")]))
    assert any(end in transcript for end in generation._options.stop), "the template writes turns that way"


def test_the_window_is_filled_to_its_last_token(tiny_folder):
    tiny = opened(tiny_folder, context_window=128)
    room = 128 - tiny.count_tokens(ask("x"))
    tiny._end_tokens = frozenset()
    generation = tiny.generate(ask("x"), GenerationOptions(max_new_tokens=room))
    list(generation)
    assert generation.stats.new_tokens == room
    with pytest.raises(PromptTooLongError, match="context window of 128"):
        tiny.generate(ask("x"), GenerationOptions(max_new_tokens=room + 1))


def test_a_window_past_the_models_own_is_cut_to_it(tiny_folder):
    assert opened(tiny_folder, context_window=100_000).context_window == 512


def test_a_score_is_what_sampling_would_have_seen(tiny):
    scores = tiny.score(ask("x"), "abc")
    assert scores.shape == (3,)
    assert (scores < 0).all()
    prompt = tiny._encoder.encode(ask("x"))
    a, b, _ = tiny._encoder.encode_plain("abc")
    tiny._decoder.reset()
    rows = tiny._decoder.extend([*prompt, a], "all")[-2:].astype(np.float64)
    expected = [row[token] - np.log(np.exp(row).sum()) for row, token in zip(rows, (a, b), strict=True)]
    np.testing.assert_allclose(scores[:2], expected, atol=1e-4)
    assert tiny.score(ask("x"), "").shape == (0,)


def test_the_default_model_finds_the_true_answer_likelier(smollm2):
    question = ask("What is the capital of France?")
    right, wrong = (
        smollm2.score(question, f"The capital of France is {name}.").sum() for name in ("Paris", "Oslo")
    )
    assert right > wrong + 2


def test_closing_leaves_nothing_in_memory_and_it_still_works(tiny):
    text = "".join(tiny.generate(ask("x"), GREEDY))
    tiny.close()
    assert not any(cache.any() for cache in tiny._decoder._caches)
    assert "".join(tiny.generate(ask("x"), GREEDY)) == text


def test_it_is_registered_and_finds_installed_models(isolated_environment):
    folder = isolated_environment / "models" / "tiny"
    write_tiny_decoder(folder)
    generator = plugins.create("generator", "onnx", {"model": "tiny", "threads": 1, "context_window": 128})
    assert (generator.name, generator.context_window) == ("tiny", 128)
    assert len(generator.fingerprint) == 64


@pytest.mark.parametrize(
    ("options", "says"),
    [({"modle": "x"}, "unknown option 'modle'"), ({"threads": "2"}, "threads must be int"),
     ({"threads": -1}, "slot_memory_mb at least 0"), ({"context_window": 0}, "context_window must be at least 1"),
     ({"context_window": True}, "context_window must be int")],
)  # fmt: skip
def test_wrong_options_are_named(options, says):
    with pytest.raises(ConfigError, match=says):
        create(options)


def test_a_model_that_is_not_there_is_a_lookup_error():
    with pytest.raises(ModelNotFoundError, match="no-such-model"):
        create({"model": "no-such-model"})


def test_an_embedder_is_no_generator(tiny_folder):
    manifest = msgspec.json.decode((tiny_folder / "manifest.json").read_bytes(), type=Manifest)
    embedder = replace(manifest, decoder=None, kind="embedder")
    with pytest.raises(ModelError, match="not a generator"):
        OnnxGenerator.open(tiny_folder, embedder, create_cpu({}), threads=1, context_window=128)


@pytest.mark.parametrize("name", ["tokenizer.json", "chat_template.jinja", "model.onnx"])
def test_a_missing_part_is_an_integrity_error(tmp_path, name):
    write_tiny_decoder(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ModelIntegrityError):
        opened(tmp_path)


def test_no_text_is_logged_or_raised(tiny, caplog):
    caplog.set_level(0)
    canary = "zyzzyva-canary"
    list(tiny.generate(ask(canary), GenerationOptions(max_new_tokens=2)))
    with pytest.raises(PromptTooLongError) as caught:
        tiny.generate(ask(canary * 200), GREEDY)
    assert canary not in caplog.text
    assert canary not in str(caught.value)
