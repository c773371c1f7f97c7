// Plots as inline SVG, with their numbers in a table beside them for whoever does not see them.

import { draw, make } from "./dom.js";
import { saying } from "./say.js";

const WIDTH = 640;
const MARGIN = { left: 56, right: 20, top: 30, bottom: 44 };

/** Draw points in a plane: `{x, y, kind, title}`; kinds are classes of the style sheet. */
export function scatter(points, { x: xName, y: yName, label, format }) {
  const height = 340;
  const x = scale(points.map((point) => point.x), MARGIN.left, WIDTH - MARGIN.right, 5);
  const y = scale(points.map((point) => point.y), height - MARGIN.bottom, MARGIN.top, 5);
  const plot = frame(height, label);
  for (const tick of x.ticks) {
    plot.append(
      draw("line", { class: "grid", x1: x.at(tick), x2: x.at(tick), y1: MARGIN.top, y2: height - MARGIN.bottom }),
      draw("text", { class: "tick", x: x.at(tick), y: height - MARGIN.bottom + 18, "text-anchor": "middle" }, format.x(tick)),
    );
  }
  for (const tick of y.ticks) {
    plot.append(
      draw("line", { class: "grid", x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y.at(tick), y2: y.at(tick) }),
      draw("text", { class: "tick", x: MARGIN.left - 8, y: y.at(tick) + 4, "text-anchor": "end" }, format.y(tick)),
    );
  }
  plot.append(
    draw("text", { class: "axis", x: WIDTH - MARGIN.right, y: height - 6, "text-anchor": "end" }, xName),
    draw("text", { class: "axis", x: 4, y: 11 }, yName),
  );
  for (const point of points) {
    const dot = draw("circle", { class: `dot ${point.kind}`, cx: x.at(point.x), cy: y.at(point.y), r: point.kind === "tried" ? 4 : 7 });
    dot.append(draw("title", {}, point.title));
    plot.append(dot);
  }
  return plot;
}

/** Draw values with their intervals, one a row: `{name, value, low, high}`; `zero` draws a line at zero. */
export function intervals(rows, { label, format, from, to, zero = false }) {
  const left = 150;
  const height = 30 * rows.length + 44;
  const all = rows.flatMap((row) => [row.value, row.low ?? row.value, row.high ?? row.value]);
  const x = scale([...all, ...(zero ? [0] : []), ...(from === undefined ? [] : [from, to])], left, WIDTH - 70, 5);
  const plot = frame(height, label);
  for (const tick of x.ticks) {
    plot.append(
      draw("line", { class: zero && tick === 0 ? "zero" : "grid", x1: x.at(tick), x2: x.at(tick), y1: 8, y2: height - 32 }),
      draw("text", { class: "tick", x: x.at(tick), y: height - 14, "text-anchor": "middle" }, format(tick)),
    );
  }
  rows.forEach((row, number) => {
    const middle = 24 + 30 * number;
    plot.append(draw("text", { class: "name", x: left - 12, y: middle + 4, "text-anchor": "end" }, row.name));
    if (row.low !== null && row.low !== undefined) {
      plot.append(draw("line", { class: "whisker", x1: x.at(row.low), x2: x.at(row.high), y1: middle, y2: middle }));
    }
    plot.append(
      draw("circle", { class: "dot best", cx: x.at(row.value), cy: middle, r: 6 }),
      draw("text", { class: "value", x: WIDTH - 4, y: middle + 4, "text-anchor": "end" }, format(row.value)),
    );
  });
  return plot;
}

/** Return numbers as a table that opens on demand. */
export function numbers(heads, rows) {
  return make(
    "details", {},
    saying(make("summary"), "as_table"),
    make(
      "div", { class: "scrolled", tabindex: "0", role: "group" },
      make(
        "table", { class: "figures" },
        make("thead", {}, make("tr", {}, heads.map((head) => saying(make("th", { scope: "col" }), head)))),
        make("tbody", {}, rows.map((row) => make("tr", {}, row.map((cell) => make("td", {}, String(cell)))))),
      ),
    ),
  );
}

function frame(height, label) {
  return draw("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label });
}

/** Return where values fall between two ends, and round ticks. */
function scale(values, start, end, count) {
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (high - low < 1e-9) {
    low -= Math.abs(low) * 0.05 || 0.5;
    high += Math.abs(high) * 0.05 || 0.5;
  }
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * power).find((candidate) => candidate >= rough);
  const first = Math.floor(low / step);
  const last = Math.ceil(high / step);
  const ticks = Array.from({ length: last - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(12)));
  const at = (value) => start + ((value - first * step) / ((last - first) * step)) * (end - start);
  return { at: (value) => Number(at(value).toFixed(2)), ticks };
}
