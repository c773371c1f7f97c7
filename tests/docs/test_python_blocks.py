"""Python in the docs runs. A block whose first line is ``# not run: <reason>`` is left out, for readers to see."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pages import ROOT, Fenced, blocks

BLOCKS = [block for block in blocks("python") if not block.code.startswith("# not run: ")]


def test_there_are_blocks_to_run() -> None:
    assert {block.page.name for block in BLOCKS} >= {"README.md", "quickstart.md"}


@pytest.mark.usefixtures("home_with_models")
@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_it_runs(block: Fenced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "examples" / "automotive_manual" / "manual.pdf", tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "kettle.md").write_text("# Kettle\n\nIt holds 1.7 litres.\n", encoding="utf-8")
    exec(compile(block.code, str(block), "exec"), {"__name__": "__main__"})
