from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnxruntime
import pytest
from ragedge_ort_ep import create

from ragedge.errors import ConfigError, ModelError
from ragedge.testing.backend_contract import BackendContract
from ragedge.testing.small_graph import open_session, write_small_graph


class TestTheProcessorByItsProvidersName(BackendContract):
    plugin = "ort_ep"

    @pytest.fixture
    def options(self) -> Mapping[str, str]:
        return {"provider": "CPUExecutionProvider", "quantization": "a16w8"}


class TestAProviderThatIsNotHere(BackendContract):
    plugin = "ort_ep"

    @pytest.fixture
    def options(self) -> Mapping[str, str]:
        return {"provider": "VSINPUExecutionProvider", "quantization": "a8w8"}


def test_what_onnxruntime_lists_is_said_and_azure_is_not() -> None:
    reason = create({}).probe().reason
    assert "no provider is named" in reason
    for name in onnxruntime.get_available_providers():
        assert (name in reason) == (name != "AzureExecutionProvider")


def test_options_reach_the_provider_and_the_choice_of_device() -> None:
    backend = create(
        {
            "provider": "NeutronExecutionProvider",
            "option.cache": "/var/n",
            "device.kind": "npu",
            "library": "/x/n.so",
        }
    )
    assert backend.provider_options() == {"cache": "/var/n"}
    assert backend.device_metadata() == {"kind": "npu"}
    assert backend.provider_library == Path("/x/n.so")
    assert "not there" in backend.probe().reason


@pytest.mark.parametrize(
    "options",
    [
        {"provider": "AzureExecutionProvider"}, {"provider": "Xnnpack"}, {"profile": "some"}, {"quantization": "w4"},
        {"option.": "x"}, {"options": "x"},
    ],
)  # fmt: skip
def test_options_that_are_not_allowed_are_named(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=str(next(iter(options)))):
        create(options)


def test_a_library_that_is_not_there_is_an_error_and_not_the_processor(tmp_path: Path) -> None:

    path = tmp_path / "small.onnx"
    write_small_graph(path, "float")
    backend = create({"provider": "VSINPUExecutionProvider", "library": str(tmp_path / "gone.so")})
    with pytest.raises(ModelError, match="VSINPUExecutionProvider"):
        open_session(path, backend, threads=1)
