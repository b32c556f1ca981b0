// operations.js: what was requested of a node, by whom and why, newest first.
import { count, element, make, replaceIfChanged, setText } from "./dom.js";
import { timeElement } from "./times.js";

function operationRow({ time, action, by, reason }) {
  const row = make("tr");
  const when = make("td");
  when.append(timeElement(time));
  const what = make("th", "", action);
  what.scope = "row";
  const why = make("td", "message");
  why.append(make("div", "clamped", reason || "–"));
  why.title = reason;
  row.append(when, what, make("td", "", by || "the hub"), why);
  return row;
}

export function showOperations(operations) {
  replaceIfChanged(element("operations").tBodies[0], operations.map(operationRow));
  element("operations-card").hidden = operations.length === 0;
  element("operations-empty").hidden = operations.length > 0;
  setText(element("operations-count"), count(operations.length));
}
