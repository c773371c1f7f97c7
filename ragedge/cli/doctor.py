"""``doctor``: whether everything that an answer needs is here and sound, and the command that mends it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from ragedge.cli import output
from ragedge.cli.command import command, kb_options, open_kb
from ragedge.errors import KnowledgeBaseNotFoundError, RagedgeError
from ragedge.privacy.finding import Finding

LEAST_FREE_BYTES = 500_000_000


@click.command()
@kb_options
@click.option("--privacy", is_flag=True, help="Only what keeps documents and questions on this device.")
@command()
def doctor(kb_path: Path | None, config_file: Path | None, privacy: bool, as_json: bool) -> int:
    """Check the installation, the models and the knowledge base; exits with 1 if anything is not ok.

    With --privacy: the guard on the network (a connection is tried), telemetry switches, uploaders in native
    libraries, providers, file modes, disk encryption, core dumps and swap.
    """
    if privacy:
        checks = check_privacy(kb_path)
    else:
        checks = [check_python(), check_runtime(), *check_telemetry(), check_index(), check_disk()]
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


def check_telemetry() -> list[Finding]:
    """No uploader stands in a native library, and every switch is off all the same."""
    from ragedge.privacy.posture import switches, uploaders

    return [switches(), uploaders()]


def check_privacy(kb_path: Path | None) -> list[Finding]:
    """What keeps documents and questions on this device."""
    from ragedge.home import default_kb_dir
    from ragedge.installed import knowledge_base_of
    from ragedge.privacy.posture import findings

    folder = knowledge_base_of(kb_path or default_kb_dir())
    if folder.exists():
        return [*findings(folder), check_providers()]
    missing = Finding("knowledge base", kb_path is None, f"none at {folder}", "ragedge ingest FILES")
    return [*findings(None), check_providers(), missing]


def check_providers() -> Finding:
    """Models run on this device's processors alone: a remote provider is never opened, built in or not."""
    from ragedge.runtime.session import load_onnxruntime, local_providers

    ort = load_onnxruntime()
    usable = local_providers(ort)
    refused = [name for name in ort.get_available_providers() if name not in usable]
    detail = f"used: {', '.join(usable) or 'none'}" + (f"; refused: {', '.join(refused)}" if refused else "")
    return Finding("providers", bool(usable), detail, "pip install 'onnxruntime>=1.24.2,<1.29'")


def check_python() -> Finding:
    """Python is recent enough."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("python", sys.version_info >= (3, 11), version, "install Python 3.11 or later")


def check_runtime() -> Finding:
    """The built-in backend can run."""
    from ragedge import plugins

    try:
        probe = plugins.create("backend", "cpu").probe()
    except RagedgeError as exc:
        return Finding("runtime", False, exc.message, exc.hint)
    return Finding(
        "runtime", probe.available, probe.reason, "pip install --force-reinstall 'onnxruntime>=1.24.2,<1.29'"
    )


def check_index() -> Finding:
    """Some approximate index is importable; exact search carries on without one."""
    from importlib.util import find_spec

    for module, name in (("hnswlib", "hnsw"), ("usearch", "usearch")):
        if find_spec(module) is not None:
            return Finding("index", True, f"{name} carries the default index")
    return Finding("index", True, "no hnswlib and no usearch: exact search carries the default index")


def check_disk() -> Finding:
    """There is room to work."""
    from ragedge.home import home_dir

    folder = next(path for path in (home_dir(), *home_dir().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    return Finding(
        "disk", free >= LEAST_FREE_BYTES, f"{free / 1e9:.1f} GB free at {folder}", "free some space"
    )


def check_models() -> list[Finding]:
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
            checks.append(Finding(f"model {name}", False, exc.message, exc.hint))
            continue
        detail = "; ".join(problems) or "every file as recorded"
        checks.append(Finding(f"model {name}", not problems, detail, f"ragedge models pull {name}"))
    return checks


def check_knowledge_base(kb_path: Path | None, config_file: Path | None) -> list[Finding]:
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
                    checks.append(Finding(name, True, find()))
                except RagedgeError as exc:
                    checks.append(Finding(name, False, exc.message, exc.hint))
            return checks
    except KnowledgeBaseNotFoundError as exc:
        # A new device has none; naming one that is not there is a mistake.
        return [Finding("knowledge base", kb_path is None, exc.message, exc.hint)]
    except RagedgeError as exc:
        return [Finding("knowledge base", False, exc.message, exc.hint)]
