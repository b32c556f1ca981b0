// node-data.js: the nodes of a cluster as the hub reports them, and the orders to show them in.
import { CONDITIONS, PHASES, natural, rank } from "./dom.js";
import { ask, cluster } from "./hub.js";

const CHUNK = 1000; // nodes fetched at once
const FIRST_CHUNK = 200;

// A node with what filtering and sorting need.
function prepared(node) {
  const trouble = (node.conditions ?? []).filter(({ status }) => status !== "OK" && status !== "NA")
    .sort((a, b) => rank(CONDITIONS, a.status) - rank(CONDITIONS, b.status));
  const words = [node.name, node.hostname, node.address, node.instance_id, node.nodearray,
    node.version, node.phase, node.status_message,
    ...trouble.flatMap(({ name, status, message }) => [name, status, message])];
  return { ...node, trouble, words: words.join("\n").toLowerCase(),
    contact: node.last_contact ? Date.parse(node.last_contact) : 0 };
}

export class Nodes {
  all = new Map(); // by name, in the hub's order

  // Fetches all, in parts; `progress` is called after each. Removed nodes disappear at the end.
  async load(progress) {
    const seen = new Map();
    let after = "";
    for (let limit = FIRST_CHUNK; ; limit = CHUNK) {
      const { nodes } = await ask("/api/nodes", { cluster, limit, after_name: after });
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
        { cluster, limit: 1, after_name: order[place - 1] ?? "" });
      if (nodes[0]?.name !== name) return false;
      this.all.set(name, prepared(nodes[0]));
    }
    return true;
  }
}

// Smallest first; for times the newest.
export const ORDERS = {
  name: (a, b) => natural.compare(a.name, b.name),
  phase: (a, b) => rank(PHASES, a.phase) - rank(PHASES, b.phase),
  condition: (a, b) => severity(a) - severity(b),
  contact: (a, b) => b.contact - a.contact,
  keepalive: (a, b) => untilOf(b) - untilOf(a),
  hostname: (a, b) => natural.compare(a.hostname, b.hostname),
  address: (a, b) => natural.compare(a.address, b.address),
  version: (a, b) => natural.compare(a.version, b.version),
};

function severity(node) {
  if (node.trouble.length === 0) return CONDITIONS.size;
  return rank(CONDITIONS, node.trouble[0].status) - node.trouble.length / 1000;
}

function untilOf(node) {
  if (!node.keepalive_until) return 0;
  return node.keepalive_until === "forever" ? Infinity : Date.parse(node.keepalive_until);
}
