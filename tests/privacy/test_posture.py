"""What ``ragedge doctor --privacy`` finds, on real files, libraries and limits."""

import json
import os
import subprocess
import sys

import pytest

from ragedge.privacy import posture


def doctor(*arguments, cwd=None):
    done = subprocess.run(
        [sys.executable, "-m", "ragedge", "doctor", "--privacy", "--json", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    report = json.loads(done.stdout)
    return done.returncode, {check["name"]: check for check in report["checks"]}


@pytest.mark.skipif(os.name != "posix", reason="mode bits are POSIX's")
def test_a_file_that_others_may_read_is_named(tmp_path):
    folder = tmp_path / "kb"
    folder.mkdir(mode=0o700)
    (folder / "kb.sqlite").touch(mode=0o600)
    (folder / "ragedge.toml").touch(mode=0o644)  # the user's own, made by hand
    assert posture.permissions(folder).ok
    (folder / "kb.sqlite").chmod(0o640)
    finding = posture.permissions(folder)
    assert not finding.ok
    assert "kb.sqlite" in finding.detail and "ragedge.toml" not in finding.detail
    status, checks = doctor("--kb", folder)
    assert status == 1 and not checks["permissions"]["ok"]


def test_the_command_is_guarded_and_has_what_it_needs(tmp_path):
    _, checks = doctor("--kb", tmp_path)
    for name in ("guard", "switches", "uploaders", "core dumps", "providers"):
        assert checks[name]["ok"], checks[name]
    assert "AzureExecutionProvider" not in checks["providers"]["detail"].partition("refused")[0]


def test_without_the_guard_the_check_fails():
    # The suite's own hook refuses too, with another error: a fresh process has neither.
    code = "from ragedge.privacy.posture import guard; print(guard().ok)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"


def test_a_switch_that_somebody_turned_is_named(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    finding = posture.switches()
    assert not finding.ok
    assert "ORT_DISABLE_TELEMETRY=1" in finding.mend


def test_an_uploader_in_a_native_library_is_found(tmp_path, monkeypatch):
    library = tmp_path / "libonnxruntime.so.1.29.0"
    library.write_bytes(
        b"\x7fELF" + bytes(5000) + b"https://mobile.events.data.microsoft.com/OneCollector" + bytes(9)
    )
    monkeypatch.setattr(posture, "_native_libraries", lambda: iter([library]))
    finding = posture.uploaders()
    assert not finding.ok
    assert library.name in finding.detail


def test_a_missing_knowledge_base_is_a_gap_only_where_it_was_named(tmp_path):
    _, checks = doctor("--kb", tmp_path / "none")
    assert not checks["knowledge base"]["ok"]
