from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ragedge_folder_watch import watch

import ragedge
from ragedge.errors import SourceError

SETTINGS = {"generate.generator": "none"}


@pytest.fixture
def folder(tmp_path: Path, home_with_embedder: Path) -> Path:
    made = tmp_path / "manuals"
    (made / "sub").mkdir(parents=True)
    (made / "pump.md").write_text("# Pump\n\nThe drain plug takes 31 N·m.\n", encoding="utf-8")
    return made


@pytest.mark.parametrize("poll", [False, True])
def test_what_changes_in_a_folder_changes_in_the_knowledge_base(
    tmp_path: Path, folder: Path, poll: bool
) -> None:
    stop = threading.Event()
    with ragedge.open(tmp_path / "kb", create=True, settings=SETTINGS) as kb:
        reports = watch(kb, folder, exclude=["*.tmp"], settle_s=0.2, poll=poll, stop=stop)
        assert next(reports).added == ["pump.md"]
        (folder / "sub" / "fan.md").write_text("# Fan\n\nThe belt lasts 4000 hours.\n")
        (folder / "half.tmp").write_text("not yet")
        assert next(reports).added == ["sub/fan.md"]
        (folder / "pump.md").write_text("# Pump\n\nThe drain plug takes 44 N·m.\n", encoding="utf-8")
        assert next(reports).updated == ["pump.md"]
        assert "44" in kb.search("drain plug", top_k=1)[0].text
        (folder / "sub" / "fan.md").rename(folder / "blower.md")
        assert [(r.old, r.new) for r in next(reports).renamed] == [("sub/fan.md", "blower.md")]
        (folder / "blower.md").unlink()
        assert next(reports).removed == ["blower.md"]
        assert [row["source"] for row in kb.status()["sources"]] == ["pump.md"]
        stop.set()
        assert list(reports) == []


def test_changes_that_follow_each_other_are_one_ingest(tmp_path: Path, folder: Path) -> None:
    with ragedge.open(tmp_path / "kb", create=True, settings=SETTINGS) as kb:
        reports = watch(kb, folder, settle_s=0.5)
        next(reports)
        for number in range(5):
            (folder / f"note-{number}.md").write_text(f"# Note {number}\n\nWords.\n")
        assert len(next(reports).added) == 5
        reports.close()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, home_with_embedder: Path) -> None:
    with (
        ragedge.open(tmp_path / "kb", create=True, settings=SETTINGS) as kb,
        pytest.raises(SourceError, match="nowhere"),
    ):
        next(watch(kb, tmp_path / "nowhere"))


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends a process there without asking it")
def test_the_command_ends_when_told(tmp_path: Path, folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ragedge_folder_watch.command", str(folder), "--kb", str(tmp_path / "kb"),
         "--settle", "0.2", "--json", "--meta", "model=P1"],
        stdout=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    try:
        assert json.loads(process.stdout.readline())["added"] == ["pump.md"]
        (folder / "fan.md").write_text("# Fan\n\nThe belt lasts 4000 hours.\n")
        assert json.loads(process.stdout.readline())["added"] == ["fan.md"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
    with ragedge.open(tmp_path / "kb", settings=SETTINGS) as kb:
        assert {row["metadata"]["model"] for row in kb.status()["sources"]} == {"P1"}
