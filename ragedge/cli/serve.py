"""``serve``: answers over HTTP, for programs on this device."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ragedge.cli import output
from ragedge.cli.command import command, kb_options, open_kb, parse_settings, set_option


@click.command()
@kb_options
@set_option
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=11435, show_default=True, help="0 takes a free one."
)
@click.option(
    "--socket", "socket_path", type=click.Path(path_type=Path, dir_okay=False), metavar="PATH",
    help="Listen on a Unix socket instead, of this user's alone.",
)  # fmt: skip
@click.option("--socket-mode", default="600", show_default=True, metavar="OCTAL", help="Its permissions.")
@click.option("--allow-remote", is_flag=True, help="Let --host be reached from other machines; wants a key.")
@click.option(
    "--api-key-file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Clients have to send the first line of this file.",
)  # fmt: skip
@click.option(
    "--allow-host", "hosts", multiple=True, metavar="NAME", help="A further name it goes by; repeatable."
)
@click.option(
    "--log-file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Log here, rotated, instead of standard error.",
)  # fmt: skip
@click.option(
    "--create", is_flag=True, help="Make the knowledge base if there is none; documents come by upload."
)
@click.option("--warm-up/--no-warm-up", default=True, help="Load the models before the first request.")
@command()
def serve(
    kb_path: Path | None,
    config_file: Path | None,
    as_json: bool,
    settings: tuple[str, ...],
    host: str,
    port: int,
    socket_path: Path | None,
    socket_mode: str,
    allow_remote: bool,
    api_key_file: Path | None,
    hosts: tuple[str, ...],
    log_file: Path | None,
    create: bool,
    warm_up: bool,
) -> None:
    """Serve the knowledge base to programs on this device, in OpenAI's and Ollama's formats, and a page.

    On loopback or a Unix socket, unless told otherwise; a socket that systemd hands over is used instead.
    """
    from ragedge.extras import require

    require("serve", "starlette", "uvicorn", "prometheus_client")
    from ragedge.serve.listening import handed_over, on_tcp, on_unix, read_key
    from ragedge.serve.run import log_to
    from ragedge.serve.run import serve as run

    mode = _mode(socket_mode)
    key = read_key(api_key_file) if api_key_file is not None else b""
    log_to(log_file)
    with open_kb(kb_path, config_file, create=create, settings=parse_settings(settings)) as kb:
        places = handed_over()
        if not places:
            places = [
                on_unix(socket_path, mode)
                if socket_path is not None
                else on_tcp(host, port, remote=allow_remote, key=key)
            ]
        if warm_up and kb.has_documents:
            kb.warm_up()
        names = [place.name for place in places]

        def listens() -> None:
            if as_json:
                output.write_json({"schema": 1, "listening": names, "pid": os.getpid()})
            else:
                output.note(f"listening on {', '.join(names)}")

        try:
            run(kb, places, key=key, hosts=hosts, listens=listens)
        finally:
            for place in places:
                place.socket.close()
            if socket_path is not None:
                socket_path.unlink(missing_ok=True)


def _mode(octal: str) -> int:
    try:
        mode = int(octal, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise click.BadParameter(f"{octal!r} is not an octal mode such as 660", param_hint="--socket-mode")
    return mode
