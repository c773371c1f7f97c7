"""Blocks unpack bit for bit as ``gguf`` dequantizes them, and recode with the least error that 8 bits allow."""

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind
from hypothesis import given, settings
from hypothesis import strategies as st
from make_tiny_gguf import TYPES

from ragedge.models.compile.block_quant import BlockLayout, encode, layout_for
from ragedge.models.compile.gguf_blocks import AffineBlocks, unpack

QUANTIZED = [kind for kind in TYPES if kind not in ("F32", "F16", "BF16")]
BLOCK_BYTES = {kind: gguf.GGML_QUANT_SIZES[Kind[kind]] for kind in TYPES}


def random_rows(kind, rows, columns, seed=0):
    """Raw rows of arbitrary codes under sane scales."""
    rng = np.random.default_rng(seed)
    length, size = BLOCK_BYTES[kind]
    raw = rng.integers(0, 256, (rows, columns // length, size), dtype=np.uint8)
    places = {"Q4_1": (0, 2), "Q5_1": (0, 2), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}.get(kind, (0,))
    for place in places:
        halves = rng.uniform(0.001, 0.02, (rows, columns // length, 1)).astype(np.float16)
        if kind in ("Q4_1", "Q5_1") and place == 2:  # real minima are negative and some steps deep
            halves = (-halves * rng.uniform(3, 12, halves.shape)).astype(np.float16)
        raw[..., place : place + 2] = halves.view(np.uint8)
    return raw.reshape(rows, -1)


@pytest.mark.parametrize("kind", QUANTIZED)
def test_unpacks_bit_for_bit_as_the_gguf_package(kind):
    raw = random_rows(kind, 24, 512)
    np.testing.assert_array_equal(unpack(raw, kind).dequantize(), gguf.dequantize(raw, Kind[kind]))


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16"])
def test_floats_read_as_the_gguf_package_reads_them(kind):
    values = np.random.default_rng(0).standard_normal((5, 64)).astype(np.float32)
    raw = gguf.quantize(values, Kind[kind]).view(np.uint8).reshape(5, -1)
    np.testing.assert_array_equal(unpack(raw, kind), gguf.dequantize(raw, Kind[kind]).reshape(5, 64))


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q5_0", "Q6_K"])
def test_symmetric_types_are_kept_exactly_without_zero_points(kind):
    raw = random_rows(kind, 24, 512)
    layout = layout_for(frozenset({kind}))
    assert not layout.zero_points
    coded = encode(unpack(raw, kind), layout)
    np.testing.assert_array_equal(coded.dequantize(), gguf.dequantize(raw, Kind[kind]))


@pytest.mark.parametrize(("kind", "times"), [("Q4_1", 2.5), ("Q4_K", 2.5), ("Q5_1", 1.5), ("Q5_K", 1.5)])
def test_types_with_offsets_are_kept_closer_than_rounding_their_floats(kind, times):
    raw = random_rows(kind, 64, 512)
    layout = layout_for(frozenset({kind}))
    exact = gguf.dequantize(raw, Kind[kind])
    error = np.abs(encode(unpack(raw, kind), layout).dequantize() - exact).mean()
    rounded = np.abs(encode(exact, layout).dequantize() - exact).mean()
    assert error * times < rounded


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-300, 300), st.sampled_from([15, 31]))
def test_any_offset_is_kept_within_half_a_step(seed, depth, top):
    """Offsets far out of the codes' range included: then the step is the block's range over 255."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, top + 1, (3, 4, 32)).astype(np.int16)
    scale = rng.uniform(1e-4, 1e-2, (3, 4)).astype(np.float32)
    scale[0, 0] = 0
    blocks = AffineBlocks(
        codes, scale, (scale.max() * depth * rng.uniform(0.9, 1.1, (3, 4))).astype(np.float32)
    )
    exact = blocks.dequantize().reshape(3, 4, 32)
    coded = encode(blocks, BlockLayout(32, True))
    error = np.abs(coded.dequantize().reshape(3, 4, 32) - exact).max(axis=-1)
    span = np.maximum(exact.max(-1), 0) - np.minimum(exact.min(-1), 0)
    assert (
        error <= span / 255 * 9 + 1e-7
    ).all()  # 17 of 32 steps are used at worst: k 1 of Dirichlet's fraction
    assert (error <= np.maximum(scale / 2, span / 255) * 1.01 + 1e-7).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-3, 3))
def test_floats_are_rounded_to_within_half_a_step(seed, shift):
    values = (np.random.default_rng(seed).standard_normal((4, 96)) + shift).astype(np.float32)
    values[0, :32] = 0
    coded = encode(values, BlockLayout(32, True))
    error = np.abs(coded.dequantize() - values).reshape(4, 3, 32).max(-1)
    assert (error <= coded.scales * 1.01).all()


def test_a_finer_block_keeps_the_weights(tmp_path):
    raw = random_rows("Q4_1", 8, 256)
    blocks = unpack(raw, "Q4_1")
    whole, halves = encode(blocks, BlockLayout(32, True)), encode(blocks, BlockLayout(16, True))
    np.testing.assert_allclose(whole.dequantize(), halves.dequantize(), atol=1e-3)
    assert halves.codes.shape == (8, 16, 16)
