"""Compiled encoders against the same arithmetic in numpy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_bert
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ragedge.errors import ModelIntegrityError, UnsupportedModelError
from ragedge.models.compile.encoder import compile_encoder
from ragedge.models.compile.encoder_graph import pack_blocks, pack_channels
from ragedge.runtime.cpu_backend import CpuBackend
from ragedge.runtime.session import Session, open_session

IDS = ([2, 10, 3], [2, *range(20, 60), 3], [2, 5, 5, 5, 90, 11, 3], [2, 3])


def compiled(source: Path, out: Path, scheme: Any = "nbits8") -> Session:
    out.mkdir()
    compile_encoder(source, out, scheme=scheme)
    return open_session(out / "model.onnx", CpuBackend(), threads=1)


def embed(session: Session, ids: list[int]) -> np.ndarray:
    return session.run({"input_ids": np.array([ids], np.int64)})["embedding"][0]


def worst_cosine(session: Session, tensors: dict[str, np.ndarray], **how: Any) -> float:
    return min(float(embed(session, ids) @ tiny_bert.reference(tensors, ids, **how)) for ids in IDS)


@pytest.mark.parametrize(("scheme", "least"), [("nbits8", 0.9995), ("int8", 0.995)])
@pytest.mark.parametrize(
    ("model_type", "offset", "pooling", "activation"),
    [
        ("bert", 0, "mean", "gelu"),
        ("bert", 0, "cls", "gelu_new"),
        ("bert", 0, "mean", "relu"),
        ("xlm-roberta", 2, "mean", "gelu"),
        ("roberta", 2, "cls", "gelu"),
        ("distilbert", 0, "mean", "gelu"),
    ],
)
def test_each_family_computes_what_its_definition_says(
    tmp_path: Path, scheme: str, least: float, model_type: str, offset: int, pooling: str, activation: str
) -> None:
    distilbert = model_type == "distilbert"
    key = "activation" if distilbert else "hidden_act"
    tensors = tiny_bert.bert_tensors(distilbert=distilbert)
    config = tiny_bert.bert_config(model_type, **{key: activation})
    source = tiny_bert.write_folder(tmp_path / "source", config, tensors, pooling=pooling)
    session = compiled(source, tmp_path / "out", scheme)
    how = {"offset": offset, "pooling": pooling, "activation": activation, "distilbert": distilbert}
    assert worst_cosine(session, tensors, **how) >= least


@pytest.mark.parametrize(
    "wrong",
    [{"offset": 1}, {"offset": 2}, {"heads": 8}, {"pooling": "cls"}, {"layers": 1}, {"activation": "relu"}],
)
def test_the_comparison_would_see_each_mistake(tmp_path: Path, wrong: dict[str, Any]) -> None:
    source = tiny_bert.write_folder(tmp_path / "source")
    session = compiled(source, tmp_path / "out")
    assert worst_cosine(session, tiny_bert.bert_tensors(), **wrong) < 0.99


def test_a_batch_of_one_length_gives_each_row_its_own_vector(tmp_path: Path) -> None:
    session = compiled(tiny_bert.write_folder(tmp_path / "source"), tmp_path / "out")
    rows = [[2, 5, 5, 90, 3], [2, 44, 13, 8, 3]]
    batch = session.run({"input_ids": np.array(rows, np.int64)})["embedding"]
    np.testing.assert_allclose(batch, [embed(session, row) for row in rows], atol=1e-5)


def test_a_prefix_around_the_tensors_is_taken_off(tmp_path: Path) -> None:
    tensors = tiny_bert.bert_tensors(prefix="bert.")
    session = compiled(tiny_bert.write_folder(tmp_path / "source", None, tensors), tmp_path / "out")
    assert worst_cosine(session, tiny_bert.bert_tensors()) >= 0.9995


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_other_float_types_are_read(tmp_path: Path, dtype: str) -> None:
    import ml_dtypes

    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    tensors = {name: values.astype(kind) for name, values in tiny_bert.bert_tensors().items()}
    session = compiled(tiny_bert.write_folder(tmp_path / "source", None, tensors), tmp_path / "out")
    rounded = {name: values.astype(np.float32) for name, values in tensors.items()}
    assert worst_cosine(session, rounded) >= 0.9995


def test_equal_folders_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        tiny_bert.write_folder(tmp_path / name)
        (tmp_path / f"{name}-out").mkdir()
        compile_encoder(tmp_path / name, tmp_path / f"{name}-out")
    for file in ("model.onnx", "tokenizer.json"):
        assert (tmp_path / "a-out" / file).read_bytes() == (tmp_path / "b-out" / file).read_bytes()


def test_facts_come_from_the_folder(tmp_path: Path) -> None:
    source = tiny_bert.write_folder(tmp_path / "source", pooling="cls")
    (source / "sentence_bert_config.json").write_text('{"max_seq_length": 32, "do_lower_case": true}')
    (source / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": {"query": "query: ", "document": "passage: "}})
    )
    (tmp_path / "out").mkdir()
    facts = compile_encoder(source, tmp_path / "out").facts
    assert (facts.dim, facts.max_tokens, facts.pooling) == (64, 30, "cls")
    assert (facts.query_prefix, facts.passage_prefix) == ("query: ", "passage: ")
    tokenizer = json.loads((tmp_path / "out" / "tokenizer.json").read_text())
    assert tokenizer["truncation"] is None
    assert tokenizer["normalizer"]["normalizers"] == [{"type": "Lowercase"}]


def edit(path: Path, **changes: Any) -> None:
    value = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in (value | changes).items() if v is not ...}))


UNSUPPORTED: dict[str, tuple[Any, str]] = {
    "architecture": (lambda f: edit(f / "config.json", model_type="t5"), r"'t5' is not supported.*bert"),
    "no architecture": (lambda f: edit(f / "config.json", model_type=...), r"None is not supported"),
    "activation": (lambda f: edit(f / "config.json", hidden_act="swish"), r"'swish'.*gelu"),
    "positions": (lambda f: edit(f / "config.json", position_embedding_type="relative_key"), "absolute"),
    "heads": (lambda f: edit(f / "config.json", num_attention_heads=7), "7"),
    "a size of text": (lambda f: edit(f / "config.json", hidden_size="64"), "hidden_size is '64'"),
    "a huge size": (lambda f: edit(f / "config.json", num_hidden_layers=10**9), "num_hidden_layers"),
    "another size": (lambda f: edit(f / "config.json", intermediate_size=128), r"shape \[96, 64\].*\[128, 64\]"),
    "more layers": (lambda f: edit(f / "config.json", num_hidden_layers=3), r"lacks tensors.*encoder\.layer\.2"),
    "not JSON": (lambda f: (f / "config.json").write_text("{"), "could not be read as JSON"),
    "not UTF-8": (lambda f: (f / "config.json").write_bytes(b"\xff\xfe{}"), "could not be read as JSON"),
    "deep JSON": (lambda f: (f / "config.json").write_text("[" * 200_000), "could not be read as JSON"),
    "a list": (lambda f: (f / "config.json").write_text("[]"), "no JSON object"),
    "a large config": (lambda f: (f / "config.json").write_text(" " * 1_100_000), "larger than"),
    "no config": (lambda f: (f / "config.json").unlink(), "config.json is missing"),
    "max pooling": (lambda f: edit(f / "1_Pooling" / "config.json", pooling_mode_max_tokens=True), r"mean\+max"),
    "a dense module": (
        lambda f: (f / "modules.json").write_text('[{"path": "2_Dense", "type": "a.models.Dense"}]'),
        r"'Dense'.*Pooling",
    ),
    "a path outside": (
        lambda f: (f / "modules.json").write_text('[{"path": "../../etc", "type": "x.Pooling"}]'),
        "inside the folder",
    ),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json is missing"),
    "no special tokens": (lambda f: edit(f / "tokenizer.json", post_processor=None), "adds 0 special tokens"),
    "a larger vocabulary": (
        lambda f: tiny_bert.write_tokenizer(f / "tokenizer.json", [*tiny_bert.WORDS, "more"]),
        "ids past",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_supported_is_said(tmp_path: Path, name: str) -> None:
    break_it, message = UNSUPPORTED[name]
    source = tiny_bert.write_folder(tmp_path / "source")
    break_it(source)
    (tmp_path / "out").mkdir()
    with pytest.raises(UnsupportedModelError, match=message):
        compile_encoder(source, tmp_path / "out")


def rewrite(change: Any) -> Any:
    def apply(folder: Path) -> None:
        path = folder / "model.safetensors"
        data = path.read_bytes()
        size = int.from_bytes(data[:8], "little")
        header = change(json.loads(data[8 : 8 + size]))
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])

    return apply


def with_entry(**changes: Any) -> Any:
    name = "embeddings.LayerNorm.bias"
    return rewrite(lambda header: header | {name: header[name] | changes})


def truncate(keep: int | float) -> Any:
    def apply(folder: Path) -> None:
        path = folder / "model.safetensors"
        data = path.read_bytes()
        path.write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])

    return apply


def drop_special_token(folder: Path) -> None:
    """The library panics in native code over a template whose token is not described."""
    post = json.loads((folder / "tokenizer.json").read_text())["post_processor"]
    del post["special_tokens"]["[SEP]"]
    edit(folder / "tokenizer.json", post_processor=post)


def poison(folder: Path) -> None:
    tensors = tiny_bert.bert_tensors()
    tensors["embeddings.LayerNorm.bias"][3] = np.nan
    tiny_bert.write_folder(folder, None, tensors)


HOSTILE = {
    "empty": truncate(0),
    "four bytes": truncate(4),
    "half": truncate(0.5),
    "all but one byte": truncate(0.999999),
    "a header of 2^63 bytes": lambda f: (f / "model.safetensors").write_bytes(b"\xff" * 7 + b"\x7f" + b"{}"),
    "no header": lambda f: (f / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"??"),
    "a pickle": lambda f: (f / "model.safetensors").write_bytes(b"\x80\x04cposix\nsystem\n" * 9),
    "offsets past the end": with_entry(data_offsets=[0, 10**12]),
    "offsets backwards": with_entry(data_offsets=[256, 0]),
    "overlapping offsets": with_entry(data_offsets=[256, 512]),
    "a shape that overflows": with_entry(shape=[2**62, 2**62]),
    "a shape of other size": with_entry(shape=[65]),
    "NaN": poison,
    "a tokenizer that panics": drop_special_token,
    "a missing file": lambda f: (f / "model.safetensors").unlink(),
    "a tokenizer that is none": lambda f: (f / "tokenizer.json").write_text('{"model": {"type": "Nope"}}'),
    "a tokenizer that is no JSON": lambda f: (f / "tokenizer.json").write_text("nope"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_and_hostile_files_are_refused(tmp_path: Path, name: str) -> None:
    source = tiny_bert.write_folder(tmp_path / "source")
    HOSTILE[name](source)
    (tmp_path / "out").mkdir()
    with pytest.raises(ModelIntegrityError) as caught:
        compile_encoder(source, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_whole_numbers_are_no_weights(tmp_path: Path) -> None:
    tensors = tiny_bert.bert_tensors()
    name = "embeddings.LayerNorm.bias"
    source = tiny_bert.write_folder(tmp_path / "s", None, tensors | {name: tensors[name].astype(np.int32)})
    (tmp_path / "out").mkdir()
    with pytest.raises(UnsupportedModelError, match=r"I32.*F32"):
        compile_encoder(source, tmp_path / "out")


def test_an_unknown_scheme_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="int8, nbits8"):
        compile_encoder(tmp_path, tmp_path, scheme="int2")  # type: ignore[arg-type]


WEIGHTS = arrays.arrays(np.float32, (3, 64), elements=st.floats(-1e3, 1e3, width=32, allow_subnormal=False))


@given(WEIGHTS)
@settings(max_examples=60, deadline=None)
def test_channels_are_packed_within_half_a_step(weight: np.ndarray) -> None:
    codes, scale = pack_channels(weight)
    error = np.abs(codes.astype(np.float64) * scale[:, None] - weight)
    assert (error <= scale[:, None] * 0.5001 + 1e-30).all()
    assert np.abs(codes.astype(int)).max() <= 127


@given(WEIGHTS)
@settings(max_examples=60, deadline=None)
def test_blocks_are_packed_within_a_step(weight: np.ndarray) -> None:
    codes, scale, zero = pack_blocks(weight)
    steps = codes.reshape(3, 2, 32).astype(np.float64) - zero[..., None]
    error = np.abs(steps * scale[..., None] - weight.reshape(3, 2, 32))
    assert (error <= scale[..., None] * 1.001 + 1e-30).all()
