"""Install ragedge without extras into a fresh environment, and check what that brings.

    python scripts/check_install.py [--keep DIR]

Checked: only wheels (no compiler), at most 350 MB on disk, no torch, every module imports, the command runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT_MB = 350
FORBIDDEN = ("torch", "transformers", "tensorflow", "scipy", "sentence_transformers", "llama_cpp")
IMPORT_EVERYTHING = """
import importlib, pkgutil, sys, ragedge
names = [m.name for m in pkgutil.walk_packages(ragedge.__path__, "ragedge.")]
for name in names:
    # Left out: the contract suites, which need pytest, the server, an extra's, and what would run the command.
    if not name.startswith(("ragedge.testing", "ragedge.serve.")) and name != "ragedge.__main__":
        importlib.import_module(name)
found = [name for name in sys.argv[1].split(",") if importlib.util.find_spec(name)]
sys.exit(f"installed, and must not be: {found}" if found else 0)
"""


def main() -> None:
    """Run the checks; exits with 1 and a line that says what failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="make the environment here and leave it")
    keep: Path | None = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as scratch:
        folder = keep or Path(scratch) / "venv"
        run(sys.executable, "-m", "venv", str(folder))
        scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
        python = str(scripts / "python")
        # ragedge itself is built here (pure Python); everything it needs must come as wheels.
        wheels_only = ("--only-binary", ":all:", "--no-binary", "ragedge")
        run(python, "-m", "pip", "install", "-qq", *wheels_only, str(ROOT))
        run(python, "-W", "error", "-c", IMPORT_EVERYTHING, ",".join(FORBIDDEN))
        run(str(scripts / "ragedge"), "--help")
        run(python, "-m", "pip", "check")
        sizes = {path.name: megabytes(path) for path in (folder / "lib").glob("python*/site-packages/*")}
        total = megabytes(folder)
    by_size = sorted(sizes.items(), key=lambda item: -item[1])
    largest = ", ".join(f"{name} {size:.0f}" for name, size in by_size[:6])
    print(f"base install: {total:.0f} MB on disk with pip (limit {LIMIT_MB}); largest: {largest}")
    if total > LIMIT_MB:
        sys.exit("the base install is too large")


def run(*command: str) -> None:
    """Run a command quietly; on failure show what it said and stop."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tempfile.gettempdir())
    if done.returncode:
        sys.exit(f"failed: {' '.join(command[:6])}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def megabytes(path: Path) -> float:
    """Return what a file or folder takes on disk, in blocks as `du` counts them."""
    files = [path] if path.is_file() else [item for item in path.rglob("*") if not item.is_symlink()]
    return sum(blocks(item) for item in files) / 1e6


def blocks(path: Path) -> int:
    """Return the bytes that a file occupies."""
    facts = path.lstat()
    return facts.st_blocks * 512 if hasattr(facts, "st_blocks") else facts.st_size


if __name__ == "__main__":
    main()
