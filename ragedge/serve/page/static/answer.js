// One question and its answer: what is safe first, then what was said, then where it stands.

import { make } from "./dom.js";
import { announce, count, decimal, say, saying } from "./say.js";
import { verdictButtons } from "./verdicts.js";

const MOST_NEAR = 4;
const QUOTE_SHOWN = 160;

/** A place in a document, with what is quoted from it. */
const keyOf = (place) => JSON.stringify([place.source, place.page]);

export class AnswerCard {
  /**
   * @param question As it was asked.
   * @param show Called with a place and its quotes, and whether the reader asked for it.
   */
  constructor(question, show) {
    this.question = question;
    this.show = show;
    this.places = new Map();
    this.warned = new Set();
    this.block = null;
    this.status = saying(make("p", { class: "status" }), "searching");
    this.safety = make("div", { class: "safeties" });
    this.said = make("div", { class: "said" });
    this.rest = make("div", { class: "rest" });
    const heading = make("h2", { class: "asked" }, question);
    // What is added is read aloud as it comes; the sources below are there to be found.
    this.live = make("div", { "aria-live": "polite", "aria-busy": "true" }, this.safety, this.said, this.status);
    this.element = make("article", { class: "card answer" }, heading, this.live, this.rest);
  }

  sentence(data) {
    this.citations = [...(this.citations ?? []), ...data.new_citations];
    this.notices(data.new_safety ?? []);
    saying(this.status, "writing");
    const numbers = [...new Set(data.citations.map((index) => this.place(this.citations[index])))];
    if (this.block?.dataset.origin !== data.origin) this.begin(data.origin);
    if (!this.line || data.added.startsWith("\n")) this.block.append((this.line = make("p")));
    const [head, end] = cutBeforeEnd(data.text);
    const marks = numbers.flatMap((place) => ["\u00a0", this.mark(place)]);
    const space = this.line.childNodes.length ? " " : "";
    this.line.append(make("span", { class: "sentence" }, space + head, make("span", { class: "end" }, end, marks)));
    if (numbers.length && !this.offered) this.offer(numbers[0]);
  }

  /** Take the whole answer; what was handed out before stands in it. */
  finish(answer) {
    this.answer = answer;
    this.notices(answer.safety);
    for (const citation of answer.citations) this.place(citation);
    if (answer.abstained) this.abstained(answer);
    else this.sources();
    if (answer.notes.length) this.rest.append(this.facts("notes", answer.notes));
    this.passages(answer);
    this.rest.append(this.figures(answer));
    this.done("answered");
    const first = this.places.values().next().value;
    if (first) this.offer(first);
  }

  stop() {
    this.sources();
    this.done("stopped");
    this.rest.prepend(saying(make("p", { class: "small" }), "stopped"));
  }

  fail(error) {
    this.done("error");
    this.said.append(
      make("div", { class: "notice" }, saying(make("strong"), "error"), make("p", {}, error.message)),
    );
  }

  done(key) {
    this.status.remove();
    this.live.setAttribute("aria-busy", "false");
    announce(say(key));
  }

  begin(origin) {
    const label = { quote: "quoted", model: "by_model", tool: "by_tool" }[origin];
    this.block = make("div", { class: `block ${origin}`, dataset: { origin } }, saying(make("p", { class: "origin" }), label));
    this.line = null;
    this.said.append(this.block);
  }

  notices(found) {
    for (const notice of found.filter(({ text }) => !this.warned.has(text))) {
      this.warned.add(notice.text);
      const place = this.named(notice);
      this.safety.append(
        make(
          "section", { class: `safety ${notice.kind}` },
          make("h3", {}, symbol(), saying(make("span"), notice.kind)),
          make("p", {}, notice.text),
          make("button", { class: "link", type: "button", on: { click: () => this.show(place, true) } }, placeName(place)),
        ),
      );
    }
  }

  /** Return a citation's place, numbered in the order that places come up, with the quote noted. */
  place(citation) {
    const place = this.named(citation);
    const known = this.places.get(keyOf(place)) ?? { ...place, number: this.places.size + 1, quotes: [], texts: [] };
    if (!known.quotes.some((quote) => quote.start === citation.start && quote.end === citation.end)) {
      known.quotes.push({ start: citation.start, end: citation.end });
      known.texts.push(citation.quote);
    }
    this.places.set(keyOf(place), known);
    return known;
  }

  named({ source, page, page_label }) {
    return { source, page, page_label, quotes: [], texts: [] };
  }

  mark(place) {
    const button = make("button", { class: "cite", type: "button", on: { click: () => this.show(place, true) } }, String(place.number));
    button.dataset.sayLabel = "citation";
    button.dataset.sayValues = JSON.stringify({ number: place.number, place: placeName(place) });
    button.setAttribute("aria-label", say("citation", { number: place.number, place: placeName(place) }));
    return button;
  }

  /** Show a place that the reader did not ask for: the first, once it is said, and again with all its quotes. */
  offer(place) {
    this.offered = true;
    this.show(place, false);
  }

  sources() {
    const items = [...this.places.values()].map((place) =>
      make(
        "li", { class: "source", dataset: { place: keyOf(place) } },
        make("span", { class: "number", "aria-hidden": "true" }, String(place.number)),
        make(
          "div", {},
          make("button", { class: "link place", type: "button", on: { click: () => this.show(place, true) } }, placeName(place)),
          make("blockquote", {}, shortened(place.texts.join(" … "))),
          verdictButtons(this.question, place, "cited"),
        ),
      ),
    );
    if (items.length) this.rest.append(saying(make("h3"), "sources"), make("ol", { class: "sources" }, items));
  }

  abstained(answer) {
    this.said.append(
      make("div", { class: "absent" }, saying(make("h3"), "not_in_manual"), make("p", {}, answer.text)),
    );
    const near = this.found(answer).slice(0, MOST_NEAR);
    if (!near.length) this.rest.append(saying(make("p", { class: "small" }), "none_near"));
    else this.rest.append(saying(make("h3"), "nearest"), this.list(near, "near"));
  }

  passages(answer) {
    if (answer.abstained) return;
    const others = this.found(answer).filter((place) => !this.places.has(keyOf(place)));
    if (!others.length) return;
    this.rest.append(make("details", {}, saying(make("summary"), "more_pages"), this.list(others, "other")));
  }

  /** Return the pages of what was found, the best passage of each. */
  found(answer) {
    const pages = new Map();
    for (const hit of answer.passages) {
      if (pages.has(keyOf(hit))) continue;
      const place = this.named(hit);
      place.quotes.push({ start: hit.start, end: hit.end });
      place.heading = hit.heading;
      place.texts.push(hit.text);
      pages.set(keyOf(hit), place);
    }
    return [...pages.values()];
  }

  list(places, kind) {
    return make(
      "ul", { class: "sources" },
      places.map((place) =>
        make(
          "li", { class: "source" },
          make(
            "div", {},
            make("button", { class: "link place", type: "button", on: { click: () => this.show(place, true) } }, placeName(place)),
            make("p", { class: "small" }, place.heading.join(" › ") || shortened(place.texts[0])),
            verdictButtons(this.question, place, kind),
          ),
        ),
      ),
    );
  }

  facts(key, lines) {
    return make("div", { class: "notice calm" }, saying(make("strong"), key), lines.map((line) => make("p", {}, line)));
  }

  figures(answer) {
    const line = make("p", { class: "small figures" });
    const parts = [
      ...(answer.abstained ? [] : [["confidence", { value: `${Math.round(100 * answer.confidence)} %` }]]),
      ["took", { seconds: decimal(answer.timings.total_ms / 1000, 1) }],
      ...answer.degraded.map((what) => ["degraded", { what }]),
    ];
    for (const [key, values] of parts) line.append(saying(make("span"), key, values));
    return line;
  }
}

export function placeName({ source, page, page_label: label }) {
  if (page === null || page === undefined) return source;
  const printed = label && label !== String(page);
  return `${source}, ${say(printed ? "page_printed" : "page", { page, label })}`;
}

export const holdings = (documents, pages) =>
  say("holds", { documents: count(documents, "document_one", "document_many"), pages: count(pages, "page_one", "page_many") });

function shortened(text) {
  const points = Array.from(text.replace(/ \| /g, " · ").replace(/\s+/g, " "));
  return points.length > QUOTE_SHOWN ? `${points.slice(0, QUOTE_SHOWN).join("")} …` : points.join("");
}

/** Cut a sentence before its last word, or its last letters in writing without spaces: its numbers stay beside it. */
function cutBeforeEnd(text) {
  const end = /\S{1,14}$/u.exec(text)?.[0] ?? "";
  const whole = end.length === text.length || /\s/.test(text.at(-end.length - 1) ?? "");
  const cut = text.length - (whole ? end.length : Math.min(2, end.length));
  return [text.slice(0, cut), text.slice(cut)];
}

function symbol() {
  // Drawn by the style sheet: the word beside it says it.
  return make("span", { class: "symbol", "aria-hidden": "true" });
}
