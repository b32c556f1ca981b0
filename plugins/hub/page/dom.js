// dom.js: elements, times and numbers. All data from nodes gets onto the page through here,
// as text, never as markup.

export const element = (id) => document.getElementById(id);

export function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function tag(kind, text) {
  return make("span", kind ? `tag ${kind}` : "tag", text);
}

// Leaves the page, and with it the reader's selection, alone where nothing has changed.
export function replaceIfChanged(parent, children) {
  const isSame = parent.children.length === children.length &&
    children.every((child, index) => child.isEqualNode(parent.children[index]));
  if (!isSame) parent.replaceChildren(...children);
}

export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function link(path, text) {
  const made = make("a", "", text);
  made.href = path;
  return made;
}

export const clusterPath = (cluster) => `/clusters/${encodeURIComponent(cluster)}`;
export const nodePath = (cluster, node) =>
  `${clusterPath(cluster)}/nodes/${encodeURIComponent(node)}`;

// Compares texts so that execute-9 comes before execute-10.
export const natural = new Intl.Collator("en", { numeric: true });

const whole = new Intl.NumberFormat("en");
export const count = (number) => whole.format(number);

// ---- states ----------------------------------------------------------------------------------

// Worst first, each with its tag. Others are shown as they are, without a colour.
export const PHASES = new Map([["Failed", "error"], ["Stopping", "warn"], ["Installing", "info"],
  ["Preparing", "waiting"], ["Ready", "ok"], ["Off", "idle"], ["Terminated", "idle"]]);
export const CONDITIONS = new Map([["Error", "error"], ["Warning", "warn"], ["NA", "idle"],
  ["OK", "ok"]]);

// The position in a map's order; unknown keys come last.
export function rank(order, name) {
  const place = [...order.keys()].indexOf(name);
  return place < 0 ? order.size : place;
}

// ---- times -----------------------------------------------------------------------------------

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "long" });

export function apart(date) {
  const seconds = Math.round((date - Date.now()) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  if (size < 60) return relative.format(seconds, "second");
  if (size < 3600) return relative.format(Math.round(seconds / 60), "minute");
  if (size < 86400) return relative.format(Math.round(seconds / 3600), "hour");
  return relative.format(Math.round(seconds / 86400), "day");
}

// A point in time as a <time>; any other text as it is.
export function timeElement(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return make("span", "", String(iso));
  const made = make("time", "", apart(date));
  made.dateTime = iso;
  made.title = exact.format(date);
  return made;
}

export function refreshTimes() {
  for (const time of document.querySelectorAll("time"))
    setText(time, apart(new Date(time.dateTime)));
}

// "until" of a keep-alive: null when there is none, or it has expired.
export function keepAlive(until) {
  if (!until) return null;
  if (until === "forever") return make("span", "", "forever");
  return new Date(until) < Date.now() ? null : timeElement(until);
}
