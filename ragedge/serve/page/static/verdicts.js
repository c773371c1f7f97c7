// What the reader says of a page, kept in the knowledge base for tuning.

import { get, send } from "./api.js";
import { make } from "./dom.js";
import { announce, say, saying } from "./say.js";

/** Return the buttons for one page: right and wrong for a page that was cited, right alone for one that was not. */
export function verdictButtons(question, place, kind) {
  const row = make("div", { class: "verdicts" });
  const offer = () => {
    const right = button(kind === "cited" ? "helped" : "answers_it", "up", () => give(true));
    const wrong = kind === "cited" ? button("wrong_page", "down", () => give(false)) : null;
    row.replaceChildren(...[right, wrong].filter(Boolean));
  };
  const give = async (right) => {
    const body = { question, source: place.source, right, ...(place.page ? { page: place.page } : {}) };
    try {
      const { id } = await get("/feedback", { method: "POST", body });
      const key = right ? "verdict_right" : "verdict_wrong";
      const undo = saying(make("button", { class: "link", type: "button", on: { click: () => takeBack(id) } }), "undo");
      row.replaceChildren(saying(make("span", { class: "given" }), key), undo);
      undo.focus();
      announce(say(key));
    } catch (error) {
      tell(error);
    }
  };
  const takeBack = async (id) => {
    try {
      await send(`/feedback/${id}`, { method: "DELETE" });
      offer();
      row.firstChild.focus();
      announce(say("undone"));
    } catch (error) {
      tell(error);
    }
  };
  const tell = (error) => {
    row.querySelector(".failed")?.remove();
    row.append(make("span", { class: "failed", role: "alert" }, error.message));
  };
  offer();
  return row;
}

function button(key, sign, click) {
  return make(
    "button", { class: "verdict", type: "button", on: { click } },
    make("span", { class: `thumb ${sign}`, "aria-hidden": "true" }),
    saying(make("span"), key),
  );
}
