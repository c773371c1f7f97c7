"""The generator: a chat request to the server, its pieces of text as they come."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from ragedge.datatypes import GenerationOptions, GenerationStats, GeneratorCapabilities, Message
from ragedge.errors import ModelError, ModelNotFoundError, PromptTooLongError
from ragedge_local_llm.dialects import Dialect, Event, error_text
from ragedge_local_llm.transport import Reply, Transport

# For the budget alone: small models' vocabularies take 3.5 to 4.5 characters of English a token, one to two of
# Japanese. Counting too many only shortens the prompt; counting too few has it cut off by the server in silence.
_CHARACTERS_PER_TOKEN = 3.0
_TOKENS_PER_MESSAGE = 8
_BUSY = frozenset({429, 503})
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 2.0

Opening = Callable[[threading.Event], Reply | None]


class LocalLLMGenerator:
    """A model on a server of this device; the server queues, and is waited for while it is busy.

    It tells nothing of logits, states or tokens, so its capabilities are all off.

    Attributes:
        name: The model's name on the server.
        fingerprint: Empty: which weights the server holds cannot be known.
        context_window: As configured; prompts are measured by an estimate.
    """

    capabilities = GeneratorCapabilities()
    fingerprint = ""

    def __init__(
        self, dialect: Dialect, transport: Transport, model: str, *, context_window: int, busy_s: float
    ) -> None:
        self.name = model
        self.context_window = context_window
        self._dialect = dialect
        self._transport = transport
        self._busy_s = busy_s
        self._queue = Queue()

    def count_tokens(self, messages: Sequence[Message], /) -> int:
        """Estimate a prompt's tokens, rather too many than too few."""
        return sum(_tokens(message.content) + _TOKENS_PER_MESSAGE for message in messages)

    def generate(self, messages: Sequence[Message], options: GenerationOptions, /) -> ServerGeneration:
        """Begin to answer; the server is asked when the first piece is.

        Raises:
            PromptTooLongError: the estimate and ``max_new_tokens`` do not fit the context window.
            ValueError: there is no message, or no token may be written.
        """
        if not messages or options.max_new_tokens < 1:
            raise ValueError("a generation needs a message and at least one new token")
        count = self.count_tokens(messages)
        if count + options.max_new_tokens > self.context_window:
            raise PromptTooLongError(
                f"about {count} tokens and {options.max_new_tokens} new ones do not fit the context window of "
                f"{self.context_window}",
                hint="set generate.prompt_tokens lower, or generate.options.context_window to what the server has",
            )
        body = self._dialect.body(self.name, messages, options, self.context_window)
        return ServerGeneration(
            lambda wanted: self._open(body, wanted),
            self._dialect,
            options,
            prompt_tokens=count,
            queue=self._queue,
        )

    def check(self) -> str:
        """Ask the server what it holds; return why it cannot answer, or an empty text.

        The list of models is compared by name, with and without Ollama's ``:latest``.
        """
        try:
            reply = self._transport.get(self._dialect.models_path)
        except ModelError as exc:
            return exc.message
        try:
            said = reply.error()
        finally:
            reply.close()
        if reply.status != 200:
            return f"the server at {self._transport.address} answers {reply.status}: {error_text(said)}"
        if f'"{self.name}"' in said or f'"{self.name}:latest"' in said:
            return ""
        return f"the server at {self._transport.address} has no model {self.name!r}"

    def _open(self, body: dict[str, object], wanted: threading.Event) -> Reply | None:
        """Post the request, again while the server is busy; None when nobody wants the answer any more."""
        until = time.monotonic() + self._busy_s
        wait = _FIRST_WAIT_S
        while not wanted.is_set():
            reply = self._transport.post(self._dialect.path, body)
            if reply.status == 200:
                return reply
            said, after = error_text(reply.error()), reply.retry_after_s
            reply.close()
            if reply.status in _BUSY and time.monotonic() < until:
                wanted.wait(min(after if after is not None else wait, max(until - time.monotonic(), 0)))
                wait = min(2 * wait, _LONGEST_WAIT_S)
                continue
            if reply.status == 404:
                raise ModelNotFoundError(
                    f"the model server has no {self.name!r} ({said})",
                    hint="set generate.model to one it lists",
                )
            raise ModelError(
                f"the model server answers {reply.status}: {said}", hint="see the server's own log"
            )
        return None


class Queue:
    """Lets one request of this process at a time reach the server.

    Some servers give up one answer when the next question comes (llama-cpp-python's), or hold one connection
    (hailo-ollama). A thread that asks again before its first answer has ended does not wait for itself.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._holder: tuple[object, int] | None = None

    def take(self, who: object, given_up: threading.Event) -> None:
        """Wait for the turn, or until it is no longer wanted."""
        me = threading.get_ident()
        with self._changed:
            while self._holder is not None and self._holder[1] != me and not given_up.is_set():
                self._changed.wait()
            if not given_up.is_set():
                self._holder = (who, me)

    def leave(self, who: object) -> None:
        """End the turn of who, if it has it, and let waiting ones look again."""
        with self._changed:
            if self._holder is not None and self._holder[0] is who:
                self._holder = None
            self._changed.notify_all()


class ServerGeneration:
    """Pieces of text from a server; ``close`` may be called from any thread and hangs up.

    Attributes:
        stats: The server's counts where it sends true ones, else an estimate and the number of pieces.
    """

    def __init__(
        self,
        opening: Opening,
        dialect: Dialect,
        options: GenerationOptions,
        *,
        prompt_tokens: int,
        queue: Queue,
    ) -> None:
        self.stats = GenerationStats(prompt_tokens=prompt_tokens)
        self._opening = opening
        self._dialect = dialect
        self._options = options
        self._queue = queue
        self._ticket = object()
        self._closed = threading.Event()
        self._reply: Reply | None = None
        self._pieces = self._run()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        """Hang up; the next request is independent of this one."""
        self._closed.set()
        if self.stats.finish_reason is None:
            self.stats.finish_reason = "aborted"
        if (reply := self._reply) is not None:
            reply.close()
        self._queue.leave(self._ticket)

    def _run(self) -> Iterator[str]:
        held = ""  # may be the beginning of a stop string
        try:
            self._queue.take(self._ticket, self._closed)
            started = time.perf_counter()
            self._reply = None if self._closed.is_set() else self._opening(self._closed)
            if self._reply is None:
                return
            finish: Literal["stop", "length"] = "stop"
            for event in self._events(self._reply):
                if event.finish == "length":
                    finish = "length"
                if event.new_tokens:
                    self.stats.new_tokens = min(event.new_tokens, self._options.max_new_tokens)
                if not event.text:
                    continue
                if self.stats.new_tokens >= self._options.max_new_tokens:
                    finish = "length"  # some servers take the limit for a wish
                    break
                if not self.stats.new_tokens:
                    self.stats.prefill_ms = 1000 * (time.perf_counter() - started)
                self.stats.new_tokens += 1
                text, held, stopped = _until_stop(held + event.text, self._options.stop)
                if text:
                    yield text
                if stopped:
                    self._finish("stop", started)
                    return
            if held:
                yield held
            self._finish(finish, started)
        except BaseException:
            if self._closed.is_set():
                return  # hung up on purpose while waiting for a line
            self.stats.finish_reason = self.stats.finish_reason or "aborted"
            raise
        finally:
            if self._reply is not None:
                self._reply.close()
            self._queue.leave(self._ticket)

    def _events(self, reply: Reply) -> Iterator[Event]:
        for line in reply.lines():
            if self._closed.is_set():
                return
            event = self._dialect.read(line)
            if event.error:
                raise ModelError(
                    f"the model server failed: {error_text(event.error)}", hint="see the server's own log"
                )
            if event.prompt_tokens:
                self.stats.prompt_tokens = event.prompt_tokens
            yield event
            if event.ended:
                return

    def _finish(self, reason: Literal["stop", "length"], started: float) -> None:
        self.stats.decode_ms = max(1000 * (time.perf_counter() - started) - self.stats.prefill_ms, 0.0)
        if self.stats.finish_reason is None:
            self.stats.finish_reason = reason


def _until_stop(text: str, stops: Sequence[str]) -> tuple[str, str, bool]:
    """Return the text before any stop string, what may yet become one, and whether one was met."""
    found = [at for at in (text.find(stop) for stop in stops) if at >= 0]
    if found:
        return text[: min(found)], "", True
    held = max(
        (size for stop in stops for size in range(1, len(stop)) if text.endswith(stop[:size])), default=0
    )
    return text[: len(text) - held], text[len(text) - held :], False


def _tokens(text: str) -> int:
    wide = sum(character > "\u2e7f" for character in text)  # Chinese, Japanese and Korean scripts
    return wide + math.ceil((len(text) - wide) / _CHARACTERS_PER_TOKEN)
