"""A server on loopback or a Unix socket that answers as a vendor's code does, for tests without the board."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

Answer = tuple[int, str, list[bytes]]  # status, content type, pieces of the body
Script = Callable[[str, dict[str, Any]], Answer]

WORDS = ["The", " sky", " is", " blue", " on", " a", " clear", " day", "."]


class ReplayingServer:
    """What was asked, and where it listens."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[tuple[str, dict[str, Any]]] = []


@contextmanager
def serving(script: Script, socket_path: Path | None = None) -> Iterator[ReplayingServer]:
    """Answer by a script, each request on a thread of its own, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: dict[str, Any]) -> None:
            seen.requests.append((self.path, body))
            status, kind, pieces = script(self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for piece in pieces:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                pass  # the client hung up

        def address_string(self) -> str:
            return "test"

        def log_message(self, *_: Any) -> None:
            pass

    class TcpServer(socketserver.ThreadingMixIn, HTTPServer):
        daemon_threads = True

    class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    server: socketserver.BaseServer
    if socket_path is None:
        tcp = TcpServer(("127.0.0.1", 0), Handler)
        server, seen = tcp, ReplayingServer(f"http://127.0.0.1:{tcp.server_port}")
    else:
        server, seen = UnixServer(str(socket_path), Handler), ReplayingServer(f"unix:{socket_path}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def said(body: dict[str, Any]) -> list[str]:
    """Return the words that a request gets: a fixed sentence, or its own question back, up to the limit."""
    asked = body["messages"][-1]["content"]
    words = [f"{word} " for word in asked.split()] if "number" in asked else WORDS
    most = body.get("max_tokens") or body.get("options", {}).get("num_predict") or len(words)
    return words[:most]


def ollama(path: str, body: dict[str, Any]) -> Answer:
    """As Ollama's docs/api.md shows a stream, and hailo-ollama's llm_generation_callback.cpp writes it."""
    if path == "/api/tags":
        return 200, "application/json", [json.dumps({"models": [{"name": "tiny:latest"}]}).encode()]
    words = said(body)
    whole = len(words) == len(WORDS) or "number" in body["messages"][-1]["content"]
    lines: list[dict[str, Any]] = [
        {"model": body["model"], "created_at": "2026-01-01T00:00:00Z", "done": False,
         "message": {"role": "assistant", "content": word}}
        for word in words
    ]  # fmt: skip
    lines.append(
        {"model": body["model"], "created_at": "2026-01-01T00:00:00Z", "done": True,
         "message": {"role": "assistant", "content": ""}, "done_reason": "stop" if whole else "length",
         "total_duration": 1_000_000, "prompt_eval_count": 21, "eval_count": len(words)}
    )  # fmt: skip
    return 200, "application/x-ndjson", [json.dumps(line).encode() + b"\n" for line in lines]


def hailo(path: str, body: dict[str, Any]) -> Answer:
    """hailo-ollama: controller.cpp. It has six options, no stop strings, and no counts of the prompt."""
    assert set(body.get("options", {})) <= {
        "temperature",
        "seed",
        "top_k",
        "top_p",
        "frequency_penalty",
        "num_predict",
    }
    if path == "/v1/chat/completions":
        text = "streaming not supported on this endpoint. Use /api/chat endpoint instead."
        return 400, "application/json", [json.dumps({"error": text}).encode()]
    return ollama(path, body)


def openai(path: str, body: dict[str, Any]) -> Answer:
    """As llama.cpp's server and the OpenAI reference write a stream of events."""
    if path == "/v1/models":
        return 200, "application/json", [json.dumps({"object": "list", "data": [{"id": "tiny"}]}).encode()]
    words = said(body)
    chunks = [{"delta": {"role": "assistant", "content": ""}, "finish_reason": None, "index": 0}]
    chunks += [{"delta": {"content": word}, "finish_reason": None, "index": 0} for word in words]
    reason = "length" if len(words) == body["max_tokens"] else "stop"
    chunks.append({"delta": {}, "finish_reason": reason, "index": 0})
    events: list[dict[str, Any]] = [
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [chunk]} for chunk in chunks
    ]
    if body.get("stream_options", {}).get("include_usage"):
        usage = {"prompt_tokens": 21, "completion_tokens": len(words)}
        events.append({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": usage})
    lines = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    return 200, "text/event-stream", [*lines, b"data: [DONE]\n\n"]


def rkllm(path: str, body: dict[str, Any]) -> Answer:
    """Rockchip's flask_server.py: the last user message alone is read; the end is always "stop"."""
    if path == "/v1/chat/completions":
        assert [message["role"] for message in body["messages"]] == ["user"]
        assert "stop" not in body
    status, kind, pieces = openai(path, {**body, "stream_options": {}})
    return status, kind, [piece.replace(b'"length"', b'"stop"') for piece in pieces]


SCRIPTS: dict[str, Script] = {
    "ollama": ollama, "hailo": hailo, "openai": openai, "llama_cpp": openai, "axllm": openai, "rkllm": rkllm,
}  # fmt: skip
