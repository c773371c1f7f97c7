import numpy as np
import pytest
from msgspec.structs import replace

from ragedge.errors import ModelIntegrityError, PromptTooLongError
from ragedge.runtime.cpu_backend import create
from ragedge.runtime.decoder import Decoder
from ragedge.testing.tiny_decoder import write_tiny_decoder

IDS = [int(i) for i in np.random.default_rng(7).integers(3, 250, 60)]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    return folder, write_tiny_decoder(folder).decoder


@pytest.fixture
def decoder(tiny):
    return opened(tiny)


def opened(tiny, capacity=128, chunk_tokens=256):
    folder, facts = tiny
    return Decoder.open(folder, facts, create({}), threads=2, capacity=capacity, chunk_tokens=chunk_tokens)


def test_all_logits_are_those_of_token_by_token(tiny, decoder):
    whole = decoder.extend(IDS, "all")
    assert whole.shape == (60, decoder.facts.vocab_size)
    one_by_one = opened(tiny)
    steps = np.concatenate([one_by_one.extend([token]).copy() for token in IDS])
    np.testing.assert_allclose(whole, steps, atol=1e-4)
    assert np.ptp(whole, axis=1).min() > 1, "logits that are all alike would compare equal whatever is wrong"


def test_order_matters(tiny, decoder):
    swapped = [IDS[1], IDS[0], *IDS[2:]]
    assert np.abs(decoder.extend(IDS).copy() - opened(tiny).extend(swapped)).max() > 1e-3


@pytest.mark.parametrize("chunk_tokens", [2, 3, 7, 20, 30, 59, 60, 61])
@pytest.mark.parametrize("logits", ["all", "last"])
def test_chunks_change_nothing(tiny, decoder, chunk_tokens, logits):
    chunked = opened(tiny, chunk_tokens=chunk_tokens)
    np.testing.assert_allclose(chunked.extend(IDS, logits), decoder.extend(IDS, logits), atol=1e-4)
    assert chunked.tokens == IDS


def test_last_is_the_last_of_all_and_none_is_nothing(decoder):
    whole = decoder.extend(IDS, "all")
    decoder.reset()
    np.testing.assert_allclose(decoder.extend(IDS), whole[-1:], atol=1e-5)
    decoder.reset()
    assert decoder.extend(IDS, "none").shape == (0, decoder.facts.vocab_size)
    assert decoder.length == 60


@pytest.mark.parametrize("kept", [0, 1, 30, 59])
def test_truncating_is_as_if_the_rest_had_never_been_read(tiny, decoder, kept):
    decoder.extend([*IDS[:kept], *reversed(IDS)])
    decoder.truncate(kept)
    assert decoder.length == kept
    expected = opened(tiny).extend(IDS)
    np.testing.assert_allclose(decoder.extend(IDS[kept:]), expected, atol=1e-4)


def test_reuse_keeps_the_longest_common_prefix_but_two(decoder):
    decoder.extend(IDS[:40])
    assert decoder.reuse([*IDS[:25], 5, 6, 7, 8]) == (25 if IDS[25] != 5 else 26)
    assert decoder.tokens == IDS[:25]
    assert decoder.reuse(IDS[:25]) == 23
    assert decoder.reuse([IDS[0]]) == 0
    assert decoder.length == 0


def test_equal_prompts_give_equal_bits_whatever_was_held(tiny, decoder):
    expected = decoder.extend(IDS).copy()
    for held in ([], IDS[:1], IDS[:20], IDS[:59], [*IDS, 9, 9], [9, 9, 9]):
        other = opened(tiny)
        if held:
            other.extend(held)
        shared = other.reuse(IDS)
        np.testing.assert_array_equal(other.extend(IDS[shared:]), expected)


def test_a_full_buffer_is_an_error_that_reads_nothing(tiny):
    decoder = opened(tiny, capacity=32)
    decoder.extend(IDS[:30])
    with pytest.raises(PromptTooLongError, match="33 tokens do not fit the context window of 32"):
        decoder.extend(IDS[30:33])
    assert decoder.length == 30
    decoder.extend(IDS[30:32])
    with pytest.raises(PromptTooLongError):
        decoder.extend(IDS[32:33])


def test_it_fills_to_the_last_place(tiny):
    exact, roomy = opened(tiny, capacity=60), opened(tiny, capacity=100)
    np.testing.assert_allclose(exact.extend(IDS), roomy.extend(IDS), atol=1e-5)


def test_stopping_between_chunks_keeps_what_was_read(tiny, decoder):
    chunked = opened(tiny, chunk_tokens=16)
    asked = iter([True, False])
    rows = chunked.extend(IDS, keep_going=lambda: next(asked))
    assert rows.shape[0] == 0
    assert chunked.tokens == IDS[:32]
    np.testing.assert_allclose(chunked.extend(IDS[32:]), decoder.extend(IDS), atol=1e-4)


@pytest.mark.parametrize("ids", [[], [-1], [3, 1_000_000]])
def test_bad_tokens_are_refused_before_the_graph_sees_them(decoder, ids):
    with pytest.raises(ValueError, match="token"):
        decoder.extend(ids)
    assert decoder.length == 0


def test_bad_lengths_are_refused(tiny, decoder):
    with pytest.raises(ValueError, match="cannot truncate 0 tokens to 1"):
        decoder.truncate(1)
    with pytest.raises(ValueError, match="capacity"):
        opened(tiny, capacity=decoder.facts.context_length + 1)
    with pytest.raises(ValueError, match="chunk_tokens"):
        opened(tiny, chunk_tokens=1)


def test_closing_overwrites_keys_values_and_logits(decoder):
    decoder.extend(IDS)
    decoder.extend([5])
    assert any(cache.any() for cache in decoder._caches)
    decoder.close()
    assert decoder.tokens == []
    assert not any(cache.any() for cache in decoder._caches)
    assert not decoder._step_logits.any()


def test_single_steps_return_a_view_of_one_buffer(decoder):
    first = decoder.extend([5])
    kept = first.copy()
    second = decoder.extend([6])
    assert np.shares_memory(first, second), "decoding copies no logits"
    assert not np.array_equal(kept, second)


def test_facts_of_another_graph_are_refused(tiny):
    folder, facts = tiny
    wrong = replace(facts, layers=facts.layers + 1)
    with pytest.raises(ModelIntegrityError, match="KV inputs"):
        Decoder.open(folder, wrong, create({}), threads=1, capacity=32)
