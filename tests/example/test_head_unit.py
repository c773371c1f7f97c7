"""The head unit's program, compiled with warnings as errors, against a running server."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ragedge

pytestmark = pytest.mark.slow  # wants a C compiler

FOLDER = Path(__file__).resolve().parents[2] / "examples/head_unit"
MANUAL = """# Pump P-7

The drain plug torque is 35 N·m. The label reads "P-7 \\ 日本".

## Cover

WARNING: Hot oil burns the skin. Let the pump cool down before you remove the cover.

To remove the cover, take out the cover bolts.
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    work = tmp_path_factory.mktemp("head_unit")
    for name in ("head_unit.c", "json.c", "json.h", "Makefile"):
        shutil.copy(FOLDER / name, work)
    flags = "-O1 -g -Werror -fsanitize=address,undefined"
    subprocess.run(["make", "-s", f"CFLAGS={flags} -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion"],
                   cwd=work, check=True)  # fmt: skip
    return work / "head_unit"


@pytest.fixture(scope="module")
def socket(tmp_path_factory, minilm_dir: Path):
    work = tmp_path_factory.mktemp("s")
    home = minilm_dir.parent.parent
    (work / "pump.md").write_text(MANUAL, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGEDGE_HOME", str(home))
        with ragedge.open(work / "kb", create=True, settings={"generate.generator": "none"}) as kb:
            kb.ingest(work / "pump.md")
    path = work / "r.sock"
    server = subprocess.Popen(
        [sys.executable, "-m", "ragedge", "serve", "--kb", str(work / "kb"), "--socket", str(path),
         "--set", "generate.generator=none"],
        env=os.environ | {"RAGEDGE_HOME": str(home)}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 120
    while not (path.exists() and stat.S_ISSOCK(path.stat().st_mode)):
        assert server.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    yield path
    server.terminate()
    assert server.wait(60) == 0


def run(program: Path, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=120
    )


def test_it_shows_the_answer_and_its_page(program, socket):
    done = run(program, socket, "What is the drain plug torque?")
    assert done.returncode == 0, done.stderr
    assert "35 N·m" in done.stdout
    assert "[pump.md" in done.stdout


def test_a_warning_comes_before_what_it_guards(program, socket):
    lines = run(program, socket, "How do I remove the cover?").stdout.splitlines()
    warning = next(i for i, line in enumerate(lines) if line.startswith("! warning"))
    step = next(i for i, line in enumerate(lines) if "cover bolts" in line and not line.startswith("!"))
    assert warning < step


def test_lines_are_questions_and_text_comes_through_whole(program, socket):
    done = run(program, socket, stdin='What does the "label" read?\n\nWhat is the capital of Mongolia?\n')
    assert done.returncode == 0, done.stderr
    assert "P-7 \\ 日本" in done.stdout
    assert "does not say" in done.stdout


@pytest.mark.parametrize("question", [" ", "x" * 5_000, "\udcff"])
def test_what_is_refused_is_told_in_a_line(program, socket, question):
    done = subprocess.run(
        [program, str(socket), question.encode("utf-8", "surrogateescape")], capture_output=True, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"head_unit: ")
    assert b"Sanitizer" not in done.stderr


def test_no_server_and_wrong_usage(program, tmp_path):
    assert run(program).returncode == 2
    done = run(program, tmp_path / "nobody", "Why?")
    assert done.returncode == 1
    assert "No such file" in done.stderr
    assert run(program, "x" * 200, "Why?").returncode == 1
