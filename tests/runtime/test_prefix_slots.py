import numpy as np
import pytest

from ragedge.runtime.cpu_backend import create
from ragedge.runtime.decoder import Decoder
from ragedge.runtime.kv_state import KvState
from ragedge.runtime.prefix_slots import LEAST_TOKENS, PrefixSlots
from ragedge.testing.tiny_decoder import write_tiny_decoder

DRAW = np.random.default_rng(3)
SHARED, ONE, OTHER, THIRD = ([int(i) for i in DRAW.integers(3, 250, 80)] for _ in range(4))
PLENTY = 1 << 30


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    return folder, write_tiny_decoder(folder).decoder


@pytest.fixture
def decoder(tiny):
    return Decoder.open(*tiny, create({}), threads=1, capacity=256)


def read(decoder, slots, ids):
    """Read a prompt as a generation does; return its logits and how much was not read again."""
    shared = slots.switch(decoder, ids)
    return decoder.extend(ids[shared:]).copy(), shared


def test_going_back_to_an_earlier_prompt_reads_only_its_end(decoder):
    slots = PrefixSlots(PLENTY)
    fresh, first = read(decoder, slots, ONE)
    assert first == 0
    read(decoder, slots, OTHER)
    again, kept = read(decoder, slots, ONE)
    assert kept == len(ONE) - 2
    np.testing.assert_array_equal(again, fresh)
    assert read(decoder, slots, OTHER)[1] == len(OTHER) - 2


def test_without_slots_it_reads_all_of_it(decoder):
    slots = PrefixSlots(0)
    read(decoder, slots, ONE)
    read(decoder, slots, OTHER)
    assert read(decoder, slots, ONE)[1] == 0
    assert len(slots) == slots.nbytes == 0


def test_the_longest_common_prefix_wins_and_gives_the_same_bits(tiny, decoder):
    slots = PrefixSlots(PLENTY)
    read(decoder, slots, SHARED + ONE)
    read(decoder, slots, SHARED[:60] + OTHER)
    read(decoder, slots, THIRD)
    assert len(slots) == 2
    wanted = SHARED + ONE[:70] + OTHER[:20]
    logits, kept = read(decoder, slots, wanted)
    assert kept == len(SHARED) + 70
    np.testing.assert_array_equal(
        logits, Decoder.open(*tiny, create({}), threads=1, capacity=256).extend(wanted)
    )


def test_what_differs_in_a_short_end_takes_no_slot_of_its_own(decoder):
    slots = PrefixSlots(PLENTY)
    for end in (ONE, OTHER, THIRD):
        read(decoder, slots, SHARED + end[: LEAST_TOKENS - 10])
    read(decoder, slots, THIRD)
    assert len(slots) == 1


def test_a_longer_text_takes_the_place_of_its_beginning(decoder):
    slots = PrefixSlots(PLENTY)
    read(decoder, slots, SHARED)
    read(decoder, slots, OTHER)
    read(decoder, slots, SHARED + ONE)
    read(decoder, slots, THIRD)
    assert sorted(len(state.tokens) for state in slots._states) == [80, 160]


def test_the_budget_is_kept_and_the_least_recently_used_goes(decoder):
    size = decoder.state_bytes(80)
    slots = PrefixSlots(2 * size)
    for ids in (ONE, OTHER, THIRD):
        read(decoder, slots, ids)
    assert slots.nbytes == 2 * size  # ONE and OTHER; THIRD is in the buffers
    read(decoder, slots, ONE)  # used again; THIRD takes the place of OTHER
    assert slots.nbytes == 2 * size
    assert read(decoder, slots, OTHER)[1] == 0
    assert read(decoder, slots, ONE)[1] > 0


def test_the_slot_that_is_wanted_is_not_dropped_for_what_was_held(decoder):
    slots = PrefixSlots(decoder.state_bytes(80))
    fresh, _ = read(decoder, slots, ONE)
    read(decoder, slots, OTHER)
    again, kept = read(decoder, slots, ONE)  # OTHER would fit only in its place
    assert kept == len(ONE) - 2
    np.testing.assert_array_equal(again, fresh)


def test_one_that_could_never_fit_drops_none_and_is_not_copied(decoder, monkeypatch):
    slots = PrefixSlots(decoder.state_bytes(80))
    read(decoder, slots, ONE)
    read(decoder, slots, SHARED + OTHER)
    monkeypatch.setattr(Decoder, "state", None)  # to copy would fail
    read(decoder, slots, THIRD)
    assert [list(state.tokens) for state in slots._states] == [ONE]


def test_half_the_bytes_are_close(decoder):
    slots = PrefixSlots(PLENTY, np.float16)
    fresh, _ = read(decoder, slots, ONE)
    read(decoder, slots, OTHER)
    assert slots.nbytes == decoder.state_bytes(80) // 2
    again, kept = read(decoder, slots, ONE)
    assert kept == len(ONE) - 2
    np.testing.assert_allclose(again, fresh, atol=0.05)


def test_clearing_overwrites(decoder):
    slots = PrefixSlots(PLENTY)
    read(decoder, slots, ONE)
    read(decoder, slots, OTHER)
    planes = slots._states[0].planes
    assert planes.any()
    slots.clear()
    assert not planes.any()
    assert len(slots) == 0


def test_a_state_holds_what_was_read_and_nothing_past_it(decoder):
    decoder.extend(ONE)
    decoder.truncate(30)  # as an abort leaves it: the buffers are ahead
    state = decoder.state()
    assert state.planes.shape[2] == len(state.tokens) == 30
    assert state.nbytes == decoder.state_bytes(30)


def test_a_state_of_another_shape_is_refused(decoder):
    decoder.extend(ONE)
    state = decoder.state()
    with pytest.raises(ValueError, match="does not fit"):
        decoder.restore(KvState(state.tokens, state.planes[1:]))
    with pytest.raises(ValueError, match="does not fit"):
        decoder.restore(state, 81)
