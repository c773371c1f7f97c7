import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_onnx_generator import ask, opened

from ragedge.datatypes import GenerationOptions
from ragedge.generate.prompt_lookup import PromptLookup, following
from ragedge.testing.tiny_decoder import write_tiny_decoder

PASSAGE = (
    "The drain plug M12 is tightened to 28 N·m with a new washer. The oil filter is tightened to 18 N·m. "
    "The wheel nuts are tightened to 110 N·m in a cross pattern."
)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([1, 2, 3, 4, 1, 2], [3, 4, 1]),
        ([1, 2, 3, 9, 1, 2, 4, 1, 2], [4, 1, 2]),  # the last place, not the first
        ([9, 1, 2, 5, 8, 1, 2, 6, 9, 1, 2], [5, 8, 1]),  # the longest match, not the last
        ([1, 2, 3], []),
        ([7, 7, 7], [7]),
        ([1, 5, 2, 5], []),  # a match of one token says nothing
        ([1], []),
    ],
)
def test_what_followed_the_last_longest_match(tokens, expected):
    assert following(tokens, 3) == expected


def test_one_token_is_enough_for_a_guess_of_one():
    assert following([1, 5, 2, 5], 1, least=1) == [2]


def by_hand(tokens, most):
    for length in (4, 3, 2):
        for start in range(len(tokens) - length - 1, -1, -1):
            if tokens[start : start + length] == tokens[-length:]:
                return tokens[start + length :][:most]
    return []


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 9))
def test_it_is_the_plain_search(tokens, most):
    assert following(tokens, most) == by_hand(tokens, most)


def test_good_guesses_grow_bad_ones_shrink_and_none_is_past_the_room():
    lookup = PromptLookup(16)
    text = [*range(40), 0, 1, 2, 3]
    assert len(lookup.guess(text, 99)) == 4
    lookup.judge(4, 4)
    assert len(lookup.guess(text, 99)) == 8
    assert len(lookup.guess(text, 5)) == 5
    lookup.judge(8, 0)
    assert len(lookup.guess(text, 99)) == 4
    lookup.judge(4, 0)
    lookup.judge(2, 0)
    assert len(lookup.guess(text, 99)) == 1
    lookup.judge(1, 0)
    assert len(lookup.guess(text, 99)) == 1
    lookup.judge(1, 1)
    assert len(lookup.guess(text, 99)) == 2
    assert lookup.guess(text, 0) == []


def test_there_is_always_a_token_to_read_along():
    assert PromptLookup(8).guess([5, 6, 7, 8, 7], 99) == [8]
    assert PromptLookup(8).guess([5, 6, 7], 99) == [7]
    assert PromptLookup(0).guess([5, 6, 5, 6], 99) == [6]


def texts(generator, prompt, tokens, **options):
    runs = [
        generator.generate(prompt, GenerationOptions(max_new_tokens=tokens, lookup_tokens=most, **options))
        for most in (0, 8)
    ]
    return ["".join(run) for run in runs], [run.stats for run in runs]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_decoder(folder)
    return opened(folder)


@pytest.mark.parametrize("seed", range(6))
def test_the_text_is_that_of_plain_decoding(tiny, seed):
    (plain, guessed), stats = texts(tiny, ask(f"abcabcabc {seed} " * 4), 60)
    assert guessed == plain
    assert stats[0].new_tokens == stats[1].new_tokens


def test_some_guesses_are_kept(tiny):
    total = 0
    for seed in range(6):
        total += texts(tiny, ask(f"abcabcabc {seed} " * 4), 60)[1][1].kept_tokens
    assert total > 0


@pytest.mark.parametrize("most", [1, 2, 7, 30])
def test_the_limit_holds_in_the_middle_of_a_guess(tiny, most):
    (plain, guessed), stats = texts(tiny, ask("abcabcabc " * 6), most)
    assert guessed == plain
    assert stats[1].new_tokens == most


def test_after_an_abort_the_decoder_holds_no_more_than_the_text(tiny):
    def ahead():
        for seed in range(40):
            generation = tiny.generate(ask(f"abcabcabc {seed} " * 4), GenerationOptions(max_new_tokens=60))
            for _ in generation:
                if tiny._decoder.length > len(generation._tokens):
                    return generation
        raise AssertionError("two guesses in a row were never right")

    generation = ahead()
    generation.close()
    assert tiny._decoder.tokens == generation._tokens[: tiny._decoder.length]


def test_sampled_text_is_the_same_too(tiny):
    (plain, guessed), _ = texts(tiny, ask("abcabcabc " * 6), 40, temperature=0.7, seed=1)
    assert guessed == plain


def test_two_that_take_turns_still_come_out_right(tiny):
    prompts = [ask("abcabcabc 1 " * 4), ask("xyzxyzxyz 2 " * 4)]
    alone = [texts(tiny, prompt, 40)[0][0] for prompt in prompts]
    runs = [tiny.generate(prompt, GenerationOptions(max_new_tokens=40)) for prompt in prompts]
    found = ["", ""]
    for _ in range(30):
        for at in (0, 1):
            found[at] += next(runs[at], "")
    assert [text + "".join(run) for text, run in zip(found, runs, strict=True)] == alone


def test_the_default_model_repeats_a_manual_in_fewer_steps(smollm2_dir):
    model = opened(smollm2_dir, context_window=512)
    prompt = ask(f"{PASSAGE}\n\nRepeat the text above word for word.")
    (plain, guessed), stats = texts(model, prompt, 40)
    assert guessed == plain
    assert stats[1].kept_tokens >= stats[0].kept_tokens + 10
