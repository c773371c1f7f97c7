// The sheet beside the answer: a page as it is printed, with the quoted words highlighted, or as text.

import { get, query, send } from "./api.js";
import { byId, draw, make } from "./dom.js";
import { announce, labelled, say, saying } from "./say.js";
import { textOf } from "./text_view.js";

const sheet = byId("sheet");
const stage = byId("stage");
const narrow = window.matchMedia("(max-width: 60rem)");
const WIDEST = 3000;
const ZOOMS = [1, 1.5, 2.2];

let shown = null; // the place, what is known of its page, and how it is looked at
let opener = null;
let turn = 0; // only the latest answer of the server is shown

/** Show a place; one that the reader did not ask for is not pushed over what is being read on a small screen. */
export async function showPlace(place, asked = false) {
  if (!place) {
    close();
    return;
  }
  if (!asked && (narrow.matches || (shown && shown.chosen))) return;
  if (asked && !sheet.contains(document.activeElement)) opener = document.activeElement;
  const mine = ++turn;
  const page = place.page ?? 1;
  const same = shown?.known && shown.place.source === place.source && (shown.place.page ?? 1) === page;
  if (!same) frame(place);
  open(asked);
  const quote = place.quotes.map(({ start, end }) => `${start}-${end}`);
  try {
    const known = await get(query("/pages", { source: place.source, page, quote }));
    if (mine !== turn) return;
    shown = { place, known, chosen: asked, view: same ? shown.view : "picture", zoom: same ? shown.zoom : 0, image: same ? shown.image : null };
    fill();
    announce(say("page_of", { page, pages: known.pages }));
  } catch (error) {
    if (mine !== turn) return;
    sheet.querySelector(".paper")?.replaceChildren(make("p", { class: "notice" }, error.message));
  }
}

/** Let the next answer bring its page into view, also in place of one that the reader chose. */
export function letGo() {
  if (shown) shown.chosen = false;
}

export function startSheet() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !sheet.hidden && !byId("dialog").open) close();
  });
  narrow.addEventListener("change", cover);
}

function open(asked) {
  sheet.hidden = false;
  stage.classList.add("with-sheet");
  cover();
  if (asked && narrow.matches) sheet.focus();
}

/** On a small screen the sheet lies over everything: what is below it cannot be reached. */
function cover() {
  const over = narrow.matches && !sheet.hidden;
  for (const part of [byId("main"), document.querySelector(".top"), document.querySelector(".foot")]) part.inert = over;
  document.documentElement.classList.toggle("covered", over);
}

function close() {
  if (sheet.hidden) return;
  turn += 1;
  release(shown?.image);
  shown = null;
  sheet.hidden = true;
  sheet.replaceChildren();
  stage.classList.remove("with-sheet");
  cover();
  if (opener?.isConnected) opener.focus();
  opener = null;
}

const release = (image) => image && URL.revokeObjectURL(image.src);

function frame(place) {
  release(shown?.image);
  shown = null;
  const paper = make("div", { class: "paper" }, saying(make("p", { class: "status" }), "loading_page"));
  sheet.replaceChildren(head(place), paper);
}

function head(place, known) {
  const closing = labelled(make("button", { class: "icon close", type: "button", on: { click: close } }), "close");
  const name = make("div", { class: "name" }, make("h2", {}, place.source));
  if (known && known.pages > 1) {
    const values = { page: known.page ?? 1, pages: known.pages };
    name.append(saying(make("p", { class: "small" }), "page_of", values));
  }
  return make("div", { class: "sheet-head" }, name, closing);
}

function fill() {
  const { place, known } = shown;
  const words = make("p", { class: "small hint", role: "note" });
  const key = hint();
  if (key) saying(words, key);
  const paper = labelled(make("div", { class: "paper", tabindex: "0", role: "group" }), "page_of", { page: known.page ?? 1, pages: known.pages });
  sheet.replaceChildren(head(place, known), tools(), paper, ...(key && words.textContent ? [words] : []));
  if (known.picture && shown.view === "picture") picture(paper);
  else {
    paper.classList.add("reading");
    paper.append(textOf(known));
    toMark(paper, paper.querySelector("mark"), false);
  }
}

function hint() {
  const { known, view } = shown;
  if (!known.picture) return `missing_${known.picture_missing.code}`;
  if (!known.quotes.length || view === "text") return null;
  return known.quotes.some((quote) => quote.boxes.length) ? "quote_shown" : "quote_not_placed";
}

function tools() {
  const { place, known, view, zoom } = shown;
  const page = known.page ?? 1;
  const turnTo = (to) => showPlace({ source: place.source, page: to, quotes: [] }, true);
  const button = (name, key, enabled, click) => {
    const made = labelled(make("button", { class: `icon ${name}`, type: "button", dataset: { tool: name }, on: { click } }), key);
    made.disabled = !enabled;
    return made;
  };
  const choice = (name, key) =>
    saying(
      make("button", { type: "button", "aria-pressed": String(view === name), dataset: { tool: name }, on: { click: () => change(name, { view: name }) } }),
      key,
    );
  const bar = make("div", { class: "tools" });
  if (known.pages > 1) {
    bar.append(
      make("div", { class: "group" }, button("previous", "previous_page", page > 1, () => turnTo(page - 1)), button("next", "next_page", page < known.pages, () => turnTo(page + 1))),
    );
  }
  if (known.picture) {
    bar.append(make("div", { class: "group choice" }, choice("picture", "as_picture"), choice("text", "as_text")));
    if (view === "picture") {
      bar.append(
        make(
          "div", { class: "group" },
          button("minus", "smaller", zoom > 0, () => change("minus", { zoom: zoom - 1 })),
          button("plus", "larger", zoom < ZOOMS.length - 1, () => change("plus", { zoom: zoom + 1 })),
        ),
      );
    }
  }
  return bar;
}

/** Look at the page differently, and keep the focus on what was pressed. */
function change(tool, values) {
  Object.assign(shown, values);
  fill();
  const pressed = sheet.querySelector(`[data-tool="${tool}"]`);
  (pressed.disabled ? sheet.querySelector(".paper") : pressed).focus();
}

async function picture(paper) {
  const { place, known, zoom } = shown;
  const page = known.page ?? 1;
  const { width, height } = known.picture;
  const marks = draw("svg", { class: "marks", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const quote of known.quotes) {
    for (const [left, top, right, bottom] of quote.boxes) {
      marks.append(draw("rect", { x: left * width - 1.5, y: top * height, width: (right - left) * width + 3, height: (bottom - top) * height, rx: 2 }));
    }
  }
  const leaf = make("div", { class: `leaf zoom-${zoom}` }, marks);
  paper.replaceChildren(leaf);
  const pixels = Math.min(WIDEST, Math.ceil((paper.clientWidth * ZOOMS[zoom] * Math.min(2, devicePixelRatio)) / 200) * 200);
  if (!shown.image || shown.pixels < pixels) {
    const mine = turn;
    try {
      const response = await send(query("/pages/picture", { source: place.source, page, width: Math.max(800, pixels) }), { accept: "image/*" });
      const blob = await response.blob();
      if (mine !== turn || !shown) return;
      release(shown.image);
      shown.image = make("img", { src: URL.createObjectURL(blob) });
      shown.pixels = pixels;
    } catch (error) {
      if (mine === turn) paper.replaceChildren(make("p", { class: "notice" }, error.message));
      return;
    }
  }
  const values = { page, source: place.source };
  shown.image.setAttribute("alt", say("picture_of", values));
  shown.image.width = width;
  shown.image.height = height;
  leaf.prepend(shown.image);
  toMark(paper, marks.firstElementChild, zoom > 0);
}

/** Scroll the sheet to what is quoted; unlike scrollIntoView it leaves the page behind it where it is. */
function toMark(paper, mark, sideways) {
  if (!mark) return;
  const [first, box] = [mark.getBoundingClientRect(), paper.getBoundingClientRect()];
  paper.scrollTop += first.top - box.top - box.height / 3;
  if (sideways) paper.scrollLeft += first.left - box.left - 24;
}
