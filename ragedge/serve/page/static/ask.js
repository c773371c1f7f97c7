// The question, its filters, and the answers, newest first.

import { AnswerCard, holdings } from "./answer.js";
import { events, get, send } from "./api.js";
import { byId, make } from "./dom.js";
import { announce, say, saying } from "./say.js";
import { letGo, showPlace } from "./sheet.js";

const FILTERS = ["model", "year"];
const field = byId("question");
let conversation = newName();
let asking = null;
let documents = [];

function newName() {
  return `page-${Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

export function startAsking() {
  byId("ask-form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask(field.value.trim());
  });
  field.addEventListener("keydown", (event) => {
    // A Japanese input method ends a conversion with Enter: that asks nothing.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      ask(field.value.trim());
    }
  });
  field.addEventListener("input", fit);
  byId("stop").addEventListener("click", () => asking?.abort());
  byId("fresh").addEventListener("click", beginAnew);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, dialog");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      // At once, not when the address has changed: what is typed next belongs in the field.
      if (byId("view-ask").hidden) {
        history.pushState(null, "", "#ask");
        window.dispatchEvent(new HashChangeEvent("hashchange"));
      }
      field.focus();
    }
  });
  window.addEventListener("pagehide", (event) => {
    if (!event.persisted) forget(true);
  });
  document.addEventListener("languagechosen", () => knowDocuments(documents));
}

/** Take in which documents there are: what can be asked, and by what it can be narrowed. */
export function knowDocuments(found) {
  documents = found;
  const line = byId("holdings");
  if (found.length) {
    line.replaceChildren(holdings(found.length, found.reduce((sum, one) => sum + one.pages, 0)));
  } else {
    line.replaceChildren(say("holds_nothing"), " ", saying(make("a", { href: "#documents" }), "add_first"));
  }
  const chosen = where();
  const selects = FILTERS.map((name) => select(name, chosen[name])).filter(Boolean);
  const box = byId("filters");
  box.replaceChildren(box.firstElementChild, ...selects);
  box.hidden = selects.length === 0;
}

function select(name, chosen) {
  const values = [...new Set(documents.map((one) => one.metadata[name]).filter((value) => value !== undefined))];
  if (!values.length) return null;
  values.sort((a, b) => String(a).localeCompare(String(b), undefined, { numeric: true }));
  const options = values.map((value) => {
    const option = make("option", { value: JSON.stringify(value) }, String(value));
    option.selected = value === chosen;
    return option;
  });
  return make(
    "label", {},
    saying(make("span"), name),
    make("select", { id: `filter-${name}` }, saying(make("option", { value: "" }), `any_${name}`), options),
  );
}

function where() {
  const chosen = {};
  for (const name of FILTERS) {
    const value = byId(`filter-${name}`)?.value;
    if (value) chosen[name] = JSON.parse(value);
  }
  return chosen;
}

async function ask(question) {
  if (!question || asking) return;
  asking = new AbortController();
  busy(true);
  byId("notice").replaceChildren();
  letGo();
  const card = new AnswerCard(question, showPlace);
  byId("answers").prepend(card.element);
  byId("view-ask").classList.add("begun");
  field.value = "";
  fit();
  announce(say("searching"));
  const filter = where();
  const body = { question, stream: true, session: conversation, ...(Object.keys(filter).length ? { where: filter } : {}) };
  try {
    const response = await send("/ask", { method: "POST", body, signal: asking.signal, accept: "text/event-stream" });
    for await (const [event, data] of events(response)) {
      if (event === "sentence") card.sentence(data);
      else if (event === "answer") card.finish(data);
      else if (event === "error") throw new Error(data.error.message);
    }
    if (!card.answer) throw new Error(say("error_offline"));
  } catch (error) {
    if (error.name === "AbortError") card.stop();
    else card.fail(error);
  } finally {
    asking = null;
    busy(false);
    byId("fresh").hidden = false;
  }
}

function busy(now) {
  const held = document.activeElement === byId(now ? "send" : "stop");
  byId("send").hidden = now;
  byId("stop").hidden = !now;
  if (held) byId(now ? "stop" : "send").focus();
}

async function beginAnew() {
  asking?.abort();
  await forget(false).catch(() => {});
  conversation = newName();
  byId("answers").replaceChildren();
  byId("view-ask").classList.remove("begun");
  byId("fresh").hidden = true;
  saying(byId("notice"), "fresh_done");
  showPlace(null);
  field.focus();
}

/** Let the server forget the conversation: its turns are kept for follow-up questions alone. */
async function forget(leaving) {
  if (byId("fresh").hidden) return;
  await send(`/sessions/${conversation}`, { method: "DELETE", keepalive: leaving });
}

/** Let the field be as high as what is written. */
function fit() {
  field.rows = Math.min(6, Math.max(1, field.value.split("\n").length, Math.ceil(field.value.length / 70)));
}

export const refreshDocuments = async () => knowDocuments((await get("/documents")).documents);
