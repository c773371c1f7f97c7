"""From hits to an answer: quotes with their pages at once, then a sentence by the model where it earns its place.

The extractive answer is the floor: always there, without a generator too, and the reader never waits for a
draft that may be dropped. For questions that a single fact answers, the model then says it in a sentence from
the same passages, handed out only if ``verify`` finds all of it in one place of a passage. For other forms the
model made answers worse on the questions this was developed on, and nothing is generated. Deeper grounding
has its place behind ``choose_quotes``, ``verify`` and ``MODEL_FORMS``.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Generator as Steps
from concurrent.futures import Future, wait
from types import TracebackType
from typing import TYPE_CHECKING

from ragedge.datatypes import (
    Answer,
    AskTimings,
    Check,
    Citation,
    Explanation,
    GenerationOptions,
    GenerationStats,
    SafetyNotice,
    SearchResult,
    Sentence,
)
from ragedge.generate.abstain import Decision
from ragedge.generate.asked_value import names_grade
from ragedge.generate.citations import Citations
from ragedge.generate.evidence import Findings
from ragedge.generate.explain import explain
from ragedge.generate.procedure import Neighbours, find_procedure
from ragedge.generate.prompt import Prompt, build_prompt, estimate_tokens
from ragedge.generate.prompt_memory import PromptMemory
from ragedge.generate.question import Form
from ragedge.generate.quotes import Quote, as_quote, choose_in_parts
from ragedge.generate.reading_rate import LEAST_PROMPT, affordable_tokens, note_rate
from ragedge.generate.safety import notices
from ragedge.generate.sentences import split_sentences
from ragedge.generate.terms import content_terms
from ragedge.generate.tool_calls import call_tools
from ragedge.generate.value_kind import grade_kind, value_kind
from ragedge.generate.variants import with_variants
from ragedge.generate.verify import plain, verify
from ragedge.generate.wording import NO, SAYS, YES, not_found
from ragedge.generate.yes_no import settle

if TYPE_CHECKING:
    from ragedge.config import GenerateConfig
    from ragedge.protocols import Generation, Generator, Tool

log = logging.getLogger("ragedge")

MODEL_FORMS: frozenset[Form] = frozenset({"value", "where"})
_LOOKED_AT = 3  # units that may name the oil or fluid asked for
_PASSED = {"quote": "verbatim", "model": "verified", "tool": "as returned"}


class AnswerRun:
    """One answer under way. Iterate it for sentences that will stand, then take ``result()``."""

    def __init__(
        self,
        generator: Generator | Future[Generator] | None,
        config: GenerateConfig,
        findings: Findings,
        hits: SearchResult,
        options: GenerationOptions,
        started: float,
        budget_ms: float | None,
        neighbours: Neighbours | None,
        decision: Decision,
        memory: PromptMemory,
        ready: Callable[[Generator], str | None] | None = None,
        tools: Sequence[Tool] = (),
    ) -> None:
        self._tools = tools
        self._generator = generator
        self._config = config
        self._findings = findings
        self._hits = hits
        self._options = options
        self._started = started
        self._budget_ms = budget_ms
        self._neighbours = neighbours
        self._decision = decision
        self._memory = memory
        self._ready = ready
        self._citations = Citations()
        self._sentences: list[Sentence] = []
        self._quoted: set[tuple[int, int]] = set()  # (passage, unit)
        self._checks: list[Check] = []
        self._cited: list[int] = []  # passages whose notices guard the answer
        self._on_lines: list[bool] = []  # of each sentence: a step or a row, on a line of its own
        self._degraded: list[str] = []
        self._model: str | None = None
        self._stats = GenerationStats()
        self._ttft_ms: float | None = None
        self._first_token_ms: float | None = None
        self._total_ms: float | None = None
        self._generation: Generation | None = None
        self._closed = False
        self._steps = self._run()

    @property
    def may_generate(self) -> bool:
        """Whether the answer may hold a sentence of the model; if not, none need be loaded for it."""
        return self._decision.reason is None and (self._writes or bool(self._tools))

    @property
    def confidence(self) -> float:
        """Probability that the facts stand on a page that the answer cites, 0 to 1."""
        return self._decision.confidence

    @property
    def wants_codes(self) -> bool:
        """Whether what answers best leaves out a number or code of the question."""
        features = self._decision.features
        return features is not None and (features.numbers > 0 or features.excluded > 0)

    @property
    def wants_value(self) -> bool:
        """Whether a kind of value is asked for and nothing about the subject holds one."""
        features = self._decision.features
        if (grade := grade_kind(self._findings.question.text)) is not None:
            passages, best = self._findings.passages, self._findings.ranked[:_LOOKED_AT]
            return not any(names_grade(grade, passages[e.passage], e.unit) for e in best)
        return features is not None and features.untyped > 0

    @property
    def headed_as(self) -> str:
        """What manuals call the kind of value asked for; empty where the question says so itself, or none is."""
        question = self._findings.question.text
        kind = grade_kind(question) or value_kind(question)
        said = frozenset(self._findings.question.terms)
        return (
            " ".join(w for w in kind.headed.split() if not said.intersection(content_terms(w)))
            if kind
            else ""
        )

    @property
    def _writes(self) -> bool:
        return self._findings.question.form in MODEL_FORMS

    def use(self, generator: Generator | Future[Generator] | None) -> None:
        """Take another generator than the answerer's; before the run is iterated."""
        self._generator = generator

    def __iter__(self) -> Iterator[Sentence]:
        return self

    def __next__(self) -> Sentence:
        try:
            sentence = next(self._steps)
        except StopIteration:
            if self._total_ms is None:
                self._total_ms = self._elapsed_ms()
            raise
        if self._ttft_ms is None:
            self._ttft_ms = self._elapsed_ms()
        return sentence

    def __enter__(self) -> AnswerRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Abort generation; what was handed out stands, and ``result`` holds it."""
        self._closed = True
        if self._generation is not None:
            self._generation.close()
        with contextlib.suppress(ValueError):  # another thread is in a step; it ends by itself
            self._steps.close()

    def result(self) -> Answer:
        """Return the answer, finishing it first if it was not iterated to the end."""
        for _ in self:
            pass
        if self._total_ms is None:
            self._total_ms = self._elapsed_ms()
        timings = self._timings()
        common = {
            "confidence": round(self._decision.confidence, 4),
            "passages": tuple(self._hits),
            "degraded": tuple(self._degraded),
            "model": self._model,
            "adapter": (self._options.adapter or None) if self._model else None,
            "timings": timings,
        }
        if self._decision.reason is not None:
            text = not_found(self._findings.question.language)
            return Answer(text, abstained=True, abstain_reason=self._decision.reason, method="none", **common)  # type: ignore[arg-type]
        origins = {s.origin for s in self._sentences} - {"tool"}
        return Answer(
            self.text,
            sentences=tuple(self._sentences),
            citations=tuple(self._citations.items),
            safety=self.safety,
            grounded=all(s.citations or s.origin == "tool" for s in self._sentences),
            method="mixed" if len(origins) == 2 else "generated" if origins == {"model"} else "extractive",
            **common,  # type: ignore[arg-type]
        )

    def explain(self) -> Explanation:
        """Return how the answer came about, finishing it first if it was not iterated to the end."""
        self.result()
        return explain(self._findings, self._decision, self._config.abstain_below, self._quoted, self._checks)

    def _run(self) -> Steps[Sentence, None, None]:
        if self._decision.reason is not None:
            return
        quotes = list(self._quotes())
        if self._findings.question.form == "yes_no" and quotes:
            yield self._add(self._verdict(quotes), "quote", quotes[0].passage, quotes[0].units)
        for quote in quotes:
            yield self._quote(quote)
            if self._closed:
                return
        if self._generator is not None and self.may_generate:
            generator = self._generator
            # One that is still loading is waited for here; that one cannot load is the caller's to mend.
            if isinstance(generator, Future) and not self._loads_in_time(generator):
                self._degraded.append(f"time budget of {self._budget_ms:g} ms: the model was still loading")
                return
            loaded = generator.result() if isinstance(generator, Future) else generator
            if self._tools:
                yield from self._tool_sentences(loaded)
            if self._writes:
                yield from self._model_sentence(loaded)

    def _quotes(self) -> Sequence[Quote]:
        if self._findings.question.form == "how_to" and self._neighbours is not None:
            procedure = find_procedure(self._findings, self._neighbours)
            if procedure is not None:
                self._findings = procedure.findings
                self._cited += procedure.places
                return procedure.quotes
        quotes = choose_in_parts(self._findings)
        if self._findings.question.form == "value" and self._neighbours is not None:
            self._findings, quotes = with_variants(self._findings, quotes, self._neighbours)
        return quotes

    def _verdict(self, quotes: list[Quote]) -> str:
        """Say yes or no where a sentence settles it, which alone is then quoted; else that the manual is quoted."""
        language = self._findings.question.language
        settled = settle(self._findings)
        if settled is None:
            return SAYS[language]
        place, unit = settled.evidence.passage, settled.evidence.unit
        quotes[:] = [as_quote(self._findings.passages[place], place, unit)]
        return (YES if settled.polarity == "yes" else NO)[language]

    def _quote(self, quote: Quote) -> Sentence:
        sentence = self._add(quote.text, "quote", quote.passage, quote.units)
        self._on_lines[-1] |= quote.alone
        return sentence

    def _add(self, text: str, origin: str, place: int, units: tuple[int, ...]) -> Sentence:
        passage = self._findings.passages[place]
        cited: list[int] = []
        for i in units:
            unit = passage.units[i]
            cited += self._citations.add(passage.hit, unit.start, unit.end, passage.section(i))
        sentence = Sentence(text, origin, tuple(dict.fromkeys(cited)))  # type: ignore[arg-type]
        self._sentences.append(sentence)
        self._quoted.update((place, unit) for unit in units)
        self._checks.append(Check(text, origin, _PASSED[origin], stands=True))
        self._cited.append(place)
        self._on_lines.append(origin == "quote" and passage.units[units[0]].kind in ("step", "row"))
        return sentence

    def _loads_in_time(self, generator: Future[Generator]) -> bool:
        """Wait for a generator, as long as the time budget allows."""
        left = self._left_ms()
        return left == float("inf") or not wait([generator], timeout=max(left, 0) / 1e3).not_done

    def _tool_sentences(self, generator: Generator) -> Iterator[Sentence]:
        """Let the model call functions; what each returned stands on a line of its own, under its name."""
        if not generator.capabilities.grammar or self._left_ms() <= 0:
            self._degraded.append(
                "no function was called: the generator takes no grammar, or the time is spent"
            )
            return
        question = self._findings.question.text
        for result in call_tools(generator, question, self._tools, self._config.tool_calls):
            sentence = Sentence(f"{result.tool}: {result.text}", "tool")
            self._sentences.append(sentence)
            self._checks.append(Check(sentence.text, "tool", _PASSED["tool"], stands=True))
            self._on_lines.append(True)
            yield sentence

    def _model_sentence(self, generator: Generator) -> Iterator[Sentence]:
        """Let the model answer in a sentence; yield it if it was verified. Its failure leaves the quotes."""
        draft = ""
        try:
            if self._ready is not None and (note := self._ready(generator)):
                self._degraded.append(note)
            prompt = self._prompt(generator)
            if prompt is None or self._closed:
                return
            self._generation = generator.generate(prompt.messages, self._options)
            self._model = generator.name
            draft = self._first_sentence(self._generation)
        except Exception as exc:  # a plugin, and a device behind it, can raise anything; the quotes stand
            log.warning("generation failed: %s", type(exc).__name__)
            self._degraded.append(f"the model failed ({type(exc).__name__}): quoted without it")
        finally:
            if self._generation is not None:
                self._generation.close()
                self._stats = self._generation.stats
                note_rate(generator.name, self._stats)
        if draft and (verified := self._verified(draft)):
            yield verified

    def _prompt(self, generator: Generator) -> Prompt | None:
        """Build the prompt, shorter where the time budget asks for it; None where it leaves no room."""
        budget = min(self._config.prompt_tokens, generator.context_window - self._options.max_new_tokens)
        affordable = affordable_tokens(generator.name, self._left_ms())
        if affordable < LEAST_PROMPT:
            self._degraded.append(f"time budget of {self._budget_ms:g} ms: quoted without the model")
            return None
        if affordable < budget:
            budget = int(affordable)
            self._degraded.append(f"time budget of {self._budget_ms:g} ms: prompt cut to {budget} tokens")
        count = generator.count_tokens if generator.capabilities.token_counts else estimate_tokens
        fill, earlier = self._config.prompt_fill, self._memory.recent()
        prompt = build_prompt(self._findings, count, budget, fill=fill, earlier=earlier)
        if prompt is None:
            self._degraded.append(f"no passage fits a prompt of {budget} tokens: quoted without the model")
        else:
            self._memory.note(prompt.blocks)
        return prompt

    def _first_sentence(self, generation: Generation) -> str:
        """Return the first whole sentence that the model writes, or nothing; the rest is not waited for."""
        text = ""
        for piece in generation:
            if self._first_token_ms is None:
                self._first_token_ms = self._elapsed_ms()
            text += piece
            sentences = split_sentences(text.lstrip())
            if len(sentences) > 1:
                return sentences[0]
            if self._left_ms() <= 0:
                self._degraded.append(f"time budget of {self._budget_ms:g} ms spent: the model was stopped")
                return ""
        if generation.stats.finish_reason == "length" and not text.rstrip().endswith((".", "。", "!")):
            limit = self._options.max_new_tokens
            self._degraded.append(f"the model wrote no whole sentence in {limit} tokens: quoted without it")
            return ""
        return text.strip()

    def _verified(self, sentence: str) -> Sentence | None:
        sentence = plain(sentence)
        found = self._findings
        said = [s.text for s in self._sentences]
        verdict = verify(sentence, found.passages, found.question.terms, said)
        if not verdict.holds:
            self._checks.append(Check(sentence, "model", verdict.reason, stands=False))
            log.debug("model sentence dropped: %s", verdict.reason)
            return None
        return self._add(sentence, "model", verdict.passage, verdict.units)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What the sentences so far point to."""
        return tuple(self._citations.items)

    @property
    def safety(self) -> tuple[SafetyNotice, ...]:
        """What guards the sentences so far."""
        return notices(self._findings.passages, self._cited)

    @property
    def text(self) -> str:
        """The sentences so far, joined: running text with spaces, steps and rows on lines of their own."""
        text = ""
        for i, sentence in enumerate(self._sentences):
            if i:
                text += "\n" if self._on_lines[i] or self._on_lines[i - 1] else " "
            text += sentence.text
        return text

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1e3

    def _left_ms(self) -> float:
        return float("inf") if self._budget_ms is None else self._budget_ms - self._elapsed_ms()

    def _timings(self) -> AskTimings:
        stats = self._stats
        total = self._total_ms or 0.0
        return AskTimings(
            retrieve_ms=self._hits.timings.total_ms,
            ttft_ms=self._ttft_ms if self._ttft_ms is not None else total,
            first_token_ms=self._first_token_ms,
            total_ms=total,
            prompt_tokens=stats.prompt_tokens,
            cached_tokens=stats.cached_tokens,
            new_tokens=stats.new_tokens,
            tokens_per_s=stats.new_tokens / stats.decode_ms * 1e3 if stats.decode_ms > 0 else None,
        )
