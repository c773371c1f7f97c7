// A page as it was read: headings, paragraphs and tables, with the quoted words marked.

import { make } from "./dom.js";

const CELL = " | ";
const FIRST_LEVEL = 3; // below the sheet's own heading

/** Return the page's text; offsets count code points, which a string's own indices do not. */
export function textOf(known) {
  const points = Array.from(known.text);
  const quotes = known.quotes;
  const text = make("div", { class: "text" });
  for (const block of known.blocks) {
    if (block.kind === "table") text.append(table(points, block, quotes));
    else if (block.kind === "heading") {
      const level = Math.min(6, FIRST_LEVEL + Math.max(0, (block.level ?? 1) - 1));
      text.append(make(`h${level}`, {}, marked(points, block.start, block.end, quotes)));
    } else text.append(make("p", { class: block.kind }, marked(points, block.start, block.end, quotes)));
  }
  if (!known.blocks.length) text.append(make("p", {}, marked(points, 0, points.length, quotes)));
  return text;
}

/** Return a run of text, cut where quotes begin and end. */
function marked(points, start, end, quotes) {
  const cuts = new Set([start, end]);
  for (const quote of quotes) {
    for (const cut of [quote.start, quote.end]) if (cut > start && cut < end) cuts.add(cut);
  }
  const order = [...cuts].sort((a, b) => a - b);
  return order.slice(1).map((to, place) => {
    const from = order[place];
    const part = points.slice(from, to).join("");
    const inside = part.trim() && quotes.some((quote) => quote.start < to && from < quote.end);
    return inside ? make("mark", {}, part) : document.createTextNode(part);
  });
}

function table(points, block, quotes) {
  const rows = [];
  let at = block.start;
  const lines = points.slice(block.start, block.end).join("").split("\n");
  lines.forEach((line, number) => {
    const head = number < (block.header_rows ?? 0);
    const cells = [];
    let start = at;
    for (const cell of line.split(CELL)) {
      const end = start + Array.from(cell).length;
      cells.push(make(head ? "th" : "td", head ? { scope: "col" } : {}, marked(points, start, end, quotes)));
      start = end + CELL.length;
    }
    rows.push(make("tr", {}, cells));
    at += Array.from(line).length + 1;
  });
  // What was read ends a row with its last filled cell.
  const width = Math.max(...rows.map((row) => row.children.length));
  for (const row of rows) while (row.children.length < width) row.append(make("td"));
  return make("table", {}, make("tbody", {}, rows));
}
