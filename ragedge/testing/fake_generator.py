"""A generator without a model: says what it was told to, word by word, under the whole contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ragedge.datatypes import GenerationOptions, GenerationStats, GeneratorCapabilities, Message
from ragedge.errors import PromptTooLongError


class FakeGeneration:
    """Hands out the words of a text; stops at stop strings, at the limit, and when closed."""

    def __init__(self, text: str, prompt_tokens: int, options: GenerationOptions) -> None:
        self.stats = GenerationStats(prompt_tokens=prompt_tokens)
        found = [at for at in (text.find(stop) for stop in options.stop) if at >= 0]
        self._text = text[: min(found, default=len(text))]
        self._most = options.max_new_tokens

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        stats = self.stats
        words = self._text.split(" ")
        if stats.finish_reason is None and (stats.new_tokens == len(words) or not self._text):
            stats.finish_reason = "stop"
        if stats.finish_reason is not None:
            raise StopIteration
        at = stats.new_tokens
        stats.new_tokens += 1
        if stats.new_tokens == self._most and self._most < len(words):
            stats.finish_reason = "length"
        return words[at] if at == 0 else " " + words[at]

    def close(self) -> None:
        """Abort, unless it has ended."""
        if self.stats.finish_reason is None:
            self.stats.finish_reason = "aborted"


class FakeGenerator:
    """Answers with a fixed text, or with what a function makes of the messages.

    Attributes:
        prompts: Every prompt it was given, for the test to read.
    """

    name = "fake"
    fingerprint = ""
    capabilities = GeneratorCapabilities()

    def __init__(
        self,
        reply: str | Callable[[Sequence[Message]], str] = "a fixed answer.",
        *,
        context_window: int = 1024,
    ) -> None:
        self.context_window = context_window
        self.prompts: list[tuple[Message, ...]] = []
        self._reply = reply

    def count_tokens(self, messages: Sequence[Message], /) -> int:
        """Estimate: one token per word and three per message."""
        return sum(len(message.content.split()) + 3 for message in messages)

    def generate(self, messages: Sequence[Message], options: GenerationOptions, /) -> FakeGeneration:
        """Begin to say it.

        Raises:
            PromptTooLongError: the prompt and ``max_new_tokens`` do not fit the context window.
            ValueError: there is no message, or no token may be written.
        """
        if not messages or options.max_new_tokens < 1:
            raise ValueError("a generation needs a message and at least one new token")
        count = self.count_tokens(messages)
        if count + options.max_new_tokens > self.context_window:
            raise PromptTooLongError(f"{count} tokens do not fit the context window of {self.context_window}")
        self.prompts.append(tuple(messages))
        text = self._reply if isinstance(self._reply, str) else self._reply(messages)
        return FakeGeneration(text, count, options)
