"""Where a command gets what unlocks a knowledge base: never from an argument, which other users can see."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragedge.errors import LockedError

if TYPE_CHECKING:
    from ragedge.privacy.keys import Key

_PASSPHRASE_FILE, _KEY_FILE = "ragedge.passphrase_file", "ragedge.key_file"


def _remember(name: str) -> Callable[[click.Context, click.Parameter, Path | None], None]:
    def keep(context: click.Context, parameter: click.Parameter, value: Path | None) -> None:
        context.meta[name] = value

    return keep


def secret_options(body: Callable[..., Any]) -> Callable[..., Any]:
    """Add --passphrase-file and --key-file; ``given_key`` returns what they name."""
    for flag, name, text in (
        ("--key-file", _KEY_FILE, "Unlock with the content of this file (32 bytes or more)."),
        ("--passphrase-file", _PASSPHRASE_FILE, "Unlock with the first line of this file."),
    ):
        body = click.option(
            flag, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help=text,
            expose_value=False, callback=_remember(name),
        )(body)  # fmt: skip
    return body


def given_key(*, needed: bool, new: bool = False) -> Key | None:
    """Return the key that the options, the environment or the person at the terminal gives.

    Args:
        needed: Without one the command cannot go on: ask, and use the environment's.
        new: It is about to be set: ask twice.

    Raises:
        LockedError: a file cannot be read, or two answers differ.
    """
    meta = click.get_current_context().meta
    if meta.get(_PASSPHRASE_FILE):
        return read_passphrase(meta[_PASSPHRASE_FILE])
    if meta.get(_KEY_FILE):
        return Path(meta[_KEY_FILE])
    if not needed:
        return None
    return os.environ.get("RAGEDGE_PASSPHRASE") or _asked("Passphrase", twice=new)


def read_passphrase(path: Path) -> str:
    """Return a file's first line.

    Raises:
        LockedError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, UnicodeDecodeError, IndexError) as exc:
        raise LockedError(f"no passphrase can be read from {path}", hint="its first line is taken") from exc


def _asked(prompt: str, *, twice: bool) -> str | None:
    if not sys.stdin.isatty():
        return None
    import getpass

    answer = getpass.getpass(f"{prompt}: ")
    if twice and getpass.getpass("Again: ") != answer:
        raise LockedError("the two passphrases differ", hint="run the command again")
    return answer or None
