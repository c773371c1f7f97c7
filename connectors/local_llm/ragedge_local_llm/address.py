"""Where the server listens, if that is this device."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from ragedge.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Address:
    """A loopback address and port, or a Unix socket.

    Attributes:
        host: A literal loopback address; empty for a Unix socket. Names are not looked up.
        port: Its TCP port; 0 for a Unix socket.
        socket_path: The Unix socket; empty for TCP.
        prefix: What stands before every path, such as ``/api-server``; without a slash at its end.
    """

    host: str
    port: int
    socket_path: str
    prefix: str

    def __str__(self) -> str:
        if self.socket_path:
            return f"unix:{self.socket_path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{self.prefix}"


def parse_address(url: str) -> Address:
    """Read ``http://HOST:PORT[/prefix]`` or ``unix:/path/to/socket``.

    A prefix that ends in ``/v1``, as OpenAI clients are given it, loses that end: paths bring their own.

    Raises:
        ConfigError: the host is not this device, or it is neither form.
    """
    if url.startswith("unix:"):
        path = url.removeprefix("unix:").removeprefix("//")
        if not path.startswith("/"):
            raise ConfigError(f"{url!r} names no absolute socket path", hint="write unix:/run/llm.sock")
        return Address("", 0, path, "")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ConfigError(f"{url!r} is not a URL: {exc}", hint="write http://127.0.0.1:11434") from None
    if parts.scheme != "http" or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ConfigError(
            f"{url!r} is not allowed; a server's address is http://127.0.0.1:PORT or unix:/path",
            hint="set generate.options.url",
        )
    return Address(_loopback(parts.hostname, url), port or 80, "", parts.path.rstrip("/").removesuffix("/v1"))


def _loopback(host: str, url: str) -> str:
    if host.lower().rstrip(".") == "localhost":
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise ConfigError(
        f"{url!r} is not on this device; only loopback addresses and Unix sockets are asked",
        hint="run the server on this device and set generate.options.url to http://127.0.0.1:PORT",
    )
