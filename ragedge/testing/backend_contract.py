"""What every backend must do: describe itself truthfully, change nothing, and run a graph where it says that it can."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from ragedge import plugins
from ragedge.datatypes import Probe
from ragedge.errors import ConfigError, ProviderUnavailableError
from ragedge.protocols import GraphRuntime, TargetCompiler
from ragedge.testing.small_graph import open_session, write_small_graph

if TYPE_CHECKING:
    from ragedge.protocols import Backend

# Providers that hand work to another machine have no place on a private device.
_REMOTE = frozenset({"AzureExecutionProvider"})


class BackendContract:
    """Subclass it, set ``plugin``, and override ``options`` if the factory needs any.

    Attributes:
        plugin: The name it is registered under in the group ``ragedge.backend``.
    """

    plugin: ClassVar[str] = ""

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return what the factory is given."""
        return {}

    @pytest.fixture
    def backend(self, options: Mapping[str, Any]) -> Backend:
        """Build the backend; override it for one that is not registered."""
        made: Backend = plugins.create("backend", self.plugin, options)
        return made

    def test_its_name_is_the_one_it_is_registered_under(self, backend: Backend) -> None:
        assert backend.name
        assert self.plugin in ("", backend.name)

    def test_its_graphs_are_of_a_known_kind(self, backend: Backend) -> None:
        assert backend.graph_profile in ("dynamic", "static")
        assert backend.quantization in ("float", "a16w8", "a8w8")

    def test_its_provider_is_local(self, backend: Backend) -> None:
        assert backend.provider.endswith("ExecutionProvider") or isinstance(backend, GraphRuntime)
        assert backend.provider not in _REMOTE

    def test_options_and_versions_are_text(self, backend: Backend) -> None:
        for told in (backend.provider_options(), backend.device_metadata(), backend.versions()):
            assert all(isinstance(key, str) and isinstance(value, str) for key, value in told.items())
        assert backend.versions(), "what was compiled with other versions is compiled anew"

    def test_the_probe_gives_a_reason_either_way(self, backend: Backend) -> None:
        probe = backend.probe()
        assert isinstance(probe, Probe)
        assert probe.reason.strip()
        assert "\n" not in probe.reason
        assert probe.devices or not probe.available, "what can run has a device to run on"

    def test_probing_twice_says_the_same(self, backend: Backend) -> None:
        assert backend.probe().available == backend.probe().available

    def test_what_is_available_can_be_opened(self, backend: Backend) -> None:
        """A plugin provider's library must exist where the probe says that it can run."""
        if backend.probe().available and backend.provider_library is not None:
            assert backend.provider_library.is_file()

    def test_it_runs_a_graph_where_it_says_that_it_can(self, backend: Backend, tmp_path: Path) -> None:
        """And where it says that it cannot, opening one is an error and not the processor's work."""
        path = tmp_path / "small.onnx"
        feeds, expected = write_small_graph(path, backend.quantization)
        if not backend.probe().available:
            with pytest.raises(ProviderUnavailableError):
                open_session(path, backend, threads=1)
            return
        session = open_session(path, backend, threads=1, record=True)
        found = session.run(feeds)["y"]
        step = {"float": 1e-3, "a16w8": 0.02, "a8w8": 0.2}[backend.quantization]
        np.testing.assert_allclose(found, expected, atol=step)
        placement = session.placement()
        assert placement.whole
        assert placement.nodes > 0

    def test_each_chip_it_compiles_for_has_options_of_its_own(self, backend: Backend) -> None:
        if not isinstance(backend, TargetCompiler):
            return
        told = [tuple(sorted(backend.target_options(target).items())) for target in backend.targets()]
        assert told
        assert len(set(told)) == len(told)
        with pytest.raises(ConfigError, match="no such chip"):
            backend.target_options("no such chip")

    def test_an_unknown_option_is_refused(self, options: Mapping[str, Any]) -> None:
        if not self.plugin:
            return  # not registered: there is no factory to call
        with pytest.raises(ConfigError, match="no_such_option"):
            plugins.create("backend", self.plugin, {**options, "no_such_option": 1})
