// Talks to the server that the page came from, and to nothing else.

import { askInDialog, make } from "./dom.js";
import { say, saying } from "./say.js";

const PREFIX = "/ragedge/v1";
const KEPT_KEY = "ragedge.key";

export class Refused extends Error {
  constructor(message, status, retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEPT_KEY) ?? "",
  headers: () => (key.get() ? { authorization: `Bearer ${key.get()}` } : {}),
};

let asking = null;

/** Ask for the server's key, once for all that wait for it; false where the reader has none. */
export function askForKey() {
  asking ??= (async () => {
    const wrong = Boolean(key.get());
    const field = make("input", { type: "password", id: "key", required: true, autocomplete: "current-password", autofocus: true });
    const value = await askInDialog(
      saying(make("h2", { id: "dialog-title" }), "key_title"),
      [
        saying(make("p"), wrong ? "key_wrong" : "key_text"),
        make("label", { for: "key" }, saying(make("span"), "key"), field),
      ],
      [
        saying(make("button", { class: "quiet", value: "", formnovalidate: true }), "cancel"),
        saying(make("button", { class: "primary", value: "ok" }), "ok"),
      ],
      () => field.value,
    );
    if (value) sessionStorage.setItem(KEPT_KEY, value);
    asking = null;
    return Boolean(value);
  })();
  return asking;
}

/** Send a request; a refusal becomes `Refused`, in words for the reader. */
export async function send(path, options = {}) {
  const { method = "GET", body, signal, accept = "application/json", keepalive } = options;
  for (;;) {
    const headers = { accept, ...key.headers(), ...(body === undefined ? {} : { "content-type": "application/json" }) };
    const packed = body === undefined ? undefined : JSON.stringify(body);
    let response;
    try {
      response = await fetch(PREFIX + path, { method, headers, body: packed, signal, keepalive, credentials: "omit" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(say("error_offline"), 0);
    }
    if (response.ok) return response;
    if (response.status === 401 && !keepalive && (await askForKey())) continue;
    throw await refusal(response);
  }
}

export const get = async (path, options) => (await send(path, options)).json();

export function query(path, values) {
  const pairs = Object.entries(values).flatMap(([name, value]) =>
    [value].flat().filter((one) => one !== null && one !== undefined).map((one) => [name, one]),
  );
  return `${path}?${new URLSearchParams(pairs)}`;
}

/** Yield `[event, data]` of a stream of server-sent events. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const [parsed, rest] = readEvents(text);
    text = rest;
    yield* parsed;
  }
}

/** Return the whole events in a text, and what is left of it. */
export function readEvents(text) {
  const blocks = text.split("\n\n");
  const rest = blocks.pop();
  const found = [];
  for (const block of blocks) {
    const field = (name) =>
      block.split("\n").filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2)).join("\n");
    if (field("data")) found.push([field("event"), JSON.parse(field("data"))]);
  }
  return [found, rest];
}

async function refusal(response) {
  const wait = Number(response.headers.get("retry-after")) || null;
  if (response.status === 429 && wait) return new Refused(say("error_busy", { seconds: wait }), 429, wait);
  try {
    const { error } = await response.json();
    return new Refused(error.message, response.status, wait);
  } catch {
    return new Refused(`${response.status} ${response.statusText}`, response.status, wait);
  }
}
