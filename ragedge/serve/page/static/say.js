// Says things in the reader's language, and says them again when that changes.

import de from "./words_de.js";
import en from "./words_en.js";
import ja from "./words_ja.js";

const WORDS = { en, ja, de };
const KEPT = "ragedge.language";
let language = "en";

/** Return a phrase; `{name}` in it stands for a value. */
export function say(key, values = {}) {
  const phrase = WORDS[language][key] ?? en[key] ?? key;
  return phrase.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Let an element say a phrase, now and after the language changes. */
export function saying(element, key, values = {}) {
  element.dataset.say = key;
  element.dataset.sayValues = JSON.stringify(values);
  element.textContent = say(key, values);
  return element;
}

/** Give an element an accessible name that follows the language. */
export function labelled(element, key, values = {}) {
  element.dataset.sayLabel = key;
  element.dataset.sayValues = JSON.stringify(values);
  element.setAttribute("aria-label", say(key, values));
  return element;
}

export const count = (number, one, many) => (number === 1 ? say(one) : say(many, { count: number.toLocaleString(language) }));

export const decimal = (number, digits) =>
  number.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const chosenLanguage = () => language;

export function chooseLanguage(name) {
  language = name in WORDS ? name : "en";
  document.documentElement.lang = language;
  try {
    localStorage.setItem(KEPT, language);
  } catch {
    // A browser that keeps nothing is asked for its language again.
  }
  translate(document);
  document.dispatchEvent(new CustomEvent("languagechosen"));
}

export function firstLanguage() {
  let kept = null;
  try {
    kept = localStorage.getItem(KEPT);
  } catch {
    // as above
  }
  const wanted = [kept, ...navigator.languages].filter(Boolean).map((tag) => tag.slice(0, 2));
  return wanted.find((tag) => tag in WORDS) ?? "en";
}

function translate(root) {
  for (const element of root.querySelectorAll("[data-say], [data-say-label], [data-say-placeholder]")) {
    const { say: text, sayLabel: label, sayPlaceholder: placeholder, sayValues } = element.dataset;
    const values = sayValues ? JSON.parse(sayValues) : {};
    if (text) element.textContent = say(text, values);
    if (label) element.setAttribute("aria-label", say(label, values));
    if (placeholder) element.setAttribute("placeholder", say(placeholder, values));
  }
}

/** Tell a screen reader something that the eye sees elsewhere. */
export function announce(text) {
  document.getElementById("live").textContent = text;
}
