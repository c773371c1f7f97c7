"""``key``: encrypt a knowledge base, change what unlocks it, change its keys, destroy it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragedge.cli import output
from ragedge.cli.command import EXIT_FAILED, command, json_option, kb_option
from ragedge.cli.unlocking import given_key, read_passphrase, secret_options
from ragedge.errors import LockedError

if TYPE_CHECKING:
    from ragedge.privacy.keys import Secret
    from ragedge.privacy.vault import Vault


@click.group()
def key() -> None:
    """Encrypt a knowledge base, and look after its keys."""


@key.command()
@kb_option
@secret_options
@click.option(
    "--to", "target", required=True, type=click.Path(path_type=Path), metavar="DIR", help="New folder."
)
@click.option("--key-store", metavar="NAME", help="Let this plugin guard the key, such as keyring.")
@click.option(
    "--keep", is_flag=True, help="Keep the plain one; without it, it is destroyed once the copy stands."
)
@json_option
@command()
def encrypt(kb_path: Path | None, target: Path, key_store: str | None, keep: bool, as_json: bool) -> None:
    """Write an encrypted copy of a plain knowledge base to a new folder, and destroy the plain one.

    A disk may keep old blocks all the same: what must never be readable should be ingested encrypted. One that is
    damaged is refused.
    """
    from ragedge.opening import open_vault
    from ragedge.privacy import key_changes
    from ragedge.privacy.vault import Vault

    vault = Vault.open(_folder(kb_path))
    secret = new_secret(key_store)
    if vault.cipher is None and not target.exists():  # else it is refused anyway
        with open_vault(vault, record=False) as kb:
            kb.verify_rows()  # the copy's own seals would be whole over damage
    key_changes.encrypt(vault, target, secret)
    _record(Vault.open(target, secret=secret), "key encrypt")
    if not keep:
        key_changes.shred(vault.path)
    _report(as_json, f"encrypted: {target}" + ("" if keep else f"; {vault.path} was destroyed"))


@key.command()
@kb_option
@secret_options
@click.option(
    "--new-passphrase-file", type=click.Path(path_type=Path), metavar="FILE", help="Its first line."
)
@click.option(
    "--new-key-file", type=click.Path(path_type=Path), metavar="FILE", help="A file of 32 bytes or more."
)
@click.option("--new-key-store", metavar="NAME", help="Let this plugin guard the key.")
@json_option
@command()
def change(
    kb_path: Path | None,
    new_passphrase_file: Path | None,
    new_key_file: Path | None,
    new_key_store: str | None,
    as_json: bool,
) -> int:
    """Unlock with another passphrase, key file or key store from now on."""
    from ragedge.privacy import key_changes
    from ragedge.privacy.keys import Secret

    if sum(one is not None for one in (new_passphrase_file, new_key_file, new_key_store)) != 1:
        raise click.UsageError("give one of --new-passphrase-file, --new-key-file and --new-key-store")
    vault, old = _unlocked(kb_path)
    if new_key_store is not None:
        new = Secret("key_store", new_key_store.encode())
    else:
        new = Secret.of(
            read_passphrase(new_passphrase_file) if new_passphrase_file else Path(str(new_key_file))
        )
    key_changes.change_secret(vault, old, new)
    _record(vault, "key change")
    _report(as_json, "changed; the old one opens it no more")
    return 0


@key.command()
@kb_option
@secret_options
@json_option
@command()
def rotate(kb_path: Path | None, as_json: bool) -> None:
    """Encrypt everything anew under a new root key; what unlocks it stays."""
    from ragedge.privacy import key_changes

    vault, secret = _unlocked(kb_path)
    key_changes.rotate(vault, secret)
    _record(vault, "key rotate")
    _report(as_json, "rotated; copies under the old key stay readable with it")


@key.command()
@kb_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@command()
def shred(kb_path: Path | None, yes: bool, as_json: bool) -> int:
    """Destroy a knowledge base: its key first, so that nothing that remains can be read, then its files."""
    from ragedge.privacy import audit_seals, key_changes
    from ragedge.privacy.keys import KEYS
    from ragedge.privacy.vault import DATABASE

    folder = _folder(kb_path)
    if not (folder / KEYS).is_file() and not (folder / DATABASE).is_file():
        output.note(f"ragedge: there is no knowledge base at {folder}")
        return EXIT_FAILED
    if not yes and not (sys.stdin.isatty() and click.confirm(f"Destroy {folder} and all in it?", err=True)):
        output.note("ragedge: nothing was destroyed: nobody confirmed it\n  try: the same command with --yes")
        return EXIT_FAILED
    key_changes.shred(folder)
    audit_seals.forget_folder(folder)
    _report(as_json, f"destroyed: {folder}")
    return 0


def new_secret(key_store: str | None) -> Secret:
    """Return what shall unlock a knowledge base from now on.

    Raises:
        LockedError: nothing was given.
    """
    from ragedge.privacy.keys import Secret

    if key_store is not None:
        return Secret("key_store", key_store.encode())
    given = given_key(needed=True, new=True)
    if given is None:
        raise LockedError(
            "nothing was given to encrypt it with",
            hint="give --passphrase-file, --key-file or --key-store, or set $RAGEDGE_PASSPHRASE",
        )
    return Secret.of(given)


def _unlocked(kb_path: Path | None) -> tuple[Vault, Secret | None]:
    from ragedge.privacy.keys import Secret
    from ragedge.privacy.vault import Vault

    folder = _folder(kb_path)
    given = given_key(needed=Vault.unlocked_by(folder) == "passphrase")
    secret = None if given is None else Secret.of(given)
    return Vault.open(folder, secret=secret), secret


def _record(vault: Vault, action: str) -> None:
    from ragedge.opening import open_vault

    with open_vault(vault) as kb:
        kb.record(action)


def _folder(kb_path: Path | None) -> Path:
    from ragedge.home import default_kb_dir
    from ragedge.installed import knowledge_base_of

    return knowledge_base_of(kb_path or default_kb_dir())


def _report(as_json: bool, text: str) -> None:
    if as_json:
        output.write_json({"schema": 1, "ok": True})
    else:
        output.write(text)
