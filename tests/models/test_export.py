"""What is written for makers' compilers: readable by others, and marked as not run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file

from ragedge.cli import output
from ragedge.cli.main import cli
from ragedge.errors import ModelError, UnsupportedModelError
from ragedge.models import store
from ragedge.models.export.exporting import NOT_RUN, export
from ragedge.models.importer import import_model
from ragedge.models.quantize.quantizing import Recipe, quantize
from tests.tools.graph_driver import GraphDriver, cosines
from tests.tools.make_tiny_gguf import tiny_of, write

TEXTS = ["The drain plug takes 35 newton metres.", "", "Check the level when the engine is cold."]
IDS = np.random.default_rng(1).integers(3, 260, 40)


def install(family: str, folder: Path, kind: str = "Q8_0"):
    path = folder / f"{family}.gguf"
    write(tiny_of(family, kind=kind, epsilon=1e-6), path)
    return import_model(path, name=family)


def norm(x: np.ndarray, weight: np.ndarray, epsilon: float) -> np.ndarray:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight


def hugging_face_logits(folder: Path, ids: np.ndarray) -> np.ndarray:
    """Compute what ``transformers`` does with such a folder: rotary halves, weights (out, in)."""
    config = json.loads((folder / "config.json").read_text())
    tensors = {
        name: value.astype(np.float32) for name, value in load_file(folder / "model.safetensors").items()
    }
    count, dim = len(ids), config["head_dim"]
    angles = np.outer(np.arange(count), config["rope_theta"] ** (-np.arange(0, dim, 2) / dim))
    cos, sin = (np.tile(part(angles), 2)[:, None] for part in (np.cos, np.sin))
    groups = config["num_attention_heads"] // config["num_key_value_heads"]
    hidden = tensors["model.embed_tokens.weight"][ids]

    def turned(x: np.ndarray) -> np.ndarray:
        return x * cos + np.concatenate([-x[..., dim // 2 :], x[..., : dim // 2]], axis=-1) * sin

    for layer in range(config["num_hidden_layers"]):
        here = f"model.layers.{layer}."
        normed = norm(hidden, tensors[f"{here}input_layernorm.weight"], config["rms_norm_eps"])
        parts = []
        for part in "qkv":
            rows = normed @ tensors[f"{here}self_attn.{part}_proj.weight"].T
            rows = rows + tensors.get(f"{here}self_attn.{part}_proj.bias", 0)
            parts.append(rows.reshape(count, -1, dim))
        query, key = turned(parts[0]), np.repeat(turned(parts[1]), groups, axis=1)
        value = np.repeat(parts[2], groups, axis=1)
        scores = np.einsum("qhd,khd->hqk", query, key) / np.sqrt(dim)
        scores = np.where(np.tril(np.ones((count, count), bool)), scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        attended = np.einsum("hqk,khd->qhd", weights, value).reshape(count, -1)
        hidden = hidden + attended @ tensors[f"{here}self_attn.o_proj.weight"].T
        normed = norm(hidden, tensors[f"{here}post_attention_layernorm.weight"], config["rms_norm_eps"])
        gate = normed @ tensors[f"{here}mlp.gate_proj.weight"].T
        up = normed @ tensors[f"{here}mlp.up_proj.weight"].T
        hidden = hidden + (gate / (1 + np.exp(-gate)) * up) @ tensors[f"{here}mlp.down_proj.weight"].T
    head = tensors.get("lm_head.weight", tensors["model.embed_tokens.weight"])
    return norm(hidden, tensors["model.norm.weight"], config["rms_norm_eps"]) @ head.T


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_a_generator_becomes_a_folder_that_others_compute_alike(
    family, isolated_environment, tmp_path
) -> None:
    folder = install(family, tmp_path)
    out = tmp_path / "out"
    files = export(folder, "rockchip", TEXTS, out, threads=1)
    assert files == [
        "calibration.json", "compile.py", "export.json", "weights/config.json", "weights/model.safetensors",
        "weights/tokenizer.json", "weights/tokenizer_config.json",
    ]  # fmt: skip
    found = hugging_face_logits(out / "weights", IDS)
    assert cosines(GraphDriver(folder.path).logits(IDS), found).mean() > 0.995
    pairs = json.loads((out / "calibration.json").read_text())
    assert [set(pair) for pair in pairs] == [{"input", "target"}] * 2
    assert "The drain plug" in pairs[0]["input"]
    assert pairs[0]["target"].endswith("newton metres.")
    assert NOT_RUN in (out / "compile.py").read_text()
    compile((out / "compile.py").read_text(), "compile.py", "exec")


def test_one_of_four_bits_is_exported_too(isolated_environment, tmp_path) -> None:
    install("llama", tmp_path, "Q4_1")
    made = quantize("llama", Recipe("exact4", head="4"), ["some text to read " * 20], threads=1)
    export(made, "axera", TEXTS, tmp_path / "out", chip="AX620E", threads=1)
    found = hugging_face_logits(tmp_path / "out" / "weights", IDS)
    assert cosines(GraphDriver(made.path).logits(IDS), found).mean() > 0.995
    about = json.loads((tmp_path / "out" / "export.json").read_text())
    assert (about["run"], about["chip"]) == (False, "AX620E")
    assert "--chip AX620E" in (tmp_path / "out" / "compile.sh").read_text()


@pytest.mark.usefixtures("home_with_embedder")
def test_an_embedder_becomes_a_fixed_graph_and_its_inputs(tmp_path) -> None:
    export(store.find("minilm-l6"), "hailo", TEXTS[::2], tmp_path / "out", threads=1)
    given = np.load(tmp_path / "out" / "calibration.npz")
    session = onnxruntime.InferenceSession(
        tmp_path / "out" / "encoder_128.onnx", providers=["CPUExecutionProvider"]
    )
    assert {one.name for one in session.get_inputs()} == set(given.files) == {"input_ids", "mask"}
    assert given["input_ids"].shape == (2, 128)
    session.run(None, {name: given[name][:1] for name in given.files})


def test_what_a_compiler_does_not_take_is_said_and_nothing_is_left(isolated_environment, tmp_path) -> None:
    folder = install("llama", tmp_path)
    out = tmp_path / "out"
    with pytest.raises(UnsupportedModelError, match="takes of it is embedders"):
        export(folder, "hailo", TEXTS, out, threads=1)
    with pytest.raises(ModelError, match="texts of yours"):
        export(folder, "axera", ["", " "], out, threads=1)
    for family in ("llama3", "qwen3"):
        with pytest.raises(UnsupportedModelError):
            export(install(family, tmp_path), "axera", TEXTS, out, threads=1)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".gguf"] == []
    out.mkdir()
    with pytest.raises(ModelError, match="exists already"):
        export(folder, "axera", TEXTS, out, threads=1)


@pytest.mark.usefixtures("home_with_embedder")
def test_the_command(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_results", None)
    monkeypatch.setattr("ragedge.privacy.egress.arm_process", lambda: None)
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    options = ["--texts", str(tmp_path / "texts.txt"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, ["models", "export", "minilm-l6", "--for", "nxp", *options, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert (found["run"], found["command"]) == (False, "compile.sh")
    assert "neutron-converter" in (tmp_path / "out" / "compile.sh").read_text()
