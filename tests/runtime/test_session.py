import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ragedge.errors import ConfigError, ModelError, ModelIntegrityError, ProviderUnavailableError
from ragedge.runtime import session as session_module
from ragedge.runtime.cpu_backend import create
from ragedge.runtime.failures import MODULE, translate
from ragedge.runtime.session import LOCAL_PROVIDERS, load_onnxruntime, open_session
from ragedge.testing.backend_contract import BackendContract


class TestCpuBackend(BackendContract):
    plugin = "cpu"


@dataclass
class OtherBackend:
    """A backend of whatever provider a test names."""

    provider: str
    provider_library: Path | None = None
    name: str = "other"
    graph_profile: str = "dynamic"
    options: dict[str, str] = field(default_factory=dict)

    def provider_options(self):
        return self.options

    def device_metadata(self):
        return {}


@pytest.fixture
def doubling(tmp_path) -> Path:
    """Return a graph that multiplies (n,) floats by two."""
    two = numpy_helper.from_array(np.array(2.0, np.float32), "two")
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "two"], ["y"])],
        "doubling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
        [two],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def test_a_graph_runs(doubling):
    session = open_session(doubling, create({}), threads=1)
    assert session.provider == "CPUExecutionProvider"
    assert (session.input_names, session.output_names) == (("x",), ("y",))
    assert session.input_shape("x") == ("n",)
    np.testing.assert_array_equal(session.run({"x": np.array([1, 2], np.float32)})["y"], [2, 4])


def test_azure_is_never_a_provider(doubling):
    assert "AzureExecutionProvider" in load_onnxruntime().get_available_providers(), (
        "the wheel still offers it"
    )
    assert "AzureExecutionProvider" not in LOCAL_PROVIDERS
    with pytest.raises(ProviderUnavailableError, match="not a local provider"):
        open_session(doubling, OtherBackend("AzureExecutionProvider"), threads=1)


def test_a_provider_that_is_not_installed_is_an_error_and_not_the_cpu(doubling):
    with pytest.raises(ProviderUnavailableError, match="here are CPUExecutionProvider") as caught:
        open_session(doubling, OtherBackend("CUDAExecutionProvider"), threads=1)
    assert "cpu" in caught.value.hint


def test_a_provider_that_is_dropped_while_loading_is_an_error(doubling, monkeypatch):
    """The library says that it has the provider, and then opens the session on the CPU with a warning."""
    ort = load_onnxruntime()
    monkeypatch.setattr(
        ort, "get_available_providers", lambda: ["XnnpackExecutionProvider", "CPUExecutionProvider"]
    )
    with pytest.warns(UserWarning, match="Xnnpack"), pytest.raises(ProviderUnavailableError):
        open_session(doubling, OtherBackend("XnnpackExecutionProvider"), threads=1)


def test_other_providers_may_not_fall_back_to_the_cpu():
    ort = load_onnxruntime()
    options = session_module.session_options(ort, "QNNExecutionProvider", 2, {})
    assert options.get_session_config_entry("session.disable_cpu_ep_fallback") == "1"
    with pytest.raises(Exception, match="disable_cpu_ep_fallback"):
        session_module.session_options(ort, "CPUExecutionProvider", 2, {}).get_session_config_entry(
            "session.disable_cpu_ep_fallback"
        )


def test_a_plugin_library_that_is_not_there_is_a_provider_error(doubling, tmp_path):
    backend = OtherBackend("QNNExecutionProvider", provider_library=tmp_path / "libmissing.so")
    with pytest.raises(ModelError, match="QNNExecutionProvider"):
        open_session(doubling, backend, threads=1)


def test_threads_rest_when_no_run_lasts():
    options = session_module.session_options(load_onnxruntime(), "CPUExecutionProvider", 2, {})
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)


def test_a_missing_file_says_how_to_mend_it(tmp_path):
    with pytest.raises(ModelIntegrityError, match="missing") as caught:
        open_session(tmp_path / "model.onnx", create({}), threads=1)
    assert caught.value.hint == "ragedge models verify"


@pytest.mark.parametrize("data", [b"", b"not a graph", b"\x00" * 64, b"\x08\x0a\x12\xff\xff\xff\xff\x0f"])
def test_a_damaged_file_is_an_integrity_error(tmp_path, data):
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelIntegrityError) as caught:
        open_session(path, create({}), threads=1)
    assert "\n" not in str(caught.value)


def test_a_truncated_graph_is_an_integrity_error(doubling):
    doubling.write_bytes(doubling.read_bytes()[:-20])
    with pytest.raises(ModelIntegrityError):
        open_session(doubling, create({}), threads=1)


def test_missing_external_data_is_an_integrity_error(doubling):
    model = onnx.load(doubling)
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    for key, value in (("location", "gone.data"), ("offset", "0"), ("length", "4")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    doubling.write_bytes(model.SerializeToString())
    with pytest.raises(ModelIntegrityError):
        open_session(doubling, create({}), threads=1)


def test_wrong_inputs_are_named(doubling):
    session = open_session(doubling, create({}), threads=1)
    with pytest.raises(ValueError, match="takes x; got z"):
        session.run({"z": np.zeros(1, np.float32)})
    with pytest.raises(ModelError, match="InvalidArgument"):
        session.run({"x": np.zeros((1, 1), np.float32)})
    with pytest.raises(LookupError, match="no input 'z'"):
        session.input_shape("z")


def test_no_threads_are_refused(doubling):
    with pytest.raises(ValueError, match="at least 1"):
        open_session(doubling, create({}), threads=0)


def test_options_of_the_cpu_backend_are_refused():
    with pytest.raises(ConfigError, match="speed"):
        create({"speed": 1})


def native_errors():
    import onnxruntime.capi.onnxruntime_pybind11_state as state

    found = [
        value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)
    ]
    return sorted(found, key=lambda one: one.__name__)


def test_every_exception_of_onnxruntime_is_mapped():
    found = native_errors()
    assert len(found) >= 10
    for kind in found:
        assert kind.__module__ == MODULE, kind
        for action in ("load", "run"):
            error = translate(kind("first line\nsecond line"), action, "m/model.onnx", "CPUExecutionProvider")
            assert type(error) in (ModelError, ModelIntegrityError, ProviderUnavailableError)
            assert kind.__name__ in str(error)
            assert error.hint
            assert "\n" not in str(error)


def test_the_import_is_refused_while_telemetry_could_be_on(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    with pytest.raises(RuntimeError, match="ORT_DISABLE_TELEMETRY"):
        load_onnxruntime()


def test_telemetry_is_off_before_the_library_loads():
    code = (
        "import os, sys, ragedge.runtime.session as s\n"
        "assert 'onnxruntime' not in sys.modules\n"
        "s.load_onnxruntime()\n"
        "assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=60)
