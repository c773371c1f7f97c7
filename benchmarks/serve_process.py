"""A server in a process of its own, for the benchmarks over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


class ServerProcess:
    """``ragedge serve`` on a free port of loopback.

    Attributes:
        url: Where it listens.
        process: It.
    """

    def __init__(self, kb: Path, log: Path, *arguments: str) -> None:
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ragedge", "serve", "--kb", str(kb), "--port", "0", "--json", *arguments],
                stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(log.read_text())
        self.url = json.loads(line)["listening"][0]

    def resident_mb(self) -> float:
        """Return its resident memory; not that of the parser's process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024
