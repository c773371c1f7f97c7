"""Starts a real server in a process of its own, over a small manual, on the two default models."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

PAGES = (
    ("Torque", ["The drain plug torque is 35 N·m.", "The cover bolt torque is 12 N·m."]),
    ("Oil", ["The pump takes 4.5 litres of SAE 30 oil.", "Change the oil every 200 hours."]),
    (
        "Draining",
        ["WARNING: Hot oil burns the skin.", "To drain the oil, remove the drain plug from the housing."],
    ),
)
GROUNDED, GENERATOR, EMBEDDER = "ragedge", "smollm2-135m", "minilm-l6"
QUESTION = "What is the torque of the drain plug?"


@dataclass(frozen=True)
class Served:
    """A running server."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def client(self, **more) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=120, **more)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        with self.client() as http:
            lines = http.get("/ragedge/v1/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def write_pdf(path: Path) -> Path:
    from reportlab.pdfgen import canvas

    pdf = canvas.Canvas(str(path))
    for heading, lines in PAGES:
        pdf.setFont("Helvetica-Bold", 18)
        pdf.drawString(72, 760, heading)
        pdf.setFont("Helvetica", 11)
        for number, line in enumerate(lines):
            pdf.drawString(72, 720 - 20 * number, line)
        pdf.showPage()
    pdf.save()
    return path


def start(kb: Path, home: Path, work: Path, *arguments: str) -> Served:
    """Start a server on a free port of loopback, or where the arguments say."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAGEDGE_")}
    log = work / "server.log"
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ragedge", "serve", "--kb", str(kb), "--json", "--port", "0", *arguments],
            stdout=subprocess.PIPE, stderr=errors, text=True, env=environment | {"RAGEDGE_HOME": str(home)},
        )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, log.read_text()
    told = json.loads(line)
    return Served(told["listening"][0] if "listening" in told else "", process, log)


def user(*texts: str) -> list[dict[str, str]]:
    """Return messages of a user."""
    return [{"role": "user", "content": text} for text in texts]
