// node-data.js: the nodes of a cluster as the hub reports them, and the orders to show them in.
import { CONDITIONS, STATES, natural, rank } from "./dom.js";
import { ask, cluster } from "./hub.js";

const CHUNK = 1000; // nodes fetched at once
const FIRST_CHUNK = 200;

// Why a node is not well, apart from its conditions; "" where it is.
function reasonOfState(node) {
  const { state, status_message: message, poll_interval: seconds, last_request: request } = node;
  if (state === "Silent")
    return seconds > 0 ? `Missed three polls, one every ${seconds} s` : "No contact for 15 minutes";
  if (state === "Still talks") return "Terminated, but still in contact";
  if (state === "Failed") return message;
  return state === "Stopping" || state === "Off" || state === "Terminated"
    ? request?.reason || message : "";
}

// A node with what filtering and sorting need.
function prepared(node) {
  const trouble = (node.conditions ?? []).filter(({ status }) => status !== "OK" && status !== "NA")
    .sort((a, b) => rank(CONDITIONS, a.status) - rank(CONDITIONS, b.status));
  const stateReason = reasonOfState(node);
  const reason = stateReason || trouble[0]?.message || node.status_message;
  const words = [node.name, node.hostname, node.address, node.instance_id, node.nodearray,
    node.version, node.state, reason, ...Object.values(node.properties ?? {}),
    ...trouble.flatMap(({ name, status, message }) => [name, status, message])];
  return { ...node, trouble, reason, stateReason, words: words.join("\n").toLowerCase(),
    contact: node.last_contact ? Date.parse(node.last_contact) : 0 };
}

export class Nodes {
  all = new Map(); // by name, in the hub's order
  properties = ""; // the keys of those to fetch, with commas between

  // Fetches all, in parts; `progress` is called after each. Removed nodes disappear at the end.
  async load(progress) {
    const seen = new Map();
    let after = "";
    for (let limit = FIRST_CHUNK; ; limit = CHUNK) {
      const { nodes } = await ask("/api/nodes",
        { cluster, limit, after_name: after, property: this.properties });
      for (const node of nodes) seen.set(node.name, prepared(node));
      const isLast = nodes.length < limit;
      this.all = isLast ? seen : new Map([...seen, ...this.#unseen(seen)]);
      progress();
      if (isLast) return;
      after = nodes.at(-1).name;
    }
  }

  #unseen(seen) {
    return [...this.all].filter(([name]) => !seen.has(name));
  }

  // Fetches only these; false when one of them is not at its place.
  async loadSome(names) {
    const order = [...this.all.keys()];
    for (const name of names) {
      const place = order.indexOf(name);
      if (place < 0) return false;
      const { nodes } = await ask("/api/nodes",
        { cluster, limit: 1, after_name: order[place - 1] ?? "", property: this.properties });
      if (nodes[0]?.name !== name) return false;
      this.all.set(name, prepared(nodes[0]));
    }
    return true;
  }
}

// A property as a text; "" where the node has none of this key.
export function propertyText(node, key) {
  const value = node.properties?.[key] ?? "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

// How to sort by a column, or by "property:KEY"; undefined when there is no such column.
export function orderOf(by) {
  if (!by.startsWith("property:")) return Object.hasOwn(ORDERS, by) ? ORDERS[by] : undefined;
  const key = by.slice("property:".length);
  return (a, b) => natural.compare(propertyText(a, key), propertyText(b, key));
}

// Compares nodes for an order, either way round. Those that were never in contact come last: they are
// not the longest silent.
export function comparison({ by, isReversed }) {
  const order = orderOf(by);
  const sign = isReversed ? -1 : 1;
  const never = (node) => Number(by === "contact" && node.contact === 0);
  return (a, b) => never(a) - never(b) || sign * order(a, b) || natural.compare(a.name, b.name);
}

// Smallest first; for times the newest.
const ORDERS = {
  worst: (a, b) => badness(a) - badness(b),
  name: (a, b) => natural.compare(a.name, b.name),
  phase: (a, b) => rank(STATES, a.state) - rank(STATES, b.state),
  condition: (a, b) => severity(a) - severity(b),
  contact: (a, b) => b.contact - a.contact,
  since: (a, b) => Date.parse(b.phase_since ?? 0) - Date.parse(a.phase_since ?? 0),
  keepalive: (a, b) => untilOf(b) - untilOf(a),
  array: (a, b) => natural.compare(a.nodearray, b.nodearray),
  hostname: (a, b) => natural.compare(a.hostname, b.hostname),
  address: (a, b) => natural.compare(a.address, b.address),
  version: (a, b) => natural.compare(a.version, b.version),
};

// The order of urgency: failed and silent nodes, errors, those that should be gone, warnings.
const BADNESS = new Map([["Failed", 0], ["Silent", 1], ["Still talks", 3], ["Stopping", 5],
  ["Installing", 6], ["Preparing", 7], ["Ready", 8], ["Off", 9], ["Terminated", 10]]);
function badness(node) {
  const ofState = BADNESS.get(node.state) ?? 8;
  const worst = node.trouble[0]?.status;
  const ofConditions = worst === "Error" ? 2 : worst === "Warning" ? 4 : 10;
  return Math.min(ofState, ofConditions) - Math.min(node.trouble.length, 9) / 10;
}

function severity(node) {
  if (node.trouble.length === 0) return CONDITIONS.size;
  return rank(CONDITIONS, node.trouble[0].status) - node.trouble.length / 1000;
}

function untilOf(node) {
  if (!node.keepalive_until) return 0;
  return node.keepalive_until === "forever" ? Infinity : Date.parse(node.keepalive_until);
}
