"""What every generator must do."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from ragedge.datatypes import GenerationOptions, GeneratorCapabilities, Message
from ragedge.errors import PromptTooLongError

if TYPE_CHECKING:
    from ragedge.protocols import Generator

PROMPT = (Message("system", "Answer briefly."), Message("user", "What colour is the sky?"))


class GeneratorContract:
    """Subclass it and override ``generator``; its context window must hold 128 tokens, and not 100,000."""

    @pytest.fixture
    def generator(self) -> Generator:
        """Return the generator under test."""
        raise NotImplementedError("override the fixture 'generator'")

    def test_it_describes_itself(self, generator: Generator) -> None:
        assert generator.name
        assert isinstance(generator.fingerprint, str)
        assert generator.context_window >= 128
        assert isinstance(generator.capabilities, GeneratorCapabilities)

    def test_more_messages_count_more_tokens(self, generator: Generator) -> None:
        few = generator.count_tokens(PROMPT[1:])
        assert 0 < few < generator.count_tokens((*PROMPT, *PROMPT))

    def test_pieces_are_text_and_stats_are_filled(self, generator: Generator) -> None:
        generation = generator.generate(PROMPT, GenerationOptions(max_new_tokens=8))
        pieces = list(generation)
        assert pieces
        assert all(isinstance(piece, str) and piece for piece in pieces)
        assert generation.stats.finish_reason in ("stop", "length")
        assert 0 < generation.stats.new_tokens <= 8
        if generator.capabilities.token_counts:
            assert generation.stats.prompt_tokens == generator.count_tokens(PROMPT)

    def test_greedy_answers_are_equal(self, generator: Generator) -> None:
        answers = ["".join(generator.generate(PROMPT, GenerationOptions(max_new_tokens=8))) for _ in range(3)]
        assert len(set(answers)) == 1

    def test_an_ended_generation_stays_ended(self, generator: Generator) -> None:
        generation = generator.generate(PROMPT, GenerationOptions(max_new_tokens=2))
        list(generation)
        reason = generation.stats.finish_reason
        assert list(generation) == []
        generation.close()
        assert generation.stats.finish_reason == reason

    def test_closing_aborts_and_leaves_it_ready(self, generator: Generator) -> None:
        whole = "".join(generator.generate(PROMPT, GenerationOptions(max_new_tokens=6)))
        generation = generator.generate(PROMPT, GenerationOptions(max_new_tokens=6))
        next(iter(generation))
        generation.close()
        generation.close()
        assert list(generation) == []
        assert "".join(generator.generate(PROMPT, GenerationOptions(max_new_tokens=6))) == whole

    def test_closing_before_the_first_piece(self, generator: Generator) -> None:
        generation = generator.generate(PROMPT, GenerationOptions(max_new_tokens=4))
        generation.close()
        assert list(generation) == []
        assert generation.stats.finish_reason == "aborted"

    def test_a_stop_string_ends_the_text_and_is_not_in_it(self, generator: Generator) -> None:
        whole = "".join(generator.generate(PROMPT, GenerationOptions(max_new_tokens=8)))
        stop = whole[len(whole) // 2 :][:2]
        generation = generator.generate(PROMPT, GenerationOptions(max_new_tokens=8, stop=(stop,)))
        assert "".join(generation) == whole[: whole.index(stop)]
        assert generation.stats.finish_reason == "stop"

    def test_a_prompt_over_the_window_is_refused(self, generator: Generator) -> None:
        with pytest.raises(PromptTooLongError):
            generator.generate((Message("user", "word " * 100_000),), GenerationOptions())
        with pytest.raises(PromptTooLongError):
            generator.generate(PROMPT, GenerationOptions(max_new_tokens=generator.context_window))

    def test_a_prompt_without_messages_is_refused(self, generator: Generator) -> None:
        with pytest.raises(ValueError, match="message"):
            generator.generate((), GenerationOptions())

    def test_callers_from_several_threads_each_get_their_answer(self, generator: Generator) -> None:
        prompts = [(Message("user", f"Say the number {number}."),) for number in range(4)]
        options = GenerationOptions(max_new_tokens=5)
        alone = ["".join(generator.generate(prompt, options)) for prompt in prompts]
        answers: dict[int, str] = {}

        def ask(number: int) -> None:
            answers[number] = "".join(generator.generate(prompts[number], options))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answers[number] for number in range(4)] == alone
