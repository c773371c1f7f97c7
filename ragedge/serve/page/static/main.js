// Starts the page: language, colours, and which of its views is shown.

import { refreshDocuments, startAsking } from "./ask.js";
import { showDocuments, startDocuments } from "./documents.js";
import { byId, make } from "./dom.js";
import { showResults, startResults } from "./results.js";
import { chooseLanguage, firstLanguage, say, saying } from "./say.js";
import { startSheet } from "./sheet.js";

const VIEWS = { ask: refreshDocuments, documents: showDocuments, results: showResults };
const KEPT_THEME = "ragedge.theme";

function showView(moved) {
  const wanted = location.hash.slice(1);
  const name = wanted in VIEWS ? wanted : "ask";
  for (const view of Object.keys(VIEWS)) byId(`view-${view}`).hidden = view !== name;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = name === "ask" ? "ragedge" : `${say(name)} · ragedge`;
  if (moved) window.scrollTo(0, 0);
  VIEWS[name]().catch((error) => {
    byId("notice").replaceChildren(make("div", { class: "notice" }, saying(make("strong"), "error"), make("p", {}, error.message)));
  });
}

function startTheme() {
  const select = byId("theme");
  let kept = null;
  try {
    kept = localStorage.getItem(KEPT_THEME);
  } catch {
    // A browser that keeps nothing follows the device.
  }
  const apply = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };
  select.value = ["light", "dark"].includes(kept) ? kept : "auto";
  apply(select.value);
  select.addEventListener("change", () => {
    apply(select.value);
    try {
      localStorage.setItem(KEPT_THEME, select.value);
    } catch {
      // as above
    }
  });
}

function startLanguage() {
  const select = byId("language");
  const first = firstLanguage();
  select.value = first;
  chooseLanguage(first);
  select.addEventListener("change", () => chooseLanguage(select.value));
}

/** A link to #main would choose a view: the skip link moves the focus alone. */
function startSkipping() {
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("main").focus();
  });
}

startSkipping();
startTheme();
startLanguage();
startAsking();
startSheet();
startDocuments();
startResults();
window.addEventListener("hashchange", () => showView(true));
showView(false);
byId("question").focus();
