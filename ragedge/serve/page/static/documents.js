// The documents: what is there, what comes in by drop with its progress, and what goes.

import { askForKey, get, key, readEvents, send } from "./api.js";
import { knowDocuments } from "./ask.js";
import { askInDialog, byId, make } from "./dom.js";
import { announce, count, labelled, say, saying } from "./say.js";
import { showPlace } from "./sheet.js";

const APPLIES = ["model", "variant", "market", "year", "revision"];
let queue = Promise.resolve();
let documents = [];

export function startDocuments() {
  const files = byId("files");
  byId("choose").addEventListener("click", () => files.click());
  files.addEventListener("change", () => {
    takeIn([...files.files]);
    files.value = "";
  });
  const drop = byId("drop");
  // A file that misses the box must not replace the page either.
  for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
  document.addEventListener("dragover", (event) => drop.classList.toggle("over", event.dataTransfer?.types.includes("Files")));
  for (const kind of ["dragleave", "drop"]) document.addEventListener(kind, () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    const dropped = [...(event.dataTransfer?.files ?? [])];
    if (!dropped.length) return;
    location.hash = "#documents";
    takeIn(dropped);
  });
  document.addEventListener("languagechosen", list);
}

export async function showDocuments() {
  ({ documents } = await get("/documents"));
  knowDocuments(documents);
  list();
}

function takeIn(files) {
  const meta = ["model", "year"]
    .map((name) => [name, byId(`meta-${name}`).value.trim()])
    .filter(([, value]) => value)
    .map(([name, value]) => `meta=${encodeURIComponent(`${name}=${value}`)}`)
    .join("&");
  for (const file of files) {
    const row = new Row(file.name);
    byId("uploads").prepend(row.element);
    // One after the other: the server reads them so, and each has its own progress.
    queue = queue.then(() => upload(file, meta, row)).catch((error) => row.fail(error.message));
  }
}

async function upload(file, meta, row) {
  for (;;) {
    const { status, report, error } = await put(file, meta, row);
    if (status === 401 && (await askForKey())) continue;
    if (error) return row.fail(error);
    row.finish(report);
    return showDocuments();
  }
}

/** Send a file. XMLHttpRequest: it alone tells how much of a body has been sent. */
function put(file, meta, row) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    let read = 0;
    let outcome = {};
    const take = () => {
      if (request.status !== 200) return;
      const [events, rest] = readEvents(request.responseText.slice(read));
      read = request.responseText.length - rest.length;
      for (const [event, data] of events) {
        if (event === "progress") row.stage(data);
        else if (event === "report") outcome = { report: data };
        else if (event === "error") outcome = { error: data.error.message };
      }
    };
    request.open("PUT", `/ragedge/v1/documents/${encodeURIComponent(file.name)}${meta ? `?${meta}` : ""}`);
    request.setRequestHeader("accept", "text/event-stream");
    for (const [name, value] of Object.entries(key.headers())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => row.sending(event.loaded, event.total));
    request.addEventListener("progress", take);
    request.addEventListener("load", () => {
      take();
      if (request.status !== 200) outcome = { error: refusal(request) };
      else if (!outcome.report && !outcome.error) outcome = { error: say("error_offline") };
      resolve({ status: request.status, ...outcome });
    });
    request.addEventListener("error", () => resolve({ status: 0, error: say("error_offline") }));
    request.send(file);
  });
}

function refusal(request) {
  try {
    return JSON.parse(request.responseText).error.message;
  } catch {
    return `${request.status}`;
  }
}

/** One file on its way in. */
class Row {
  constructor(name) {
    this.name = name;
    this.words = saying(make("span", { class: "small" }), "upload_queued");
    this.bar = make("progress", { max: "1", "aria-label": name });
    this.element = make("li", {}, make("div", { class: "line" }, make("strong", {}, name), this.words), this.bar);
  }

  sending(done, total) {
    saying(this.words, "upload_sending");
    this.bar.value = total ? done / total : 0;
  }

  stage({ stage, done, total }) {
    const name = stage.startsWith("embedding") ? "embedding" : stage;
    saying(this.words, `upload_${name}`);
    // Reading one file has no steps of its own: the bar says only that it goes on.
    if (name === "reading files" || !total) this.bar.removeAttribute("value");
    else this.bar.value = done / total;
  }

  finish(report) {
    saying(this.words, report.unchanged.length ? "upload_unchanged" : "upload_done");
    this.element.classList.add("done");
    this.bar.value = 1;
    for (const { pages } of report.unread_pages) {
      this.element.append(saying(make("p", { class: "small" }), "unread", { count: pages.length }));
    }
    announce(`${this.name}: ${this.words.textContent}`);
  }

  fail(why) {
    saying(this.words, "upload_failed", { why });
    this.element.classList.add("failed");
    this.bar.hidden = true;
    announce(`${this.name}: ${this.words.textContent}`);
  }
}

function list() {
  const box = byId("documents-list");
  if (!documents.length) {
    box.replaceChildren();
    return;
  }
  const heads = ["document_name", "pages_head", "applies_to"].map((name) => saying(make("th", { scope: "col" }), name));
  box.replaceChildren(
    make(
      "table", { class: "documents" },
      make("thead", {}, make("tr", {}, heads, make("td"))),
      make("tbody", {}, documents.map(row)),
    ),
  );
}

function row(one) {
  const applies = APPLIES.filter((name) => one.metadata[name] !== undefined).map((name) =>
    make("span", { class: "chip", title: name }, String(one.metadata[name])),
  );
  const replaced = one.superseded_by ? saying(make("p", { class: "small" }), "superseded", { by: one.superseded_by }) : null;
  const show = () => showPlace({ source: one.source, page: 1, page_label: null, quotes: [] }, true);
  return make(
    "tr", {},
    make("th", { scope: "row" }, make("button", { class: "link", type: "button", on: { click: show } }, one.source), replaced),
    make("td", { class: "number" }, count(one.pages, "page_one", "page_many")),
    make("td", {}, applies),
    make("td", { class: "end" }, removing(one)),
  );
}

function removing(one) {
  const button = saying(make("button", { class: "quiet", type: "button", on: { click: () => remove(one) } }), "remove");
  labelled(button, "remove");
  button.setAttribute("aria-label", `${say("remove")}: ${one.source}`);
  delete button.dataset.sayLabel;
  return button;
}

async function remove(one) {
  const sure = await askInDialog(
    saying(make("h2", { id: "dialog-title" }), "remove_title"),
    [saying(make("p"), "remove_text", { source: one.source })],
    [
      saying(make("button", { class: "quiet", value: "", autofocus: true }), "cancel"),
      saying(make("button", { class: "primary danger", value: "yes" }), "remove"),
    ],
  );
  if (!sure) return;
  try {
    await send(`/documents/${encodeURIComponent(one.source)}`, { method: "DELETE" });
    showPlace(null);
    announce(say("removed", { source: one.source }));
    await showDocuments();
    byId("documents-title").focus();
  } catch (error) {
    byId("uploads").prepend(make("li", { class: "failed", role: "alert" }, error.message));
  }
}
