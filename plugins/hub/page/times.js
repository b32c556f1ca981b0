// times.js: points in time, as the reader wants them: relative, local or UTC.
import { element, make, setText } from "./dom.js";
import { recall, remember } from "./memory.js";

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const SHORT = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
  second: "2-digit", hourCycle: "h23" };
const LONG = { dateStyle: "full", timeStyle: "long" };

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const FORMATS = {
  local: new Intl.DateTimeFormat("en-GB", SHORT),
  utc: new Intl.DateTimeFormat("en-GB", { ...SHORT, timeZone: "UTC" }),
};
const exact = { local: new Intl.DateTimeFormat("en-GB", LONG),
  utc: new Intl.DateTimeFormat("en-GB", { ...LONG, timeZone: "UTC" }) };

let mode = "relative";

export const isUtc = () => mode === "utc";
// For axes: the zone that the reader chose, by name.
export const zoneName = () => (isUtc() ? "UTC" : zone);

export function apart(date) {
  const seconds = Math.round((date - Date.now()) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  if (size < 60) return relative.format(seconds, "second");
  if (size < 3600) return relative.format(Math.round(seconds / 60), "minute");
  if (size < 86400) return relative.format(Math.round(seconds / 3600), "hour");
  return relative.format(Math.round(seconds / 86400), "day");
}

const shown = (date) => (mode === "relative" ? apart(date) : FORMATS[mode].format(date));

// A point in time as a <time>; any other text as it is.
export function timeElement(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return make("span", "", String(iso));
  const made = make("time", "", shown(date));
  made.dateTime = iso;
  made.title = `${exact.local.format(date)}\n${exact.utc.format(date)}`;
  return made;
}

export function refreshTimes() {
  for (const time of document.querySelectorAll("time"))
    setText(time, shown(new Date(time.dateTime)));
}

// "until" of a keep-alive: null when there is none, or it has expired.
export function keepAlive(until) {
  if (!until) return null;
  if (until === "forever") return make("span", "", "forever");
  return new Date(until) < Date.now() ? null : timeElement(until);
}

// The choice, remembered. `changed` is called after each.
export function chooseTimes(changed) {
  const choice = element("times");
  choice.options[1].text = `Local (${zone})`;
  mode = recall("times") ?? mode;
  if (!Object.hasOwn(FORMATS, mode)) mode = "relative";
  choice.value = mode;
  choice.addEventListener("change", () => {
    mode = choice.value;
    remember("times", mode);
    refreshTimes();
    changed();
  });
}
