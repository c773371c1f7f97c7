import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ragedge.datatypes import GenerationOptions
from ragedge.generate.sampling import check_options, distribution, pick

LOGITS = np.log(np.array([0.1, 0.4, 0.2, 0.3], np.float32))  # probabilities at temperature 1
ROWS = hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(-50, 50, width=32))


def rng(seed=0):
    return np.random.default_rng(seed)


def frequencies(options, draws=4000):
    source = rng()
    counts = np.bincount([pick(LOGITS, options, source) for _ in range(draws)], minlength=4)
    return counts / draws


def test_greedy_takes_the_likeliest_and_draws_nothing():
    source = rng()
    assert pick(LOGITS, GenerationOptions(), source) == 1
    assert source.random() == rng().random()


def test_of_equal_logits_greedy_takes_the_lowest_id():
    assert pick(np.array([1, 3, 3], np.float32), GenerationOptions(), rng()) == 1


def test_sampling_follows_the_probabilities():
    np.testing.assert_allclose(
        frequencies(GenerationOptions(temperature=1.0)), [0.1, 0.4, 0.2, 0.3], atol=0.03
    )


def test_temperature_sharpens_and_flattens():
    sharp = distribution(LOGITS, 0.5, 0, 1.0)[1]
    flat = distribution(LOGITS, 10.0, 0, 1.0)[1]
    np.testing.assert_allclose(sharp, np.array([16, 9, 4, 1]) / 30, rtol=1e-5)
    assert flat.max() < 0.3


def test_top_k_keeps_the_likeliest():
    ids, probabilities = distribution(LOGITS, 1.0, 2, 1.0)
    assert ids.tolist() == [1, 3]
    np.testing.assert_allclose(probabilities, [4 / 7, 3 / 7], rtol=1e-5)


@pytest.mark.parametrize(
    ("top_p", "kept"),
    [(0.01, [1]), (0.39, [1]), (0.5, [1, 3]), (0.69, [1, 3]), (0.75, [1, 3, 2]), (1.0, [1, 3, 2, 0])],
)
def test_top_p_keeps_the_smallest_set_that_reaches_it(top_p, kept):
    assert distribution(LOGITS, 1.0, 0, top_p)[0].tolist() == kept


def test_top_p_counts_after_top_k():
    assert distribution(LOGITS, 1.0, 2, 0.5)[0].tolist() == [1]
    assert distribution(LOGITS, 1.0, 3, 0.6)[0].tolist() == [1, 3]


def test_a_seed_repeats_the_draws():
    options = GenerationOptions(temperature=2.0)
    draws = [[pick(LOGITS, options, source) for _ in range(50)] for source in (rng(3), rng(3), rng(4))]
    assert draws[0] == draws[1] != draws[2]


def test_a_token_of_minus_infinity_is_never_drawn():
    logits = np.array([0, -np.inf, 0], np.float32)
    source = rng()
    assert {pick(logits, GenerationOptions(temperature=5.0), source) for _ in range(200)} == {0, 2}


@pytest.mark.parametrize("bad", [[np.nan, 1], [1, np.nan], [-np.inf, -np.inf], [np.inf, 1]])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_decoder_gone_wrong_is_noticed(bad, temperature):
    with pytest.raises(ValueError, match="logits"):
        pick(np.array(bad, np.float32), GenerationOptions(temperature=temperature), rng())


@given(ROWS, st.floats(0.05, 5), st.integers(0, 70), st.floats(0.01, 1))
def test_a_distribution_is_one(logits, temperature, top_k, top_p):
    ids, probabilities = distribution(logits, temperature, top_k, top_p)
    assert len(ids) == len(set(ids.tolist())) >= 1
    assert len(ids) <= (top_k or len(logits))
    assert logits[ids[0]] == logits.max()
    assert (np.diff(probabilities) <= 1e-12).all()
    np.testing.assert_allclose(probabilities.sum(), 1, rtol=1e-9)


@given(ROWS, st.integers(0, 2**32 - 1))
def test_a_draw_is_a_token(logits, seed):
    token = pick(logits, GenerationOptions(temperature=0.7, top_k=5, top_p=0.9), rng(seed))
    assert 0 <= token < len(logits)
    assert (logits > logits[token]).sum() < 5


@pytest.mark.parametrize(
    ("option", "value"),
    [("max_new_tokens", 0), ("temperature", -0.1), ("temperature", float("nan")), ("temperature", float("inf")),
     ("top_k", -1), ("top_p", 0.0), ("top_p", 1.1), ("top_p", float("nan")), ("stop", ("",))],
)  # fmt: skip
def test_options_that_no_sampler_can_obey_are_refused(option, value):
    with pytest.raises(ValueError, match=option):
        check_options(GenerationOptions(**{option: value}))
