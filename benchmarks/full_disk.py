"""Lets the disk run full at 20 points of every kind of change, and looks at what is left.

    sudo nice python benchmarks/full_disk.py        # mounts a small tmpfs; goes on where an earlier run was stopped

The knowledge base lies on a tmpfs that has room for the n-th part of what the change needs. The change must end by
itself, with one line that says so, and every step that was told must be there once the disk has room again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from operations import OPERATIONS, fresh, prepare

from ragedge.errors import RagedgeError

LOG = Path(__file__).resolve().parent / "results" / "full_disk.jsonl"
POINTS = 20
_PAGES = 4096


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--operations", nargs="+", choices=sorted(OPERATIONS), default=list(OPERATIONS))
    parser.add_argument("--log", type=Path, default=LOG)
    arguments = parser.parse_args()
    rows = run(arguments.operations, arguments.points, arguments.log)
    failed = [row for row in rows if row["wrong"]]
    said = Counter(row["said"] for row in rows)
    print(json.dumps({"points": len(rows), "failed": len(failed), **said}))
    for row in failed:
        print(json.dumps(row), file=sys.stderr)
    return 1 if failed else 0


def run(operations: list[str], points: int, log: Path) -> list[dict[str, Any]]:
    """Return a row for each operation and point, those that the log already holds first."""
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = {(row["operation"], row["point"]) for row in rows}
    with tempfile.TemporaryDirectory() as scratch, small_disk(Path(scratch) / "disk") as disk:
        prepare(Path(scratch))
        for name in operations:
            for point in range(points):
                if (name, point) in done:
                    continue
                row = starve(Path(scratch), disk, name, point)
                rows.append(row)
                log.parent.mkdir(parents=True, exist_ok=True)
                with log.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    return rows


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a tmpfs, whose size is set anew for each point."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def resize(disk: Path, size: int) -> None:
    """Give the tmpfs another size."""
    size = (size + _PAGES - 1) // _PAGES * _PAGES
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


def fill_after(process: subprocess.Popen[str], disk: Path, steps: int) -> str:
    """Leave no room once so many steps were told; return what was told."""
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(steps + 1)]
    while True:
        usage = os.statvfs(disk)
        try:
            resize(disk, (usage.f_blocks - usage.f_bfree) * usage.f_frsize)
        except subprocess.CalledProcessError:
            continue  # it wrote another page meanwhile
        return "".join(told)


def starve(scratch: Path, disk: Path, name: str, point: int) -> dict[str, Any]:
    """Run one operation with little room; return what was found."""
    operation, folder = OPERATIONS[name], disk / "at" / "kb"
    resize(disk, 64 << 20)
    fresh(scratch, operation, folder)
    usage = os.statvfs(disk)
    used = (usage.f_blocks - usage.f_bfree) * usage.f_frsize
    room = operation.disk_step and used + (point + 1) * operation.disk_step
    resize(disk, room or 64 << 20)
    with operation.start(folder, scratch) as process:
        told_before = "" if room else fill_after(process, disk, point)
        try:
            out, err = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
    told = [line for line in (told_before + out).splitlines() if line != "ready"]
    last = err.strip().splitlines()[-1] if err.strip() else ""
    resize(disk, 64 << 20)
    ended = "ended" if process.returncode == 0 else "stopped" if process.returncode < 0 else last[:300]
    said = "full" if "is full" in last else ended
    try:
        wrong = operation.wrong(folder, told)
    except RagedgeError as exc:
        wrong = f"{type(exc).__name__}: {exc.message}"
    if not wrong and said not in ("full", "ended", "stopped"):
        wrong = f"it said {said}"
    shutil.rmtree(folder.parent)
    return {"operation": name, "point": point, "steps": len(told), "said": said, "wrong": wrong}


if __name__ == "__main__":
    sys.exit(main())
