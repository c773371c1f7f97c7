from __future__ import annotations

from ragedge.testing.backend_contract import BackendContract


class TestCpuBackend(BackendContract):
    plugin = "cpu"
