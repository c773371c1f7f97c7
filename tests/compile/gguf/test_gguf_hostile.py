"""Damaged and hostile files are refused with an error of ours: no crash, no hang, no memory."""

import struct
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_tiny_gguf import FAMILIES, tiny_of, write

from ragedge.errors import ModelIntegrityError, UnsupportedModelError
from ragedge.models.compile.gguf_decoder import compile_gguf
from ragedge.models.compile.gguf_header import read_header

REFUSED = (ModelIntegrityError, UnsupportedModelError)


@pytest.fixture(scope="module")
def tiny_bytes(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "llama.gguf"
    write(tiny_of("llama", kind="Q4_0"), path)
    return path.read_bytes()


def compile_bytes(data: bytes, folder: Path):
    path, out = folder / "hostile.gguf", folder / "out"
    path.write_bytes(data)
    out.mkdir(exist_ok=True)
    return compile_gguf(path, out)


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def header(tensors: int = 0, pairs: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, pairs)


def tensor(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


HOSTILE = {
    "empty": b"",
    "another format": b"PK\x03\x04" + bytes(64),
    "magic alone": b"GGUF",
    "version 1": header(version=1),
    "version of the future": header(version=9),
    "big-endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    "2^63 pairs": header(pairs=1 << 63),
    "2^63 tensors": header(tensors=1 << 63),
    "pairs that are not there": header(pairs=1000),
    "tensors that are not there": header(tensors=1000),
    "a key of 2^62 bytes": header(pairs=1) + struct.pack("<Q", 1 << 62) + bytes(64),
    "an array of 2^60": header(pairs=1) + string("a") + struct.pack("<IIQ", 9, 4, 1 << 60) + bytes(64),
    "an array of 2^40 strings": header(pairs=1)
    + string("a")
    + struct.pack("<IIQ", 9, 8, 1 << 40)
    + bytes(64),
    "arrays in arrays": header(pairs=1) + string("a") + struct.pack("<IIQ", 9, 9, 1) * 2000,
    "a type that is none": header(pairs=1) + string("a") + struct.pack("<I", 77) + bytes(64),
    "a key twice": header(pairs=2) + 2 * (string("a") + struct.pack("<IB", 7, 1)) + bytes(64),
    "text that is not UTF-8": header(pairs=1) + struct.pack("<Q", 2) + b"\xff\xfe" + bytes(64),
    "9 dimensions": header(tensors=1) + tensor("a", (1,) * 9, 0, 0) + bytes(4096),
    "no extent": header(tensors=1) + tensor("a", (0, 4), 0, 0) + bytes(4096),
    "extents that overflow": header(tensors=1) + tensor("a", (1 << 63, 1 << 63), 0, 0) + bytes(4096),
    "out of the file": header(tensors=1) + tensor("a", (32,), 0, 1 << 40) + bytes(4096),
    "offset that wraps": header(tensors=1) + tensor("a", (32,), 0, (1 << 64) - 32) + bytes(4096),
    "longer than the file": header(tensors=1) + tensor("a", (1 << 20, 1 << 10), 0, 0) + bytes(4096),
    "overlap": header(tensors=2) + tensor("a", (64,), 0, 0) + tensor("b", (64,), 0, 32) + bytes(4096),
    "a name twice": header(tensors=2) + tensor("a", (8,), 0, 0) + tensor("a", (8,), 0, 32) + bytes(4096),
    "unaligned": header(tensors=1) + tensor("a", (8,), 0, 5) + bytes(4096),
    "an odd row": header(tensors=1) + tensor("a", (33,), 2, 0) + bytes(4096),
    "an unknown tensor type": header(tensors=1) + tensor("a", (32,), 4242, 0) + bytes(4096),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_refused(tmp_path, name):
    with pytest.raises(REFUSED) as caught:
        compile_bytes(HOSTILE[name], tmp_path)
    assert len(str(caught.value)) < 400


def test_missing_file_is_a_clear_error(tmp_path):
    with pytest.raises(ModelIntegrityError, match=r"absent\.gguf"):
        read_header(tmp_path / "absent.gguf")


def test_an_unsupported_tensor_type_lists_the_supported(tmp_path):
    data = header(tensors=1) + tensor("blk.0.attn_q.weight", (256, 4), 10, 0) + bytes(4096)  # Q2_K
    with pytest.raises(UnsupportedModelError, match=r"Q2_K; supported: BF16, F16, F32, Q4_0, .*Q6_K, Q8_0"):
        compile_bytes(data, tmp_path)


def test_an_unsupported_architecture_lists_the_supported(tmp_path):
    write(replace(tiny_of("llama"), family="mamba"), tmp_path / "m.gguf")
    with pytest.raises(
        UnsupportedModelError, match="'mamba'; supported: gemma, gemma3, llama, minicpm, phi3, qwen2, qwen3"
    ):
        compile_gguf(tmp_path / "m.gguf", tmp_path)


REFUSED_SETTINGS = {
    "softcap": {"llama.final_logit_softcapping": 30.0},
    "attention softcap": {"llama.attn_logit_softcapping": 30.0},
    "experts": {"llama.expert_count": 8},
    "logit scale": {"llama.logit_scale": 0.5},
    "yarn": {"llama.rope.scaling.type": "yarn", "llama.rope.scaling.yarn_ext_factor": 0.5},
}


@pytest.mark.parametrize("name", REFUSED_SETTINGS)
def test_arithmetic_that_the_graph_does_not_follow_is_refused(tmp_path, name):
    write(tiny_of("llama", extra=REFUSED_SETTINGS[name]), tmp_path / "m.gguf")
    with pytest.raises(UnsupportedModelError):
        compile_gguf(tmp_path / "m.gguf", tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"epsilon": float("nan")},
        {"rope_base": float("inf")},
        {"rope_base": -1.0},
        {"context": 0},
        {"without": ("blk.1.ffn_up.weight",)},
        {"without": ("token_embd.weight",)},
    ],
    ids=str,
)
def test_a_contradiction_is_refused(tmp_path, change):
    write(tiny_of("llama", **change), tmp_path / "m.gguf")
    with pytest.raises(REFUSED):
        compile_gguf(tmp_path / "m.gguf", tmp_path)


@pytest.mark.parametrize("kind", ["F32", "Q8_0", "Q4_1"])
def test_a_scale_that_is_no_number_is_refused(tmp_path, kind):
    path = tmp_path / "m.gguf"
    write(tiny_of("llama", kind=kind), path)
    info = read_header(path).tensors["blk.2.ffn_down.weight"]
    data = bytearray(path.read_bytes())
    bad = np.array([np.nan], np.float32 if kind == "F32" else np.float16).tobytes()
    data[info.offset : info.offset + len(bad)] = bad
    with pytest.raises(ModelIntegrityError, match=r"blk\.2\.ffn_down\.weight"):
        compile_bytes(bytes(data), tmp_path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.999999))
def test_a_file_cut_short_anywhere_is_refused(tmp_path, tiny_bytes, share):
    with pytest.raises(REFUSED):
        compile_bytes(tiny_bytes[: int(len(tiny_bytes) * share)], tmp_path)


def outcome(data: bytes, folder: Path) -> None:
    """Compile, or be refused; anything else fails the test."""
    try:
        compile_bytes(data, folder)
    except REFUSED as refusal:
        assert refusal.message


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_bytes_never_crash(tmp_path, tiny_bytes, data):
    """Most changes fall into the header, where they do most harm."""
    changed = bytearray(tiny_bytes)
    end = data.draw(st.sampled_from([64, 2000, 8000, 12_000, len(changed)]))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(end, len(changed)) - 1))
        value = data.draw(
            st.sampled_from([b"\x00", b"\xff", b"\x80", b"\xff" * 4, b"\xff" * 8, b"\x00" * 8, b"\x7f"])
        )
        changed[place : place + len(value)] = value
    outcome(bytes(changed), tmp_path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_moved_or_doubled_never_crash(tmp_path, tiny_bytes, data):
    start = data.draw(st.integers(0, 12_000))
    length = data.draw(st.integers(1, 500))
    doubled = tiny_bytes[: start + length] + tiny_bytes[start:]
    removed = tiny_bytes[:start] + tiny_bytes[start + length :]
    outcome(data.draw(st.sampled_from([doubled, removed])), tmp_path)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_tensor_left_out_is_missed(tmp_path, family):
    tiny = tiny_of(family)
    write(tiny, tmp_path / "whole.gguf")
    needed = [name for name in read_header(tmp_path / "whole.gguf").tensors if name.startswith("blk.1.")]
    assert len(needed) >= (6 if family == "phi3" else 9)  # which holds its inputs' matrices stacked
    for number, name in enumerate(needed):
        if family == "qwen2" and name.endswith(".bias"):
            continue  # a family may do without biases, but not with one of three
        path, out = tmp_path / f"{number}.gguf", tmp_path / str(number)
        out.mkdir()
        write(tiny_of(family, without=(name,)), path)
        with pytest.raises(ModelIntegrityError, match="lacks the tensor"):
            compile_gguf(path, out)


def test_a_tensor_that_the_graph_has_no_place_for_is_refused(tmp_path):
    tiny = tiny_of("llama", also=("blk.0.ffn_gate_inp.weight",))
    write(tiny, tmp_path / "m.gguf")
    with pytest.raises(UnsupportedModelError, match=r"ffn_gate_inp"):
        compile_gguf(tmp_path / "m.gguf", tmp_path)


def test_one_bias_of_three_is_refused(tmp_path):
    write(tiny_of("qwen2", without=("blk.0.attn_k.bias",)), tmp_path / "m.gguf")
    with pytest.raises(ModelIntegrityError, match=r"attn_k\.bias"):
        compile_gguf(tmp_path / "m.gguf", tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the resident set from /proc")
def test_memory_stays_small_beside_a_large_tensor(tmp_path):
    """A tensor of 64 MB of floats passes through a few megabytes."""
    path, out = tmp_path / "m.gguf", tmp_path / "out"
    out.mkdir()
    write(tiny_of("llama", kind="F32", layers=1, feed_forward=262_144), path)
    assert path.stat().st_size > 190e6

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, resident())

    before = resident()
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        compile_gguf(path, out)
    finally:
        done.set()
        watcher.join()
    assert peak - before < 120e6
