// actions.js: the dialog to act on nodes: shows the command that does it, and does it after a
// confirmation.
import { count, element, make, setText } from "./dom.js";
import { Refused, address, cluster } from "./hub.js";
import { fold } from "./nodeset.js";

const ACTIONS = [
  { name: "terminate", text: "Terminate", isDangerous: true },
  { name: "restart", text: "Restart", isDangerous: true },
  { name: "shutdown", text: "Shut down", isDangerous: true },
  { name: "start", text: "Start" },
  { name: "keepalive", text: "Keep alive for 6 hours", hours: 6, options: " --for 6h" },
  { name: "keepalive", text: "Keep alive until canceled", until: "forever", options: "" },
  { name: "keepalive", text: "Cancel keep-alive", until: "none", options: " --cancel" },
];
const ASK_BEYOND = 1; // nodes: then their number must be typed

let names = [];
const chosen = () => ACTIONS[Number(element("action-choice").value)];
const many = (number) => `${count(number)} ${number === 1 ? "node" : "nodes"}`;

// What a shell takes as one word.
function quoted(text) {
  return /^[\w.,:/@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function command() {
  const reason = element("action-reason").value.trim();
  const { name, options = "" } = chosen();
  return `jetpack hub node ${name} -c ${quoted(cluster)}${options}` +
    `${reason ? ` --reason ${quoted(reason)}` : ""} ${names.map(quoted).join(" ")} --data DIR`;
}

function refresh() {
  const { text, isDangerous } = chosen();
  setText(element("action-command"), command());
  const needsNumber = isDangerous && names.length > ASK_BEYOND;
  element("action-confirm").hidden = !needsNumber;
  setText(element("action-number"), String(names.length));
  const run = element("action-run");
  setText(run, isDangerous || names.length > 1 ? `${text}: ${many(names.length)}` : text);
  run.classList.toggle("danger", Boolean(isDangerous));
  run.disabled = needsNumber && element("action-typed").value.trim() !== String(names.length);
}

async function send() {
  const { name, until, hours } = chosen();
  const body = { names, reason: element("action-reason").value.trim() };
  if (name === "keepalive")
    body.until = until ?? new Date(Date.now() + hours * 3_600_000).toISOString();
  const path = `/clusters/${encodeURIComponent(cluster)}/nodes/${name}`;
  const reply = await fetch(address(path), { method: "POST", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() },
    signal: AbortSignal.timeout(60_000) });
  const answer = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Refused(path, reply.status, answer.error);
  const failed = (answer.nodes ?? []).filter(({ status }) => status !== "OK");
  if (failed.length > 0) throw new Error(failed.map(({ error }) => error).join("; "));
}

async function run() {
  element("action-run").disabled = true;
  setText(element("action-result"), "Requesting");
  try {
    await send();
    setText(element("action-result"), "");
    element("actions").close();
  } catch (failure) {
    setText(element("action-result"), failure.message);
    refresh();
  }
}

// Copies a text; where the browser refuses, `failed` is called.
export async function copy(text, done, failed = () => {}) {
  try {
    await navigator.clipboard.writeText(text);
    done();
  } catch {
    failed();
  }
}

// Copies names as one set, such as execute-[1-20].
export function copyNames(nodes) {
  const set = fold(nodes);
  copy(set, () => setText(element("copied"), `Copied: ${set}`),
    () => setText(element("copied"), set));
}

// Opens the dialog for these nodes.
export function actOn(nodes) {
  names = nodes;
  element("action-typed").value = "";
  setText(element("action-result"), "");
  setText(element("action-title"), `Act on ${many(names.length)} of ${cluster}`);
  setText(element("action-nodes"), fold(names));
  refresh();
  element("actions").showModal();
}

export function startActions() {
  element("action-choice").replaceChildren(...ACTIONS.map(({ text }, index) => {
    const option = make("option", "", text);
    option.value = String(index);
    return option;
  }));
  for (const id of ["action-choice", "action-reason", "action-typed"])
    element(id).addEventListener("input", refresh);
  element("action-run").addEventListener("click", run);
  element("action-cancel").addEventListener("click", () => element("actions").close());
  element("action-copy").addEventListener("click", () => copy(command(),
    () => setText(element("action-result"), "Copied"),
    () => setText(element("action-result"), "The browser did not allow it; select the text")));
}
