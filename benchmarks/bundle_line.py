"""A line of small bundles to kill, starve and damage: real rows, a real (random) encoder of 64 dimensions, a key."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

import ragedge
from ragedge.bundle import packing, signing
from ragedge.models.importer import import_model

_TINY = Path(__file__).resolve().parents[1] / "tests" / "models" / "tiny_bert.py"
_SETTINGS = '[embed]\nmodel = "tiny"\n[generate]\ngenerator = "none"\ncalibrate = false\n'
_MANUAL = "# Pump\n\nThe drain plug takes {torque} N·m.\n\nTurn the valve of the unit by {torque} degrees.\n"


def torque_of(release: int) -> int:
    """Return what the manual of a release says."""
    return 30 + release


def pack(work: Path, releases: Iterable[int]) -> None:
    """Write ``release-N`` for each, and the maker's keys ``maker.key`` and ``maker.key.pub``."""
    spec = importlib.util.spec_from_file_location("tiny_bert", _TINY)
    assert spec is not None and spec.loader is not None
    tiny_bert = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny_bert)
    before = os.environ.get("RAGEDGE_HOME")
    os.environ["RAGEDGE_HOME"] = str(work / "maker-home")
    try:
        signing.make_key(work / "maker.key")
        import_model(tiny_bert.write_folder(work / "tiny"), name="tiny", licence="MIT")
        (work / "line").mkdir()
        (work / "line" / "ragedge.toml").write_text(_SETTINGS)
        key = signing.read_private(work / "maker.key")
        for release in releases:
            (work / "pump.md").write_text(_MANUAL.format(torque=torque_of(release)), encoding="utf-8")
            with ragedge.open(work / "line", create=True) as kb:
                kb.ingest(work / "pump.md")
                packing.create(kb, work / f"release-{release}", name="pump", version=release, key=key)
    finally:
        if before is None:
            del os.environ["RAGEDGE_HOME"]
        else:
            os.environ["RAGEDGE_HOME"] = before
