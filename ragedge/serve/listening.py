"""Where the server listens: sockets made here, or handed over by systemd."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from ragedge.errors import ConfigError
from ragedge.serve.access import LOOPBACK_NAMES, Access

_FIRST_HANDED = 3  # sd_listen_fds(3)
_LEAST_KEY = 16
_ANY = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 -- to recognize it


@dataclass(frozen=True, slots=True)
class Place:
    """An open listening socket and how it is called."""

    socket: socket.socket
    name: str

    @property
    def is_unix(self) -> bool:
        """Whether its permissions guard it."""
        return self.socket.family == getattr(socket, "AF_UNIX", None)


def handed_over() -> list[Place]:
    """Return the sockets that systemd handed to this process; none where it did not start it so."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    found = []
    for number in range(_FIRST_HANDED, _FIRST_HANDED + count):
        os.set_inheritable(number, False)
        one = socket.socket(fileno=number)
        found.append(Place(one, str(one.getsockname())))
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    return found


def on_unix(path: Path, mode: int = 0o600) -> Place:
    """Listen on a Unix socket; a dead one of that name is replaced.

    Raises:
        ConfigError: something else is there, or another server listens on it.
    """
    one = socket.socket(socket.AF_UNIX)
    try:
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(path.lstat().st_mode):
                raise ConfigError(f"{path} is not a socket", hint="name another with --socket")
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
                try:
                    probe.connect(str(path))
                except OSError:
                    path.unlink(missing_ok=True)  # whoever made it is gone
                else:
                    raise ConfigError(f"another server listens on {path}", hint="name another with --socket")
        before = os.umask(0o777 & ~mode)
        try:
            one.bind(str(path))
        finally:
            os.umask(before)
        one.listen()
    except OSError as exc:
        one.close()
        raise ConfigError(
            f"cannot listen on {path} ({exc.strerror})", hint="name another with --socket"
        ) from exc
    except BaseException:
        one.close()
        raise
    return Place(one, str(path))


def on_tcp(host: str, port: int, *, remote: bool, key: bytes) -> Place:
    """Listen on an address: loopback, or another where a flag says so and a key guards it.

    Raises:
        ConfigError: the address is not loopback and flag or key is missing, or it cannot be listened on.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        kind = ipaddress.ip_address(address)
    except ValueError:
        raise ConfigError(f"--host takes an IP address or localhost, got {host!r}") from None
    if not kind.is_loopback and not (remote and key):
        raise ConfigError(
            f"{host} can be reached from other machines", hint="add --allow-remote and --api-key-file FILE"
        )
    one = socket.socket(socket.AF_INET6 if kind.version == 6 else socket.AF_INET)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((address, port))
        one.listen(128)
    except OSError as exc:
        one.close()
        raise ConfigError(
            f"cannot listen on {host} port {port} ({exc.strerror})", hint="name another with --port"
        ) from exc
    shown = f"[{address}]" if kind.version == 6 else address
    return Place(one, f"http://{shown}:{one.getsockname()[1]}")


def read_key(path: Path) -> bytes:
    """Return the key in a file's first line.

    Raises:
        ConfigError: it cannot be read, or is too short to be one.
    """
    try:
        key = path.read_bytes().split(b"\n", 1)[0].strip()
    except OSError as exc:
        raise ConfigError(
            f"no key can be read from {path} ({exc.strerror})", hint="check --api-key-file"
        ) from exc
    if len(key) < _LEAST_KEY:
        raise ConfigError(
            f"the key in {path} has {len(key)} characters; at least {_LEAST_KEY} are wanted",
            hint="for example: openssl rand -hex 32",
        )
    return key


def access_to(places: list[Place], key: bytes, hosts: tuple[str, ...]) -> Access:
    """Return the rules for what listens on some places.

    Raises:
        ConfigError: a handed-over socket can be reached from other machines, and there is no key.
    """
    tcp = [place for place in places if not place.is_unix]
    if not tcp:
        return Access(key, None)
    names = {str(place.socket.getsockname()[0]) for place in tcp}
    if not key and any(name in _ANY or not ipaddress.ip_address(name).is_loopback for name in names):
        raise ConfigError(
            "the socket handed over can be reached from other machines", hint="add --api-key-file FILE"
        )
    return Access(key, LOOPBACK_NAMES | (names - _ANY) | {host.lower() for host in hosts})
