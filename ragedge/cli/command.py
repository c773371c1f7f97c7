"""What every command shares: the error handler, the common options, and the opened knowledge base."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import click

from ragedge.cli import output
from ragedge.cli.unlocking import given_key, secret_options
from ragedge.errors import LockedError, RagedgeError

if TYPE_CHECKING:
    from ragedge.knowledge_base import KnowledgeBase

P = ParamSpec("P")

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def command(*, network: bool = False) -> Callable[[Callable[P, int | None]], Callable[P, None]]:
    """Make a function the body of a command: guard the network, handle errors once, set the exit status.

    The body returns its exit status (None is 0).
    """

    def decorate(body: Callable[P, int | None]) -> Callable[P, None]:
        @functools.wraps(body)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            output.silence()
            _leave_no_core_dump()
            as_json = bool(kwargs.get("as_json"))
            if not network:
                from ragedge.privacy.egress import arm_process

                arm_process()
            try:
                status = body(*args, **kwargs) or 0
            except RagedgeError as exc:
                fail(exc, as_json=as_json)
                status = EXIT_FAILED
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the reader left; nothing more to say
                status = EXIT_FAILED
            except KeyboardInterrupt:
                output.note("interrupted")
                status = EXIT_INTERRUPTED
            except MemoryError:
                fail(
                    RagedgeError("out of memory", hint="close other programs, or use a smaller model"),
                    as_json=as_json,
                )
                status = EXIT_FAILED
            sys.exit(status)

        return run

    return decorate


def _leave_no_core_dump() -> None:
    """Keep a crash from writing the memory, which holds questions and answers, to the disk."""
    if os.name == "posix":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def fail(error: RagedgeError, *, as_json: bool) -> None:
    """Print an error: one line on standard error, and with --json an object on standard output."""
    output.note(f"ragedge: {one_line(error.message)}")
    if error.hint:
        output.note(f"  try: {one_line(error.hint)}")
    if as_json:
        output.write_json({"schema": 1, "error": error.as_dict()})


def one_line(text: str) -> str:
    """Return text without line breaks or control characters, so that a file's name cannot fake output."""
    return "".join(c if c.isprintable() else " " for c in text)


def kb_options(body: Callable[..., Any]) -> Callable[..., Any]:
    """Add --kb, --config, --json, and what unlocks an encrypted knowledge base."""
    for option in (secret_options, json_option, config_option, kb_option):
        body = option(body)
    return body


kb_option = click.option(
    "--kb", "kb_path", type=click.Path(path_type=Path), metavar="DIR",
    help="Knowledge base [default: $RAGEDGE_HOME/kb/default].",
)  # fmt: skip
config_option = click.option(
    "--config", "config_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Settings to use instead of the knowledge base's ragedge.toml.",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
set_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE",
    help="Override one setting, such as retrieve.top_k=8; repeatable.",
)  # fmt: skip


def open_kb(
    kb_path: Path | None,
    config_file: Path | None,
    *,
    create: bool = False,
    settings: Mapping[str, Any] | None = None,
    encrypt: bool = False,
    key_store: str | None = None,
) -> KnowledgeBase:
    """Open the knowledge base that the options name; with ``encrypt``, a new one is encrypted.

    Raises:
        LockedError: it is encrypted, or shall be, and no key or the wrong one was given.
    """
    from ragedge.home import default_kb_dir
    from ragedge.installed import knowledge_base_of
    from ragedge.opening import open as open_knowledge_base
    from ragedge.privacy.vault import Vault

    folder = knowledge_base_of(kb_path or default_kb_dir())
    unlocked_by = Vault.unlocked_by(folder)
    if unlocked_by is not None:
        encrypt, key_store = False, None  # it is already
    key = given_key(needed=unlocked_by == "passphrase" or (encrypt and key_store is None), new=encrypt)
    if encrypt and key is None and key_store is None:
        raise LockedError(
            "nothing was given to encrypt it with",
            hint="give --passphrase-file, --key-file or --key-store, or set $RAGEDGE_PASSPHRASE",
        )
    return open_knowledge_base(
        folder,
        create=create,
        config=config_file,
        settings=settings,
        egress="process",
        key=key,
        key_store=key_store,
    )


def parse_settings(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Read ``KEY=VALUE`` pairs; a value is TOML where it parses as such, else a string."""
    import tomllib

    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, raw = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--set")
        try:
            values[key.strip()] = tomllib.loads(f"value = {raw}")["value"]
        except tomllib.TOMLDecodeError:
            values[key.strip()] = raw
    return values


def parse_metadata(pairs: tuple[str, ...], flag: str) -> dict[str, str | int | float | bool]:
    """Read ``KEY=VALUE`` pairs of document metadata; numbers and true or false are typed."""
    from ragedge.ingest.applicability import typed

    values: dict[str, str | int | float | bool] = {}
    for pair in pairs:
        key, equals, raw = pair.partition("=")
        if not equals or not key.strip():
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint=flag)
        values[key.strip()] = typed(raw.strip())
    return values
