// summary.js: the state of a cluster: nodes by phase and conditions by status, each a switch that
// narrows the list of nodes; and, where no cluster is chosen, one line for each cluster.
import { CONDITIONS, STATES, clusterPath, count, element, link, make, rank, replaceIfChanged,
  setText, tag } from "./dom.js";
import { ask, cluster } from "./hub.js";

const MOST_CLUSTERS = 200; // in the table

function sorted(numbers, order) {
  return Object.entries(numbers ?? {}).filter(([, number]) => number > 0)
    .sort(([a], [b]) => rank(order, a) - rank(order, b));
}

const total = (numbers) => Object.values(numbers ?? {}).reduce((sum, number) => sum + number, 0);

// One bar, as wide as its card, that shows the parts of a whole.
function bar(states) {
  const parts = sorted(states, STATES).map(([state, number]) => {
    const part = make("span", `part ${STATES.get(state) ?? "idle"}`);
    part.style.flexGrow = number;
    return part;
  });
  const whole = make("div", "bar");
  whole.setAttribute("aria-hidden", "true");
  whole.append(...parts);
  return whole;
}

// The switches of one cluster. `choose(kind, name)` is called when one is used.
export class Summary {
  #choose;
  #chosen = { phase: "", condition: "" };
  #last = null;

  constructor(choose) {
    this.#choose = choose;
  }

  // Shows the present filter of the list of nodes.
  set chosen(chosen) {
    this.#chosen = chosen;
    if (this.#last) this.#show(this.#last);
  }

  async refresh() {
    this.#last = await ask("/api/summary", { cluster });
    this.#show(this.#last);
  }

  #switch(kind, name, style, number) {
    const button = make("button", `stat ${style}`);
    button.type = "button";
    button.append(make("span", "number", count(number)), make("span", "name", name));
    button.setAttribute("aria-pressed", String(this.#chosen[kind] === name));
    button.dataset.kind = kind;
    button.dataset.name = name;
    return button;
  }

  #group(id, kind, numbers, order) {
    const shown = { ...numbers };
    if (this.#chosen[kind]) shown[this.#chosen[kind]] ??= 0;
    const names = Object.keys(shown)
      .filter((name) => shown[name] > 0 || name === this.#chosen[kind])
      .sort((a, b) => rank(order, a) - rank(order, b));
    const focused = document.activeElement?.dataset?.name;
    const hadFocus = element(id).contains(document.activeElement);
    replaceIfChanged(element(id),
      names.map((name) => this.#switch(kind, name, order.get(name) ?? "idle", shown[name])));
    if (hadFocus && !element(id).contains(document.activeElement))
      [...element(id).children].find((button) => button.dataset.name === focused)?.focus();
    return names.length;
  }

  #show({ states, conditions }) {
    const nodes = total(states);
    setText(element("node-total"), count(nodes));
    setText(element("node-total").nextElementSibling, nodes === 1 ? "Node" : "Nodes");
    element("phase-bar").replaceChildren(bar(states));
    this.#group("phases", "phase", states, STATES);
    const any = this.#group("conditions", "condition", conditions, CONDITIONS);
    element("no-conditions").hidden = any > 0;
  }

  start() {
    for (const id of ["phases", "conditions"])
      element(id).addEventListener("click", (click) => {
        const button = click.target.closest("button");
        if (!button) return;
        const { kind, name } = button.dataset;
        this.#choose(kind, this.#chosen[kind] === name ? "" : name);
      });
  }
}

function clusterRow(name, nodes, { states: numbers, conditions }) {
  const row = make("tr");
  const heading = make("th");
  heading.scope = "row";
  heading.append(link(clusterPath(name), name));
  const states = make("td");
  states.append(bar(numbers), make("span", "parts", sorted(numbers, STATES)
    .map(([state, number]) => `${count(number)} ${state}`).join(", ") || "–"));
  const trouble = make("td");
  const tags = sorted(conditions, CONDITIONS).filter(([status]) => status !== "OK")
    .map(([status, number]) => tag(CONDITIONS.get(status) ?? "", `${count(number)} ${status}`));
  const isWell = conditions?.OK > 0;
  trouble.append(...(tags.length ? tags : [isWell ? tag("ok", "OK") : "–"]));
  row.append(heading, make("td", "figure", count(nodes)), states, trouble);
  return row;
}

// The choice of a cluster; and, where none is chosen, the table of them.
export async function refreshClusters() {
  const { clusters } = await ask("/api/clusters");
  const options = [["", "All clusters"], ...clusters.map(({ name, nodes }) =>
    [name, `${name} · ${count(nodes)} ${nodes === 1 ? "node" : "nodes"}`])]
    .map(([value, text]) => {
      const option = make("option", "", text);
      option.value = value;
      return option;
    });
  replaceIfChanged(element("cluster"), options);
  element("cluster").value = cluster;
  if (cluster && !clusters.some(({ name }) => name === cluster)) showUnknown(clusters);
  if (!cluster) await refreshTable(clusters);
}

// The address names a cluster that does not exist: says so, and shows those that do.
function showUnknown(clusters) {
  document.documentElement.dataset.view = "gone";
  setText(element("gone-text"), `There is no cluster '${cluster}'.`);
  const items = clusters.slice(0, MOST_CLUSTERS).map(({ name }) => {
    const item = make("li");
    item.append(link(clusterPath(name), name));
    return item;
  });
  replaceIfChanged(element("gone-clusters"), items);
}

async function refreshTable(clusters) {
  const shown = clusters.slice(0, MOST_CLUSTERS);
  const rows = [];
  for (const { name, nodes } of shown)
    rows.push(clusterRow(name, nodes, await ask("/api/summary", { cluster: name })));
  replaceIfChanged(element("clusters").tBodies[0], rows);
  element("clusters-card").hidden = rows.length === 0;
  element("clusters-empty").hidden = rows.length > 0;
  const left = clusters.length - shown.length;
  setText(element("clusters-more"), left ? `and ${count(left)} more: choose one above` : "");
}
