"""``doctor``: whether everything that an answer needs is here and sound, and the command that mends it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from ragedge.cli import output
from ragedge.cli.command import command, kb_options, open_kb
from ragedge.errors import KnowledgeBaseNotFoundError, RagedgeError

# Where onnxruntime's official builds from 1.29 on send telemetry (docs/decisions/001).
UPLOADER = b"mobile.events.data.microsoft.com"
LEAST_FREE_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; ``mend`` is the command that puts it right."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


@click.command()
@kb_options
@command()
def doctor(kb_path: Path | None, config_file: Path | None, as_json: bool) -> int:
    """Check the installation, the models and the knowledge base; exits with 1 if anything is not ok."""
    checks: list[Check] = [check_python(), check_runtime(), check_telemetry(), check_index(), check_disk()]
    checks += check_models()
    checks += check_knowledge_base(kb_path, config_file)
    ok = all(check.ok for check in checks)
    if as_json:
        output.write_json({"schema": 1, "ok": ok, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            output.write(f"{'ok  ' if check.ok else 'FAIL'} {check.name:<16} {check.detail}")
            if not check.ok and check.mend:
                output.write(f"     try: {check.mend}")
    return 0 if ok else 1


def check_python() -> Check:
    """Python is recent enough."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Check("python", sys.version_info >= (3, 11), version, "install Python 3.11 or later")


def check_runtime() -> Check:
    """The built-in backend can run."""
    from ragedge import plugins

    try:
        probe = plugins.create("backend", "cpu").probe()
    except RagedgeError as exc:
        return Check("runtime", False, exc.message, exc.hint)
    return Check(
        "runtime", probe.available, probe.reason, "pip install --force-reinstall 'onnxruntime>=1.24.2,<1.29'"
    )


def check_telemetry() -> Check:
    """No uploader stands in onnxruntime's native libraries, and its switch is off all the same."""
    import os
    from importlib.util import find_spec

    spec = find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        return Check("telemetry", False, "onnxruntime is not installed", "pip install ragedge")
    libraries = sorted((Path(spec.origin).parent / "capi").glob("*onnxruntime*"))
    found = [library.name for library in libraries if library.is_file() and UPLOADER in library.read_bytes()]
    if found:
        return Check(
            "telemetry", False, f"an uploader stands in {', '.join(found)}", "pip install 'onnxruntime<1.29'"
        )
    off = os.environ.get("ORT_DISABLE_TELEMETRY") == "1"
    return Check(
        "telemetry",
        off,
        "no uploader in onnxruntime; ORT_DISABLE_TELEMETRY=1",
        "export ORT_DISABLE_TELEMETRY=1",
    )


def check_index() -> Check:
    """Some approximate index is importable; exact search carries on without one."""
    from importlib.util import find_spec

    for module, name in (("hnswlib", "hnsw"), ("usearch", "usearch")):
        if find_spec(module) is not None:
            return Check("index", True, f"{name} carries the default index")
    return Check("index", True, "no hnswlib and no usearch: exact search carries the default index")


def check_disk() -> Check:
    """There is room to work."""
    from ragedge.home import home_dir

    folder = next(path for path in (home_dir(), *home_dir().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    return Check("disk", free >= LEAST_FREE_BYTES, f"{free / 1e9:.1f} GB free at {folder}", "free some space")


def check_models() -> list[Check]:
    """The default models are installed and every file of each installed one is what was recorded."""
    from ragedge.config import Config
    from ragedge.models import store

    config = Config()
    names = {config.embed.model: None, config.generate.model: None} | dict.fromkeys(
        folder.manifest.name for folder in store.installed()
    )
    checks = []
    for name in names:
        try:
            problems = store.verify_model(name)
        except RagedgeError as exc:
            checks.append(Check(f"model {name}", False, exc.message, exc.hint))
            continue
        detail = "; ".join(problems) or "every file as recorded"
        checks.append(Check(f"model {name}", not problems, detail, f"ragedge models pull {name}"))
    return checks


def check_knowledge_base(kb_path: Path | None, config_file: Path | None) -> list[Check]:
    """The knowledge base opens, its rows are whole, and its embedder is the configured one."""
    try:
        with open_kb(kb_path, config_file) as kb:
            findings: list[tuple[str, Callable[[], str]]] = [
                ("rows", kb.verify_rows),
                ("embedder", kb.verify_embedder),
            ]
            checks = []
            for name, find in findings:
                try:
                    checks.append(Check(name, True, find()))
                except RagedgeError as exc:
                    checks.append(Check(name, False, exc.message, exc.hint))
            return checks
    except KnowledgeBaseNotFoundError as exc:
        # A new device has none; naming one that is not there is a mistake.
        return [Check("knowledge base", kb_path is None, exc.message, exc.hint)]
    except RagedgeError as exc:
        return [Check("knowledge base", False, exc.message, exc.hint)]
