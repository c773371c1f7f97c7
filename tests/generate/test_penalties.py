import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragedge.datatypes import GenerationOptions
from ragedge.generate.penalties import penalized
from ragedge.generate.sampling import check_options, distribution, pick

LOGITS = np.array([2.0, -1.0, 0.5, 3.0, 0.0], np.float32)


def by_hand(logits, tokens, prompt, repetition, presence, frequency):
    """The formulas of the papers, token by token."""
    out = [float(value) for value in logits]
    for token in set(tokens):
        out[token] = out[token] / repetition if out[token] > 0 else out[token] * repetition
    for token in set(tokens[prompt:]):
        out[token] -= presence + frequency * tokens[prompt:].count(token)
    return out


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(0, 12), st.floats(0.5, 2), st.floats(-2, 2),
    st.floats(-2, 2),
)  # fmt: skip
def test_they_are_the_formulas(tokens, prompt, repetition, presence, frequency):
    options = GenerationOptions(
        repetition_penalty=repetition, presence_penalty=presence, frequency_penalty=frequency
    )
    before = LOGITS.copy()
    found = penalized(LOGITS, options, tokens, prompt)
    np.testing.assert_allclose(
        found, by_hand(LOGITS, tokens, prompt, repetition, presence, frequency), atol=1e-5
    )
    np.testing.assert_array_equal(LOGITS, before)


def test_without_penalties_nothing_is_copied():
    assert penalized(LOGITS, GenerationOptions(), [1, 2, 3], 1) is LOGITS


def test_min_p_is_a_share_of_the_likeliest():
    ids, probabilities = distribution(LOGITS, 1.0, 0, 1.0, 0.2)
    share = np.exp(LOGITS - LOGITS.max())
    assert set(ids.tolist()) == set(np.flatnonzero(share >= 0.2).tolist())
    np.testing.assert_allclose(
        probabilities, np.sort(share[share >= 0.2])[::-1] / share[share >= 0.2].sum(), rtol=1e-5
    )
    assert distribution(LOGITS, 1.0, 0, 1.0, 1.0)[0].tolist() == [3]


@given(st.floats(0.1, 3), st.integers(0, 5), st.floats(0.1, 1), st.floats(0, 1), st.integers(0, 100))
def test_what_is_cut_is_never_drawn(temperature, top_k, top_p, min_p, seed):
    """A plain reference: sort, cut by k, by cumulative share, by share of the best."""
    order = sorted(range(5), key=lambda i: (-LOGITS[i], i))[: top_k or 5]
    weights = [np.exp((float(LOGITS[i]) - 3.0) / temperature) for i in order]
    shares = np.array(weights) / sum(weights)
    kept = next(i for i in range(1, len(order) + 1) if shares[:i].sum() >= top_p - 1e-12 or i == len(order))
    shares = shares[:kept] / shares[:kept].sum()
    allowed = {order[i] for i in range(kept) if shares[i] >= min_p * shares[0] - 1e-12}
    options = GenerationOptions(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    assert pick(LOGITS, options, np.random.default_rng(seed)) in allowed


@pytest.mark.parametrize(
    ("option", "value"),
    [("min_p", -0.1), ("min_p", 1.1), ("min_p", float("nan")), ("repetition_penalty", 0.0),
     ("repetition_penalty", float("inf")), ("presence_penalty", float("nan")), ("frequency_penalty", float("inf")),
     ("lookup_tokens", -1)],
)  # fmt: skip
def test_options_that_no_sampler_can_obey_are_refused(option, value):
    with pytest.raises(ValueError, match=option):
        check_options(GenerationOptions(**{option: value}))
