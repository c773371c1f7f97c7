// Builds and finds elements. Nothing here, or anywhere on the page, parses text as HTML.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** Make an element; `on` holds listeners, `dataset` data, everything else are attributes. */
export function make(tag, options = {}, ...children) {
  return filled(document.createElement(tag), options, children);
}

export function draw(tag, options = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), options, children);
}

function filled(element, options, children) {
  for (const [name, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Ask a question in the page's dialog; resolves to what `answer` returns, or null when it is dismissed. */
export function askInDialog(title, content, buttons, answer = (value) => value) {
  const dialog = byId("dialog");
  const before = document.activeElement;
  return new Promise((resolve) => {
    const form = make("form", { method: "dialog" }, title, ...content, make("p", { class: "buttons" }, ...buttons));
    dialog.replaceChildren(form);
    dialog.returnValue = "";
    dialog.addEventListener(
      "close",
      () => {
        const value = dialog.returnValue;
        resolve(value ? answer(value) : null);
        if (before?.isConnected) before.focus();
      },
      { once: true },
    );
    dialog.showModal();
  });
}
