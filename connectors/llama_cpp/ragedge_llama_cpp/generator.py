"""The generator: llama.cpp's context, one generation at a time."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import llama_cpp
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from ragedge.datatypes import GenerationOptions, GenerationStats, GeneratorCapabilities, Message
from ragedge.errors import ModelError, ModelIntegrityError, PromptTooLongError

_TEMPLATE = "tokenizer.chat_template"


class LlamaCppGenerator:
    """A GGUF model under llama.cpp; safe for threads: one generation at a time, others queue.

    Attributes:
        name: The file's name without its ending.
        fingerprint: sha256 over the file.
        context_window: Tokens of prompt and answer together.
    """

    capabilities = GeneratorCapabilities(token_counts=True)

    def __init__(self, llama: Any, formatter: Any, name: str, fingerprint: str) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.context_window: int = llama.n_ctx()
        self._llama = llama
        self._formatter = formatter
        self._turns = threading.Condition()
        self._running: LlamaGeneration | None = None

    @classmethod
    def open(cls, path: Path, *, context_window: int, threads: int, gpu_layers: int) -> LlamaCppGenerator:
        """Load a GGUF file.

        Raises:
            ModelIntegrityError: llama.cpp cannot load it, or it has no chat template that can be read.
        """
        with path.open("rb") as file:
            fingerprint = hashlib.file_digest(file, "sha256").hexdigest()
        try:
            llama = llama_cpp.Llama(
                str(path), n_ctx=context_window, n_threads=threads or None, n_threads_batch=threads or None,
                n_gpu_layers=gpu_layers, verbose=False,
            )  # fmt: skip
            formatter = Jinja2ChatFormatter(
                template=llama.metadata[_TEMPLATE],
                eos_token=_text_of(llama, llama.token_eos()),
                bos_token=_text_of(llama, llama.token_bos()),
            )
        except KeyError as exc:
            raise ModelIntegrityError(
                f"{path} has no chat template", hint="use an instruction-tuned model"
            ) from exc
        except Exception as exc:  # the binding raises ValueError, RuntimeError and jinja2's errors
            raise ModelIntegrityError(
                f"llama.cpp cannot load {path}: {type(exc).__name__}", hint="fetch the file again"
            ) from exc
        return cls(llama, formatter, path.stem, fingerprint)

    def count_tokens(self, messages: Sequence[Message], /) -> int:
        """Count the tokens of a prompt, chat template included."""
        return len(self._encode(messages))

    def generate(self, messages: Sequence[Message], options: GenerationOptions, /) -> LlamaGeneration:
        """Begin to answer; the prompt is read when the first piece is asked for.

        Raises:
            PromptTooLongError: the prompt and ``max_new_tokens`` do not fit the context window.
            ValueError: there is no message, or no token may be written.
        """
        if not messages or options.max_new_tokens < 1:
            raise ValueError("a generation needs a message and at least one new token")
        tokens = self._encode(messages)
        if len(tokens) + options.max_new_tokens > self.context_window:
            raise PromptTooLongError(
                f"{len(tokens)} tokens and {options.max_new_tokens} new ones do not fit the context window of "
                f"{self.context_window}",
                hint="set generate.context_window higher",
            )
        return LlamaGeneration(self, tokens, options)

    def take_turn(self, generation: LlamaGeneration) -> None:
        """Wait until no other thread's generation runs; an unfinished one of the same thread is ended."""
        with self._turns:
            while (running := self._running) is not None and running is not generation:
                if running.thread == threading.get_ident():
                    running.close()
                    break
                if generation.closed:
                    return
                self._turns.wait()
            if not generation.closed:
                self._running = generation

    def end_turn(self, generation: LlamaGeneration) -> None:
        """Let the next one begin."""
        with self._turns:
            if self._running is generation:
                self._running = None
            self._turns.notify_all()

    def pieces(
        self, tokens: list[int], options: GenerationOptions, going_on: Any
    ) -> Iterator[dict[str, Any]]:
        """Run llama.cpp over a prompt; yields its completion chunks."""
        return self._llama.create_completion(  # type: ignore[no-any-return]
            prompt=tokens,
            max_tokens=options.max_new_tokens,
            temperature=options.temperature,
            top_k=options.top_k or 0,
            top_p=options.top_p,
            min_p=0.0,
            repeat_penalty=1.0,
            seed=options.seed,
            stop=list(options.stop),
            stream=True,
            stopping_criteria=llama_cpp.StoppingCriteriaList([lambda *_: not going_on()]),
        )

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        chat = [{"role": message.role, "content": message.content} for message in messages]
        prompt = self._formatter(messages=chat).prompt
        tokens: list[int] = self._llama.tokenize(prompt.encode(), add_bos=False, special=True)
        return tokens


class LlamaGeneration:
    """Pieces of text, in order; ``close`` may be called from any thread and ends it at the next token.

    Attributes:
        stats: Counts and times so far.
        closed: It was aborted.
        thread: Which thread reads it.
    """

    def __init__(self, generator: LlamaCppGenerator, tokens: list[int], options: GenerationOptions) -> None:
        self.stats = GenerationStats(prompt_tokens=len(tokens))
        self.closed = False
        self.thread = 0
        self._generator = generator
        self._options = options
        self._tokens = tokens
        self._pieces = self._run()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        """Abort; the generator is ready for the next call."""
        self.closed = True
        if self.stats.finish_reason is None:
            self.stats.finish_reason = "aborted"
        self._generator.end_turn(self)

    def _run(self) -> Iterator[str]:
        self.thread = threading.get_ident()
        try:
            self._generator.take_turn(self)
            if self.closed:
                return
            started = time.perf_counter()
            for chunk in self._generator.pieces(self._tokens, self._options, lambda: not self.closed):
                choice = chunk["choices"][0]
                if self.closed:
                    return
                if text := choice["text"]:
                    if not self.stats.new_tokens:
                        self.stats.prefill_ms = 1000 * (time.perf_counter() - started)
                    self.stats.new_tokens = min(self.stats.new_tokens + 1, self._options.max_new_tokens)
                    yield text
                    if self.closed:
                        return
                if reason := choice["finish_reason"]:
                    self.stats.finish_reason = "length" if reason == "length" else "stop"
            self.stats.decode_ms = max(1000 * (time.perf_counter() - started) - self.stats.prefill_ms, 0.0)
        except Exception as exc:
            self.stats.finish_reason = "aborted"
            raise ModelError(f"llama.cpp failed: {type(exc).__name__}", hint="ragedge doctor") from exc
        finally:
            if self.stats.finish_reason is None:
                self.stats.finish_reason = "aborted"
            self._generator.end_turn(self)


def _text_of(llama: Any, token: int) -> str:
    return llama.detokenize([token], special=True).decode("utf-8", "replace") if token >= 0 else ""
