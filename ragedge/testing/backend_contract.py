"""What every backend must do: describe itself truthfully, open nothing, change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from ragedge import plugins
from ragedge.datatypes import Probe
from ragedge.errors import ConfigError

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

    def test_its_graph_profile_is_known(self, backend: Backend) -> None:
        assert backend.graph_profile in ("dynamic", "static")

    def test_its_provider_is_local(self, backend: Backend) -> None:
        assert backend.provider.endswith("ExecutionProvider")
        assert backend.provider not in _REMOTE

    def test_provider_options_are_text(self, backend: Backend) -> None:
        options = backend.provider_options()
        assert all(isinstance(key, str) and isinstance(value, str) for key, value in options.items())

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

    def test_an_unknown_option_is_refused(self, options: Mapping[str, Any]) -> None:
        if not self.plugin:
            return  # not registered: there is no factory to call
        with pytest.raises(ConfigError, match="no_such_option"):
            plugins.create("backend", self.plugin, {**options, "no_such_option": 1})
