"""A server over a small manual, for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from running_server import Served, start, write_pdf


@pytest.fixture(scope="session")
def shared_home(minilm_dir: Path, smollm2_dir: Path) -> Path:
    assert minilm_dir.parent == smollm2_dir.parent
    return minilm_dir.parent.parent


@pytest.fixture(scope="session")
def manual_kb(tmp_path_factory: pytest.TempPathFactory, shared_home: Path) -> Path:
    """Return a knowledge base over the manual; not to be changed."""
    work = tmp_path_factory.mktemp("manual")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGEDGE_HOME", str(shared_home))
        import ragedge

        with ragedge.open(work / "kb", create=True) as kb:
            kb.ingest(write_pdf(work / "pump.pdf"))
    return work / "kb"


@pytest.fixture(scope="session")
def served(manual_kb: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    server = start(manual_kb, shared_home, tmp_path_factory.mktemp("served"))
    yield server
    assert server.stop() == 0, server.log.read_text()
