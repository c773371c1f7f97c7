"""HTTP to this device: one connection a request, lines as they come, no redirects, no proxies."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from ragedge.errors import ModelError
from ragedge_local_llm.address import Address

_MOST_LINE_BYTES = 1_000_000
_MOST_ERROR_BYTES = 65_536


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Reply:
    """An answer that is still coming in; close it to hang up.

    Attributes:
        status: The HTTP status.
        retry_after_s: What a busy server asks for; None where it does not say.
    """

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        after = response.headers.get("Retry-After", "")
        self.retry_after_s = float(after) if after.isdigit() else None
        self._connection = connection
        self._response = response

    def lines(self) -> Iterator[str]:
        """Yield the body's lines without their ends, empty ones left out.

        Raises:
            ModelError: the server fell silent, hung up in the middle, or sent a line without end.
        """
        while True:
            try:
                line = self._response.readline(_MOST_LINE_BYTES)
            except (OSError, http.client.HTTPException, ValueError, AttributeError) as exc:
                # the last two: closed by another thread while reading
                raise ModelError(
                    f"the model server broke off its answer ({type(exc).__name__})",
                    hint="see the server's own log",
                ) from exc
            if len(line) >= _MOST_LINE_BYTES:
                raise ModelError(
                    "the model server sent a line of over 1 MB", hint="check generate.options.dialect"
                )
            if not line:
                return
            text = line.decode("utf-8", "replace").strip()
            if text:
                yield text

    def error(self) -> str:
        """Return the first part of the body of a refusal."""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            return self._response.read(_MOST_ERROR_BYTES).decode("utf-8", "replace")
        return ""

    def close(self) -> None:
        """Hang up: a server that watches its client stops generating."""
        native = self._connection.sock or getattr(getattr(self._response, "fp", None), "raw", None)
        if isinstance(native, socket.socket):
            with contextlib.suppress(OSError):
                native.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits in readline
        self._response.close()
        self._connection.close()


class Transport:
    """Sends requests to one server."""

    def __init__(self, address: Address, *, timeout_s: float) -> None:
        self.address = address
        self._timeout_s = timeout_s

    def post(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Send a JSON object.

        Raises:
            ModelError: no server answers there, or it does not speak HTTP.
        """
        return self._request("POST", path, json.dumps(body, ensure_ascii=False).encode())

    def get(self, path: str) -> Reply:
        """Ask for a path; errors as ``post``."""
        return self._request("GET", path, None)

    def _request(self, method: str, path: str, body: bytes | None) -> Reply:
        address = self.address
        connection: http.client.HTTPConnection
        if address.socket_path:
            connection = _UnixConnection(address.socket_path, self._timeout_s)
        else:
            connection = http.client.HTTPConnection(address.host, address.port, timeout=self._timeout_s)
        headers = {"Accept": "application/json, application/x-ndjson, text/event-stream"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, address.prefix + path, body, headers)
            return Reply(connection, connection.getresponse())
        except (OSError, http.client.HTTPException) as exc:
            connection.close()
            raise ModelError(
                f"no model server answers at {address} ({type(exc).__name__})",
                hint="start the server, set generate.options.url, or answer by quotes: --generator none",
            ) from exc
