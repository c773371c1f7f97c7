"""Runs the commands of the README's transcript on the example manual and compares, or writes, what they print.

    python scripts/transcript.py [--write]

Needs the default models. Times differ from run to run and are not compared.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
MANUAL = ROOT / "examples" / "automotive_manual" / "manual.pdf"
_BLOCK = re.compile(r"```console\n(.*?)```", re.S)
_SECONDS = re.compile(r"\d+\.\d s$", re.M)


def main() -> None:
    """Exit with 1 and both versions if they differ."""
    readme = README.read_text(encoding="utf-8")
    found = _BLOCK.search(readme)
    if found is None:
        sys.exit("README.md has no console block")
    fresh = "".join(f"$ {line}\n{output}" for line, output in run(re.findall(r"^\$ (.+)$", found[1], re.M)))
    if "--write" in sys.argv:
        README.write_text(readme[: found.start(1)] + fresh + readme[found.end(1) :], encoding="utf-8")
    elif _SECONDS.sub("", fresh) != _SECONDS.sub("", found[1]):
        sys.exit(f"README.md shows\n{found[1]}\nand the commands print\n{fresh}\nrun: make transcript")


def run(lines: list[str]) -> list[tuple[str, str]]:
    """Run each line in one scratch folder; return it with what it prints on standard output."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / MANUAL.name).symlink_to(MANUAL)
        for line in lines:
            words = [sys.executable, "-m", *shlex.split(line), "--kb", str(Path(folder) / "kb")]
            done = subprocess.run(
                words, capture_output=True, text=True, cwd=folder, env=dict(os.environ), check=False
            )
            if done.returncode:
                sys.exit(f"{line}: {done.stderr}")
            results.append((line, done.stdout))
    return results


if __name__ == "__main__":
    main()
