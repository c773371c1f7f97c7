"""A graph whose inputs and outputs are bound to arrays once, and which is then run over them again and again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import ModelIntegrityError
from ragedge.runtime.failures import mapped
from ragedge.runtime.session import Session, load_onnxruntime

if TYPE_CHECKING:
    from numpy.typing import NDArray


class BoundGraph:
    """A session with its arrays; several may share them.

    Attributes:
        name: The graph's file, for messages.
    """

    def __init__(self, session: Session) -> None:
        self.name = session.name
        self._session = session
        self._held: dict[str, NDArray[Any]] = {}  # what the binding points into must outlive it
        self._bind_value = load_onnxruntime().OrtValue.ortvalue_from_numpy
        self._binding = session.native.io_binding()

    def bind_input(self, name: str, array: NDArray[Any]) -> None:
        """Read an input from this array from now on."""
        self._held[name] = array
        self._binding.bind_ortvalue_input(name, self._bind_value(array))

    def bind_output(self, name: str, array: NDArray[np.float32]) -> None:
        """Write an output into this array from now on."""
        self._held[name] = array
        self._binding.bind_ortvalue_output(name, self._bind_value(array))

    def bind_caches(self, caches: Mapping[str, NDArray[np.float32]]) -> None:
        """Read and write keys and values in these arrays, by name: ``{layer}.key`` and ``{layer}.value``.

        Raises:
            ModelIntegrityError: the graph has others.
        """
        found = {name for name in self._session.input_names if name.startswith("past.")}
        if found != {f"past.{name}" for name in caches}:
            raise ModelIntegrityError(
                f"{self.name} has {len(found)} KV inputs; its manifest says {len(caches)}",
                hint="ragedge models verify",
            )
        for name, array in caches.items():
            value = self._bind_value(array)
            self._held[name] = array
            self._binding.bind_ortvalue_input(f"past.{name}", value)
            self._binding.bind_ortvalue_output(f"present.{name}", value)

    def bind_adapter(self, matrices: Mapping[str, NDArray[np.float32]]) -> None:
        """Put an adapter's matrices in place; noughts for those left out.

        Raises:
            ValueError: the graph has no input of a name.
        """
        names = {name for name in self._session.input_names if name.startswith("lora.")}
        if not set(matrices) <= names:
            raise ValueError(f"{self.name} was opened without inputs for this adapter")
        for name in names:
            # The free dimension, the rank, is 1 where there is nothing to add.
            shape = [size if isinstance(size, int) else 1 for size in self._session.input_shape(name)]
            self.bind_input(name, matrices[name] if name in matrices else np.zeros(shape, np.float32))

    def run(self) -> None:
        """Run over what is bound.

        Raises:
            ModelError: the graph failed.
        """
        with mapped("run", self.name, self._session.provider):
            self._session.native.run_with_iobinding(self._binding)
