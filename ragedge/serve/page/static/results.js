// What tuning tried in this knowledge base, and results that the reader opens.

import { get } from "./api.js";
import { byId, make } from "./dom.js";
import { intervals, numbers, scatter } from "./plot.js";
import { decimal, say, saying } from "./say.js";

const SHARE = "ndcg@10";
let tuning = null;
let result = null;

export function startResults() {
  const file = byId("result-file");
  byId("open-result").addEventListener("click", () => file.click());
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    file.value = "";
    if (!chosen) return;
    try {
      result = JSON.parse(await chosen.text());
    } catch {
      result = {};
    }
    showEvaluation();
  });
  document.addEventListener("languagechosen", () => {
    if (tuning) showTuning();
    if (result) showEvaluation();
  });
}

export async function showResults() {
  tuning = await get("/tuning");
  showTuning();
}

function showTuning() {
  const card = make("section", { class: "card", "aria-labelledby": "tuning-title" }, saying(make("h2", { id: "tuning-title" }), "tuning"));
  byId("tuning").replaceChildren(card);
  const found = tuning.result;
  if (!found) {
    card.append(saying(make("p"), "tuning_none"));
    return;
  }
  const asked = Object.values(found.questions).reduce((sum, one) => sum + one, 0);
  const verdict = found.applied ? "tuning_applied" : found.accepted ? "tuning_open" : "tuning_kept";
  card.append(
    make("p", {}, saying(make("strong", { class: "chip" }), verdict), " ", saying(make("span"), "tuning_tried", { trials: found.trials, questions: asked })),
    saying(make("h3"), "tuning_gain"),
    intervals([{ name: SHARE, ...found.gain }], { label: say("tuning_gain"), format: signed, zero: true }),
  );
  const whole = tuning.trials.filter((trial) => trial.questions === asked);
  if (whole.length) {
    const points = whole.map((trial) => ({ x: trial.search_ms, y: trial[SHARE], kind: kindOf(trial, found), title: titleOf(trial) }));
    points.sort((a, b) => (a.kind === "tried" ? 0 : 1) - (b.kind === "tried" ? 0 : 1));
    const names = { label: say("trials_plot"), x: say("search_time"), y: say("quality") };
    card.append(saying(make("h3"), "trials_plot"), legend(), scatter(points, { ...names, format: { x: short, y: short } }));
    const rows = tuning.trials.map((trial) => [changesOf(trial), decimal(trial[SHARE], 4), trial.questions, decimal(trial.search_ms, 2)]);
    card.append(numbers(["changes", "quality", "questions_head", "search_time"], rows));
  }
  const settings = Object.entries(found.settings);
  if (settings.length) {
    card.append(
      make(
        "table", { class: "figures" },
        make("thead", {}, make("tr", {}, saying(make("th", { scope: "col" }), "setting"), saying(make("th", { scope: "col" }), "value"))),
        make("tbody", {}, settings.map(([key, value]) => make("tr", {}, make("td", {}, make("code", {}, key)), make("td", {}, String(value))))),
      ),
    );
  }
}

function showEvaluation() {
  const drawn = Array.isArray(result?.rows) ? benchmark(result) : evaluation(result);
  byId("evaluation").replaceChildren(
    ...(drawn ?? [make("p", { class: "notice", role: "alert" }, saying(make("span"), "not_a_result"))]),
  );
}

/** Draw what `ragedge eval --json` wrote; null where that is not what it is. */
function evaluation(found) {
  const metrics = Object.entries(found?.metrics ?? {}).filter(([, one]) => Number.isFinite(one?.value));
  if (!metrics.length) return null;
  const rows = metrics.map(([name, one]) => ({ name, value: one.value, low: one.low, high: one.high }));
  const shares = rows.every((row) => row.value >= 0 && row.value <= 1);
  const table = rows.map((row) => [row.name, decimal(row.value, 4), row.low === undefined ? "" : `${decimal(row.low, 4)} – ${decimal(row.high, 4)}`]);
  return [
    saying(make("h3"), "of_questions", { name: found.dataset ?? "", queries: found.queries ?? "" }),
    intervals(rows, { label: say("evaluation"), format: short, ...(shares ? { from: 0, to: 1 } : {}) }),
    numbers(["metric", "value", "interval"], table),
  ];
}

/** Draw what `ragedge bench --json` wrote, by length of the prompt; null where that is not what it is. */
function benchmark(found) {
  const rows = found.rows.filter((row) => Number.isFinite(row?.ttft_ms?.p50) && Number.isFinite(row?.decode_tok_s));
  if (!rows.length) return null;
  const name = (row) => say("bench_row", { prompt: row.prompt_tokens, context: row.context });
  const waits = rows.map((row) => ({ name: name(row), value: row.ttft_ms.p50, low: row.ttft_ms.p50, high: row.ttft_ms.p95 }));
  const rates = rows.map((row) => ({ name: name(row), value: row.decode_tok_s }));
  const table = rows.map((row) => [name(row), short(row.ttft_ms.p50), short(row.ttft_ms.p95), short(row.decode_tok_s), row.rss_mb === null ? "" : short(row.rss_mb)]);
  return [
    make("h3", {}, `${found.model ?? ""} · ${found.machine?.processor ?? ""}`),
    saying(make("p", { class: "small" }), "bench_ttft"),
    intervals(waits, { label: say("bench_ttft"), format: short, from: 0, to: 0 }),
    saying(make("p", { class: "small" }), "bench_rate"),
    intervals(rates, { label: say("bench_rate"), format: short, from: 0, to: 0 }),
    numbers(["bench_prompt", "bench_p50", "bench_p95", "bench_rate", "bench_memory"], table),
  ];
}

const same = (a, b) => JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());

function kindOf(trial, found) {
  if (!Object.keys(trial.changes).length) return "now";
  return same(trial.changes, found.best_settings ?? found.settings) ? "best" : "tried";
}

const changesOf = (trial) => Object.entries(trial.changes).map(([key, value]) => `${key} = ${value}`).join(", ") || say("no_change");

const titleOf = (trial) => `${changesOf(trial)}\n${decimal(trial[SHARE], 4)}, ${decimal(trial.search_ms, 2)} ms`;

function legend() {
  return make(
    "p", { class: "legend" },
    ["now", "best", "tried"].map((kind) => make("span", {}, make("i", { class: `key ${kind}`, "aria-hidden": "true" }), saying(make("span"), kind))),
  );
}

const short = (value) => value.toLocaleString(document.documentElement.lang, { maximumSignificantDigits: 3 });
const signed = (value) => `${value > 0 ? "+" : ""}${short(value)}`;
