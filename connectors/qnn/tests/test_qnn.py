from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import ragedge_qnn
from ragedge_qnn import TARGETS, create

from ragedge.errors import ConfigError, ProviderUnavailableError
from ragedge.testing.backend_contract import BackendContract
from ragedge.testing.small_graph import compile_context, open_session, write_small_graph

EMULATED = platform.system() == "Linux" and platform.machine() == "x86_64"


class TestQnnBackend(BackendContract):
    plugin = "qnn"


class TestQnnBackendOfAnotherChip(BackendContract):
    plugin = "qnn"

    @pytest.fixture
    def options(self) -> Mapping[str, str]:
        return {"target": "57/75", "quantization": "a8w8", "htp_performance_mode": "burst"}


def test_the_emulator_stands_in_on_a_laptop() -> None:
    probe = create({}).probe()
    assert probe.available == EMULATED or probe.devices == ("Hexagon HTP",)
    if EMULATED:
        assert "emulator" in probe.reason, "nobody may take it for the chip"


def test_without_its_package_the_probe_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ragedge_qnn, "PACKAGE", "no_such_package")
    probe = create({}).probe()
    assert not probe.available
    assert "pip install onnxruntime-qnn" in probe.reason


@pytest.mark.parametrize(
    "options", [{"target": "SM8550"}, {"target": "43/73/1"}, {"quantization": "int4"}, {"backend_path": "/x"}]
)
def test_options_that_are_not_allowed_are_named(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=str(next(iter(options)))):
        create(options)


def test_a_target_sets_chip_and_architecture() -> None:
    options = create({"target": "69/79", "vtcm_mb": "8"}).provider_options()
    assert (options["soc_model"], options["htp_arch"], options["vtcm_mb"]) == ("69", "79", "8")
    assert options["offload_graph_io_quantization"] == "0", "else inputs are rounded on the processor"


@pytest.mark.skipif(not EMULATED, reason="only the x86-64 wheel compiles and emulates")
def test_a_small_graph_compiles_for_each_chip_loads_and_computes_the_same(tmp_path: Path) -> None:

    backend = create({})
    path = tmp_path / "small.onnx"
    feeds, _ = write_small_graph(path, "a16w8")
    expected = open_session(path, backend, threads=1).run(feeds)["y"]
    for target in TARGETS:
        out = tmp_path / f"{target.replace('/', '-')}.onnx"
        compile_context(path, backend, out, target=target)
        session = open_session(out, backend, threads=1, target=target, record=True)
        assert session.placement().operators == {"EPContext": 1}
        np.testing.assert_array_equal(session.run(feeds)["y"], expected)


@pytest.mark.skipif(not EMULATED, reason="only the x86-64 wheel compiles and emulates")
def test_a_node_that_it_refuses_is_listed_and_never_left_to_the_processor(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 4]) for name in ("x", "y")]
    scalar = helper.make_tensor_value_info("d", TensorProto.FLOAT, [])
    nodes = [
        helper.make_node("Relu", ["x"], ["y"], name="kept"),
        helper.make_node("Det", ["y"], ["d"], name="odd"),
    ]
    graph = helper.make_graph(nodes, "mixed", sides[:1], [sides[1], scalar])
    path = tmp_path / "mixed.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    with pytest.raises(ProviderUnavailableError):
        open_session(path, create({}), threads=1)
    placement = open_session(path, create({}), threads=1, partial=True, record=True).placement()
    assert [(node.name, node.operator, node.provider) for node in placement.elsewhere] == [
        ("odd", "Det", "CPUExecutionProvider")
    ]
    assert (placement.nodes, placement.on_provider, placement.operators) == (2, 1, {"Relu": 1})


@pytest.mark.slow
@pytest.mark.skipif(not EMULATED, reason="only the x86-64 wheel compiles and emulates")
@pytest.mark.timeout(900)
def test_minilm_computes_on_the_emulator_what_the_processor_computes(
    home_with_embedder: Path, tmp_path: Path
) -> None:
    """With the chips' context binaries; and what native code prints does not reach the results."""
    lines = [
        f"Passage {number}: tighten bolt {number % 7} to {number * 3} Nm, then check it."
        for number in range(40)
    ]
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(lines), "utf-8")
    command = [
        sys.executable,
        "-m",
        "ragedge",
        "backends",
        "check",
        "qnn",
        "--texts",
        str(texts),
        "--count",
        "2",
    ]
    targets = [part for target in TARGETS for part in ("--target", target)]
    done = subprocess.run(
        [*command, *targets, "--json"], capture_output=True, text=True, timeout=800, check=False
    )
    said = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    (row,) = said["models"]
    assert row["nodes"] == row["nodes_on_backend"] > 600
    assert row["elsewhere"] == []
    assert row["cosine_min"] > 0.998
    assert [(one["target"], one["loaded"]) for one in said["compiled"]] == [
        (target, True) for target in TARGETS
    ]
    assert all(one["bytes"] > 1_000_000 and one["cosine"] > 0.998 for one in said["compiled"])
