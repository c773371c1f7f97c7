"""A graph that OpenVINO compiled for a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def device_names() -> dict[str, str]:
    """Return the devices that OpenVINO lists, and what each is called."""
    import openvino

    core = openvino.Core()
    return {name: str(core.get_property(name, "FULL_DEVICE_NAME")).strip() for name in core.available_devices}


class OpenModel:
    """A compiled graph and its one inference request; calls are made one at a time."""

    def __init__(self, path: Path, device: str, settings: Mapping[str, Any]) -> None:
        import openvino

        core = openvino.Core()
        model = core.read_model(path)
        self.input_names: Sequence[str] = [port.get_any_name() for port in model.inputs]
        self.output_names: Sequence[str] = [port.get_any_name() for port in model.outputs]
        self._supported = core.query_model(model, device)
        self._operators = [(one.get_friendly_name(), one.get_type_name()) for one in model.get_ordered_ops()]
        self._request = core.compile_model(model, device, dict(settings)).create_infer_request()

    def run(self, feeds: Mapping[str, NDArray[Any]], /) -> Mapping[str, NDArray[Any]]:
        """Run once; the arrays are copies."""
        self._request.infer(dict(feeds))
        return {name: np.array(self._request.get_tensor(name).data) for name in self.output_names}

    def placement(self) -> Sequence[tuple[str, str, str]]:
        """Return name, operator and device of every node, as ``query_model`` tells it."""
        return [
            (name, operator, str(self._supported.get(name, "")))
            for name, operator in self._operators
            if operator not in ("Parameter", "Result", "Constant")
        ]
