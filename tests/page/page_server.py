"""A real server over two small manuals, and a PDF that is written for it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from reportlab.lib.pagesizes import A5
from reportlab.pdfgen import canvas

KEY = "a key of sixteen letters or more"

PUMP = (
    ("1 Torque", ["The drain plug torque is 35 N·m.", "The cover bolt torque is 12 N·m."]),
    ("2 Oil", ["The pump takes 4.5 litres of SAE 30 oil.", "Change the oil every 200 hours."]),
    (
        "3 Draining the oil",
        [
            "WARNING: Hot oil burns the skin. Let the pump cool down.",
            "1. Put a pan below the drain plug.",
            "2. Remove the drain plug and let the oil run out.",
            "3. Fit the drain plug with a new washer.",
        ],
    ),
)
LAMP_2019 = "---\nmodel: L1\nyear: 2019\n---\n# Lamp\n\nThe bulb of the lamp is a 21 W bulb.\n"
LAMP_2024 = "---\nmodel: L2\nyear: 2024\n---\n# Lamp\n\nThe bulb of the lamp is a 5 W bulb.\n"


def write_manuals(folder: Path) -> list[Path]:
    """Write the pump's manual and two editions of the lamp's."""
    (folder / "pump.pdf").write_bytes(pdf(PUMP))
    (folder / "lamp-2019.md").write_text(LAMP_2019)
    (folder / "lamp-2024.md").write_text(LAMP_2024)
    return [folder / name for name in ("pump.pdf", "lamp-2019.md", "lamp-2024.md")]


def pdf(pages) -> bytes:
    out = io.BytesIO()
    drawing = canvas.Canvas(out, pagesize=A5)
    for heading, lines in pages:
        drawing.setFont("Helvetica-Bold", 16)
        drawing.drawString(40, 540, heading)
        drawing.setFont("Helvetica", 11)
        for number, line in enumerate(lines):
            drawing.drawString(40, 500 - 20 * number, line)
        drawing.showPage()
    drawing.save()
    return out.getvalue()


@contextmanager
def serving(kb: Path, home: Path, *arguments: str):
    """Run ``ragedge serve`` on a free port; yield its address."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAGEDGE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "ragedge", "serve", "--kb", str(kb), "--json", "--port", "0", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment | {"RAGEDGE_HOME": str(home)},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["listening"][0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()
