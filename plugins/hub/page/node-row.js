// node-row.js: one row of the list of nodes.
import { CONDITIONS, STATES, link, make, nodePath, tag } from "./dom.js";
import { propertyText } from "./node-data.js";
import { keepAlive, timeElement } from "./times.js";

const ENDED = new Set(["Stopping", "Off", "Terminated"]);

function cell(className, ...content) {
  const made = make("div", `cell ${className}`);
  made.setAttribute("role", "gridcell");
  made.append(...content);
  return made;
}

function phaseCell(node) {
  const made = cell("phase", tag(STATES.get(node.state) ?? "", node.state));
  made.title = node.status_message;
  const request = ENDED.has(node.phase) ? node.last_request : null;
  if (request) made.title += `, ${new Date(request.time).toLocaleString("en")}`;
  return made;
}

function conditionCell(node) {
  const tags = node.trouble.map(({ name, status, message }) => {
    const made = tag(CONDITIONS.get(status) ?? "", name);
    made.title = message ? `${status}: ${message}` : status;
    made.prepend(make("span", "hidden", `${status}: `));
    return made;
  });
  if (tags.length === 0) tags.push((node.conditions ?? []).length > 0 ? "OK" : "–");
  return cell("conditions", ...tags);
}

function contactCell(node) {
  if (!node.contact) return cell("contact", "never");
  const made = cell("contact", timeElement(node.last_contact));
  if (node.state === "Silent") made.classList.add("quiet");
  return made;
}

function propertyCell(node, key) {
  const text = propertyText(node, key);
  const made = cell("optional property", text || "–");
  made.title = text;
  return made;
}

// Replaces the row's cells by those of the node, and of its properties of these keys.
export function fill(row, node, keys) {
  const name = cell("name", link(nodePath(node.cluster, node.name), node.name));
  name.setAttribute("role", "rowheader");
  name.firstChild.tabIndex = -1; // Enter on the row does the same
  const hostname = cell("optional hostname", node.hostname || "–");
  const instance = cell("optional instance mono", node.instance_id || "–");
  const reason = cell("reason", node.reason || "–");
  name.title = node.name;
  reason.title = node.reason;
  hostname.title = node.hostname;
  instance.title = node.instance_id;
  row.replaceChildren(name,
    phaseCell(node),
    conditionCell(node), reason, contactCell(node),
    cell("optional since", node.phase_since ? timeElement(node.phase_since) : "–"),
    cell("optional keepalive", keepAlive(node.keepalive_until) ?? "–"),
    cell("optional array", node.nodearray || "–"), hostname,
    cell("optional address mono", node.address || "–"),
    cell("optional version", node.version || "–"), instance,
    ...keys.map((key) => propertyCell(node, key)));
}
