from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import ragedge_openvino
from ragedge_openvino import create

from ragedge import plugins
from ragedge.errors import ConfigError, ModelNotFoundError, ProviderUnavailableError
from ragedge.testing.backend_contract import BackendContract
from ragedge.testing.small_graph import open_session, write_small_graph

TEXTS = [
    "Tighten the drain plug to 35 Nm.",
    "Replace the coolant every five years.",
    "Fuse 12 protects the horn.",
]


class TestOpenVinoBackend(BackendContract):
    plugin = "openvino"


class TestOpenVinoBackendOfRoundedGraphs(BackendContract):
    plugin = "openvino"

    @pytest.fixture
    def options(self) -> Mapping[str, str]:
        return {"quantization": "a16w8"}


class TestOpenVinoBackendOfAnNpu(BackendContract):
    """On most machines that test this there is none, and the contract then wants the error."""

    plugin = "openvino"

    @pytest.fixture
    def options(self) -> Mapping[str, str]:
        return {"device": "NPU"}


@pytest.mark.parametrize("options", [{"device": "VPU"}, {"precision": "int8"}, {"quantization": "a4"}])
def test_options_that_are_not_allowed_are_named(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=str(next(iter(options)))):
        create(options)


def test_a_device_that_is_not_there_is_named_with_those_that_are() -> None:
    reason = create({"device": "NPU"}).probe().reason
    assert "NPU" in reason
    assert "CPU" in reason


def test_without_its_package_the_probe_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ragedge_openvino.importlib.util, "find_spec", lambda name: None)
    probe = create({}).probe()
    assert not probe.available
    assert "pip install openvino" in probe.reason


def test_wrong_inputs_and_a_damaged_graph_are_errors_of_ours(tmp_path: Path) -> None:

    path = tmp_path / "small.onnx"
    write_small_graph(path, "float")
    session = open_session(path, create({}), threads=1)
    with pytest.raises(ValueError, match="takes x; got z"):
        session.run({"z": np.zeros(1, np.float32)})
    with pytest.raises(ProviderUnavailableError, match="OpenVINO could not run"):
        session.run({"x": np.zeros((1, 1), np.float32)})
    path.write_bytes(b"not a graph")
    with pytest.raises(ProviderUnavailableError, match="OpenVINO could not load"):
        open_session(path, create({}), threads=1)


def test_the_embedder_runs_on_it_and_agrees_with_the_processor(home_with_embedder: Path) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        plugins.create("embedder", "onnx", {"backend": "openvino"})
    assert caught.value.hint == "ragedge backends compile openvino --model minilm-l6"
    command = [sys.executable, "-m", "ragedge", "backends", "compile", "openvino", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    assert [one["length"] for one in json.loads(done.stdout)["models"][0]["graphs"]] == [32, 128, 256]
    here = plugins.create("embedder", "onnx", {"backend": "openvino", "threads": 1})
    there = plugins.create("embedder", "onnx", {"threads": 1})
    assert here.fingerprint == there.fingerprint
    cosines = (here.embed_passages(TEXTS) * there.embed_passages(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.985, "the installed graph rounds activations to 8 bits; this one does not"
