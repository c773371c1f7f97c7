"""``bundle``: one signed file of models, rows and settings; packed here, installed on a device, undone there."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragedge.cli import output
from ragedge.cli.command import command, json_option, kb_options, open_kb
from ragedge.cli.progress import progress_bar
from ragedge.cli.unlocking import given_key, secret_options

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from ragedge.bundle.slots import Change
    from ragedge.privacy.finding import Finding
    from ragedge.privacy.keys import Secret

trust_option = click.option(
    "--trust", "trusted", multiple=True, type=click.Path(path_type=Path, dir_okay=False), metavar="KEY.pub",
    help="Public key of somebody whose bundles are trusted; repeatable.",
)  # fmt: skip


@click.group()
def bundle() -> None:
    """Pack, check and install bundles: models, rows, settings and what else belongs to one installation."""


@bundle.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
@command()
def key(file: Path, as_json: bool) -> None:
    """Make a key that signs bundles: FILE stays with whoever makes them, FILE.pub goes to the devices."""
    from ragedge.bundle.signing import make_key

    public, identity = make_key(file)
    if as_json:
        output.write_json({"schema": 1, "private": str(file), "public": str(public), "id": identity})
    else:
        output.write(f"{file} signs; keep it\n{public} is for the devices\nid {identity}")


@bundle.command()
@kb_options
@click.option(
    "--out", "target", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="The bundle; must not be there.",
)  # fmt: skip
@click.option("--name", required=True, help="Of the line of bundles; a device's folder takes one line.")
@click.option(
    "--release", "version", required=True, type=click.IntRange(min=1), metavar="N",
    help="Number of the release; devices take only a higher one than they had.",
)  # fmt: skip
@click.option(
    "--sign-with", "private", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="KEY",
    help="Private key, as bundle key made it.",
)  # fmt: skip
@click.option(
    "--part", "parts", multiple=True, metavar="KIND=FILE",
    help="Take along a file: adapter, context (compiled for one chip) or other; repeatable.",
)  # fmt: skip
@click.option(
    "--licence", "licences", multiple=True, metavar="WHAT=TERMS",
    help="List the terms of a --part's file name, or of a document; repeatable.",
)  # fmt: skip
@click.option(
    "--decrypt", is_flag=True, help="Agree that rows which are encrypted here are readable in the bundle."
)
@command()
def create(
    kb_path: Path | None,
    config_file: Path | None,
    as_json: bool,
    target: Path,
    name: str,
    version: int,
    private: Path,
    parts: tuple[str, ...],
    licences: tuple[str, ...],
    decrypt: bool,
) -> None:
    """Write a bundle of the knowledge base and its models; twice the same gives the same bytes.

    Feedback, trials and the audit log stay here.
    """
    from ragedge.bundle.packing import Extra
    from ragedge.bundle.packing import create as pack
    from ragedge.bundle.signing import read_private
    from ragedge.errors import BundleError

    signing_key = read_private(private)
    terms = dict(_pair(text, "--licence") for text in licences)
    extras = []
    for text in parts:
        kind, file = _pair(text, "--part")
        extras.append(Extra(kind, Path(file), terms.pop(Path(file).name, "unstated")))  # type: ignore[arg-type]
    with open_kb(kb_path, config_file) as kb, progress_bar(enabled=not as_json) as progress:
        if kb.encrypted and not decrypt:
            raise BundleError(
                "the knowledge base is encrypted, and its rows would be readable in the bundle",
                hint="add --decrypt if that is wanted; bundle install can encrypt them again",
            )
        manifest = pack(
            kb, target, name=name, version=version, key=signing_key, extras=extras, licences=terms,
            progress=progress,
        )  # fmt: skip
        kb.record("bundle create", version=version)
    if as_json:
        output.write_json({"schema": 1, "file": str(target), **_shown(manifest)})
    else:
        output.write(
            f"{target}: {manifest.name} {manifest.version}, {len(manifest.parts)} parts, "
            f"{target.stat().st_size / 1e6:.1f} MB; a device needs {manifest.needs.disk_bytes / 1e6:.0f} MB of disk, "
            f"about {manifest.needs.memory_bytes / 1e6:.0f} MB of memory"
        )


@bundle.command()
@click.argument("path", type=click.Path(path_type=Path))
@trust_option
@secret_options
@json_option
@command()
def verify(path: Path, trusted: tuple[Path, ...], as_json: bool) -> int:
    """Check a bundle, or a folder that one was installed into; exits with 1 if anything is not ok."""
    from ragedge.bundle.slots import installed_findings

    keys = _public(trusted)
    facts: dict[str, Any] = {}
    if path.is_dir():
        checks = installed_findings(path, keys, _secret(path))
    else:
        checks, facts = _bundle_findings(path, keys, enabled=not as_json)
    ok = all(check.ok for check in checks)
    if as_json:
        output.write_json(
            {"schema": 1, "ok": ok, "checks": [asdict(check) for check in checks], "bundle": facts or None}
        )
    else:
        for check in checks:
            output.write(f"{'ok  ' if check.ok else 'FAIL'} {check.name:<14} {check.detail}")
            if not check.ok and check.mend:
                output.write(f"     try: {check.mend}")
    return 0 if ok else 1


@bundle.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--to", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Folder of the two slots; `--kb DIR` then opens the one in use.",
)  # fmt: skip
@trust_option
@click.option("--encrypt", is_flag=True, help="Encrypt the rows in the slot; see docs/privacy.md.")
@click.option(
    "--health", metavar="COMMAND",
    help="Run with RAGEDGE_HOME at the new slot before it comes into use; must end with 0.",
)  # fmt: skip
@click.option("--discard-audit", is_flag=True, help="Overwrite a slot whose audit log was not exported.")
@secret_options
@json_option
@command()
def install(
    path: Path,
    folder: Path,
    trusted: tuple[Path, ...],
    encrypt: bool,
    health: str | None,
    discard_audit: bool,
    as_json: bool,
) -> None:
    """Install a bundle into the slot that is not in use, check it there, and change over in one step.

    Whatever goes wrong, and whenever: what was in use stays in use.
    """
    from ragedge.bundle.slots import install as install_bundle

    with progress_bar(enabled=not as_json) as progress:
        change = install_bundle(
            path, folder, _public(trusted), secret=_new_secret() if encrypt else None,
            command=shlex.split(health or ""), discard_audit=discard_audit, progress=progress,
        )  # fmt: skip
    _report(change, as_json=as_json)


@bundle.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@secret_options
@json_option
@command()
def rollback(folder: Path, as_json: bool) -> None:
    """Change back to the bundle that was in use before, if it works still."""
    from ragedge.bundle.slots import rollback as change_back

    _report(change_back(folder, secret=_secret(folder)), as_json=as_json)


def _bundle_findings(
    path: Path, keys: list[Ed25519PublicKey], *, enabled: bool
) -> tuple[list[Finding], dict[str, Any]]:
    from ragedge.bundle.reading import open_bundle
    from ragedge.errors import BundleError
    from ragedge.privacy.finding import Finding

    checks: list[Finding] = []
    facts: dict[str, Any] = {}
    try:
        with open_bundle(path, keys) as opened, progress_bar(enabled=enabled) as progress:
            manifest = opened.manifest
            facts = _shown(manifest)
            told = f"{manifest.name} {manifest.version}, signed by {opened.signed.signed_by}"
            checks.append(Finding("signature", True, told))
            opened.check(progress)
            checks.append(Finding("parts", True, f"{len(manifest.parts)}, every byte as signed"))
    except BundleError as exc:
        checks.append(Finding("parts" if checks else "signature", False, exc.message, exc.hint))
    return checks, facts


def _shown(manifest: Any) -> dict[str, Any]:
    from msgspec import to_builtins

    facts: dict[str, Any] = to_builtins(manifest)
    return facts


def _public(files: tuple[Path, ...]) -> list[Ed25519PublicKey]:
    from ragedge.bundle.signing import read_public

    return [read_public(file) for file in files]


def _secret(folder: Path) -> Secret | None:
    """Return what unlocks the slot in use, if it is encrypted."""
    from ragedge.installed import knowledge_base_of
    from ragedge.privacy.keys import Secret
    from ragedge.privacy.vault import Vault

    given = given_key(needed=Vault.unlocked_by(knowledge_base_of(folder)) == "passphrase")
    return None if given is None else Secret.of(given)


def _new_secret() -> Secret:
    from ragedge.cli.keys import new_secret

    return new_secret(None)


def _pair(text: str, flag: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (equals and key and value):
        raise click.BadParameter(f"{text!r} is not two words with = between them", param_hint=flag)
    return key, value


def _report(change: Change, *, as_json: bool) -> None:
    if as_json:
        output.write_json({"schema": 1, **asdict(change)})
        return
    before = f", before: {change.before}" if change.before is not None else ""
    output.write(f"slot {change.slot} is in use: version {change.version}{before}")
    for check in change.checks:
        output.write(f"  {check.name:<10} {check.detail}")
