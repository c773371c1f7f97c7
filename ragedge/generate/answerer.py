"""Makes answers from hits: reads the question, finds its evidence, and begins a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING

from ragedge.datatypes import GenerationOptions, SearchResult
from ragedge.generate.abstain import decide
from ragedge.generate.answer_run import AnswerRun
from ragedge.generate.confidence import WordCounts
from ragedge.generate.evidence import find_evidence
from ragedge.generate.procedure import Neighbours
from ragedge.generate.prompt_memory import PromptMemory
from ragedge.generate.question import read_question
from ragedge.generate.tool_calls import offered

if TYPE_CHECKING:
    from ragedge.config import GenerateConfig
    from ragedge.generate.unit_score import Similarity
    from ragedge.protocols import Generator, Tool


class Answerer:
    """Answers questions from hits. Cheap to make; safe for threads, as each answer is a run of its own."""

    def __init__(
        self,
        generator: Generator | Future[Generator] | None,
        config: GenerateConfig,
        similarity: Similarity | None = None,
        memory: PromptMemory | None = None,
        ready: Callable[[Generator], str | None] | None = None,
        tools: Sequence[Tool] = (),
    ) -> None:
        """Take what answers are made with.

        Args:
            generator: One that may be loading still (waited for when it is needed), or None to quote alone.
            config: The settings.
            similarity: Compares the question with sentences by their vectors; None leaves that out.
            memory: What earlier prompts began with; None starts anew.
            ready: Called with the generator before it reads the prompt; what it returns is told in ``degraded``.
            tools: Functions that the model may call.
        """
        self._memory = memory if memory is not None else PromptMemory()
        self._ready = ready
        self._tools = tools
        self._generator = generator
        self._config = config
        self._similarity = similarity

    def start(
        self,
        question: str,
        hits: SearchResult,
        *,
        started: float | None = None,
        max_new_tokens: int | None = None,
        temperature: float | None = None,
        seed: int | None = None,
        budget_ms: float | None = None,
        adapter: str | None = None,
        neighbours: Neighbours | None = None,
        counts: WordCounts | None = None,
        parts: Sequence[str] = (),
    ) -> AnswerRun:
        """Begin to answer; the work is done as the run is iterated.

        Args:
            question: In the user's words.
            hits: What retrieval found for it.
            started: ``time.perf_counter()`` when the question came in; None counts from the search.
            max_new_tokens: Most tokens the model writes; None takes the configured number.
            temperature: 0 is greedy; None takes the configured one.
            seed: Makes sampling repeatable.
            budget_ms: Time for the whole answer, search included; once spent, what was quoted stands.
            adapter: Which adapter writes; None takes the configured one.
            neighbours: Returns the chunks around a hit, so that a procedure is quoted whole.
            counts: How common the question's words are in the collection; see ``decide``.
            parts: The questions that it asks, each by itself, where it asks several.

        Raises:
            QuestionError: the question is empty or too long.
            ValueError: budget_ms or max_new_tokens is not positive.
        """
        if budget_ms is not None and not budget_ms > 0:
            raise ValueError(f"budget_ms must be positive, got {budget_ms}")
        if max_new_tokens is not None and max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be at least 1, got {max_new_tokens}")
        config = self._config
        options = GenerationOptions(
            max_new_tokens=max_new_tokens if max_new_tokens is not None else config.max_new_tokens,
            temperature=temperature if temperature is not None else config.temperature,
            top_k=config.top_k,
            top_p=config.top_p,
            min_p=config.min_p,
            repetition_penalty=config.repetition_penalty,
            presence_penalty=config.presence_penalty,
            frequency_penalty=config.frequency_penalty,
            seed=seed if seed is not None else config.seed,
            stop=("\nQuestion:", "\n["),
            adapter=config.adapter if adapter is None else adapter,
        )
        if started is None:
            started = time.perf_counter() - hits.timings.total_ms / 1e3
        asked = read_question(question)
        read = tuple(find_evidence(read_question(part), hits, self._similarity) for part in parts)
        findings = replace(find_evidence(asked, hits, self._similarity), parts=read)
        decision = decide(findings, config.abstain_below, counts)
        return AnswerRun(
            self._generator,
            config,
            findings,
            hits,
            options,
            started,
            budget_ms,
            neighbours,
            decision,
            self._memory,
            self._ready,
            offered(self._tools, question),
        )
