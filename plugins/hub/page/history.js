// history.js: how a node's phase and conditions changed, newest first.
import { CONDITIONS, STATES, count, element, make, replaceIfChanged, setText, tag } from "./dom.js";
import { timeElement } from "./times.js";

const MOST_SHOWN = 100;
const DAY = 86_400_000;
const RESTLESS = 4; // changes in a day that are worth a word

// "gpu changed 14 times in the last 24 hours"
function restless(history) {
  const since = Date.now() - DAY;
  const times = new Map();
  for (const { what, name, time } of history) {
    if (Date.parse(time) < since) continue;
    const of = what === "condition" ? name : what === "contact" ? "contact" : "the phase";
    times.set(of, (times.get(of) ?? 0) + 1);
  }
  return [...times].filter(([, number]) => number >= RESTLESS).sort(([, a], [, b]) => b - a)
    .map(([of, number]) => `${of} changed ${count(number)} times in the last 24 hours`).join("; ");
}

function historyRow({ time, what, name, status, message }) {
  const row = make("tr");
  const when = make("td");
  when.append(timeElement(time));
  const of = make("th", "", what === "condition" ? name : what === "contact" ? "Contact" : "Phase");
  of.scope = "row";
  const state = make("td");
  state.append(tag(STATES.get(status) ?? CONDITIONS.get(status) ?? "", status));
  const text = make("td", "message");
  text.append(make("div", "clamped", message || "–"));
  text.title = message;
  row.append(when, of, state, text);
  return row;
}

export function showHistory(history) {
  const shown = history.slice(-MOST_SHOWN).reverse();
  replaceIfChanged(element("history").tBodies[0], shown.map(historyRow));
  element("history-card").hidden = shown.length === 0;
  element("history-empty").hidden = shown.length > 0;
  setText(element("history-count"), count(history.length));
  setText(element("history-note"), restless(history));
}
