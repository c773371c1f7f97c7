"""The README shows what the tool prints."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pages import ROOT


@pytest.mark.slow
@pytest.mark.usefixtures("home_with_models")
def test_the_transcript_is_what_the_commands_print() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "transcript.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
