// converge.js: a node's last converge: its steps, how long each took, and the output of what failed.
import { element, make, replaceIfChanged, setText, tag } from "./dom.js";
import { timeElement } from "./times.js";

const STATES = new Map([["error", "error"], ["running", "info"], ["pending", "waiting"],
  ["ok", "ok"], ["skipped", "idle"]]);

// "0.4 s", "12 s", "3 min 5 s"
function duration(ms) {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

// "slurm/default: 10-install.sh", or what else the step does
function nameOf({ name, project, spec, script }) {
  const place = [project, spec].filter(Boolean).join("/");
  return [place, script || (name === "script" ? "" : name)].filter(Boolean).join(": ");
}

function stepRow(step) {
  const row = make("tr");
  const name = make("th", "mono", nameOf(step));
  name.scope = "row";
  const state = make("td");
  state.append(tag(STATES.get(step.status) ?? "", step.status));
  row.append(name, state,
    make("td", "figure", step.duration_ms < 0 ? "" : duration(step.duration_ms)));
  return row;
}

// The output of a step that failed, open at once.
function outputRow(step) {
  const row = make("tr");
  const cell = make("td", "output");
  cell.colSpan = 3;
  const details = make("details");
  details.open = true;
  details.append(make("summary", "", step.return_code < 0 ? "Output"
    : `Return code ${step.return_code}, output`), make("pre", "mono", step.output || "(none)"));
  cell.append(details);
  row.append(cell);
  return row;
}

export function showConverge(converge) {
  element("converge-section").hidden = !converge;
  if (!converge) return;
  const summary = element("converge-summary");
  const head = make("span", "", `${converge.mode || "converge"}, started `);
  head.append(timeElement(converge.started));
  const parts = [tag(STATES.get(converge.status) ?? "", converge.status), head];
  if (converge.message) parts.push(make("span", "text", converge.message));
  replaceIfChanged(summary, parts);
  const rows = converge.steps.flatMap((step) =>
    (step.status === "error" ? [stepRow(step), outputRow(step)] : [stepRow(step)]));
  replaceIfChanged(element("converge-steps").tBodies[0], rows);
  const done = converge.steps.filter(({ status }) => status === "ok" || status === "skipped");
  setText(element("converge-count"), `${done.length} of ${converge.steps.length} steps`);
}
