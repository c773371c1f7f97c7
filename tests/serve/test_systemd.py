"""The units that ship: what systemd says of them, and a socket handed over as systemd does it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "examples" / "systemd"
# As sd_listen_fds(3) has it: descriptors from 3 on, counted in the environment of that very process.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.executable, [sys.executable, "-m", "ragedge", "serve", *sys.argv[2:]])
"""


@pytest.mark.slow
def test_systemd_takes_the_units(tmp_path):
    assert shutil.which("systemd-analyze"), "it is needed to check the units: apt-get install systemd"
    for unit in UNITS.iterdir():
        # The command is not installed there: systemd would stop at that.
        text = unit.read_text().replace("/opt/ragedge/bin/ragedge", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(tmp_path.glob("ragedge.*")))],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "ragedge." in line] == []


def test_the_unit_leaves_time_to_finish():
    from ragedge.config import ServeConfig

    unit = (UNITS / "ragedge.service").read_text()
    [stop] = [line.partition("=")[2] for line in unit.splitlines() if line.startswith("TimeoutStopSec=")]
    assert int(stop) > ServeConfig().shutdown_s


def test_a_socket_handed_over_is_the_one_that_is_served(manual_kb, shared_home, tmp_path):
    path = tmp_path / "handed"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAGEDGE_")}
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))
        one.listen()
        process = subprocess.Popen(
            [sys.executable, "-c", HAND_OVER, str(one.fileno()), "--kb", str(manual_kb), "--json"],
            stdout=subprocess.PIPE, text=True, pass_fds=[one.fileno()],
            env=environment | {"RAGEDGE_HOME": str(shared_home)},
        )  # fmt: skip
        # Asked before it listens: the request waits in the socket.
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), timeout=120) as client:
            answer = client.post("http://any/ragedge/v1/search", json={"question": "drain plug"})
    assert answer.json()["hits"]
    process.terminate()
    with process:
        assert str(path) in process.stdout.readline()
    assert process.returncode == 0
    assert path.exists(), "it is systemd's, not the server's to remove"
