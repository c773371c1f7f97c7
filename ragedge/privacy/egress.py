"""A tripwire on the network: connections and look-ups that would leave the device are refused.

Three scopes. ``process`` refuses in every thread; ``calls`` only while ragedge itself is at work, so that an
application that embeds it keeps its own network; ``off`` never. An audit hook (PEP 578) sees what Python's
``socket`` module is about to do; it cannot see native code that opens its own sockets, nor be removed
again. Loopback and Unix sockets are not refused: they do not leave the device.
"""

from __future__ import annotations

import ipaddress
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, Literal

from ragedge.errors import EgressError

Scope = Literal["process", "calls", "off"]

_CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_LOOKING_UP = frozenset(
    {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
)
_WATCHED = _CONNECTING | _LOOKING_UP
# Names that the resolver answers without asking anybody.
_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", ""})

_guarded: ContextVar[bool] = ContextVar("ragedge_guarded", default=False)
_install_lock = threading.Lock()
_installed = False
_process_armed = False


def arm_process() -> None:
    """Refuse in every thread from now on; cannot be undone."""
    global _process_armed
    _install()
    _process_armed = True


def is_armed() -> bool:
    """Say whether the whole process is guarded."""
    return _process_armed


@contextmanager
def guarded(scope: Scope = "calls") -> Iterator[None]:
    """Refuse inside the block, as the scope says.

    Threads do not inherit a context by themselves: start them through ``guarded_thread``.
    """
    if scope == "off":
        yield
        return
    if scope == "process":
        arm_process()
    _install()
    token = _guarded.set(True)
    try:
        yield
    finally:
        _guarded.reset(token)


def guarded_thread(target: Callable[[], object], *, name: str) -> threading.Thread:
    """Return a daemon thread, not started, that runs under the guard of whoever made it."""
    context = copy_context()
    return threading.Thread(target=lambda: context.run(target), name=name, daemon=True)


def _install() -> None:
    global _installed
    with _install_lock:
        if not _installed:
            sys.addaudithook(_hook)
            _installed = True


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    # Called for every audited event of the process: the common path must be one look-up.
    if event not in _WATCHED or not (_process_armed or _guarded.get()):
        return
    if event in _CONNECTING:
        target = arguments[1] if len(arguments) > 1 else None
        if target is None or _stays(target):
            return
    elif _is_local(arguments[0][0] if isinstance(arguments[0], tuple) else arguments[0]):
        return
    # The name or address is not repeated: a question can find its way into a host name.
    raise EgressError(
        f"a network access was refused ({event}): ragedge works on this device alone",
        hint="only `ragedge models pull` may use a network",
    )


def _stays(address: object) -> bool:
    if isinstance(address, str | bytes):
        return True  # AF_UNIX
    if not isinstance(address, tuple) or not address:
        return False
    if isinstance(address[0], str):
        return _is_local(address[0])
    return isinstance(address[0], int)  # AF_NETLINK talks to the kernel


def _is_local(host: object) -> bool:
    if host is None:
        return True  # the wildcard or loopback, by getaddrinfo's own rule
    name = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host)
    if name.lower().rstrip(".") in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False
