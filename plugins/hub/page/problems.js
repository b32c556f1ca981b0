// problems.js: what is wrong, by check and status: how many nodes, where, since when, and the newest
// message. Each count narrows the list of nodes.
import { CONDITIONS, STATES, count, element, make, natural, rank, replaceIfChanged, setText, tag }
  from "./dom.js";
import { term } from "./filter.js";
import { ask, cluster } from "./hub.js";
import { recall, remember } from "./memory.js";
import { timeElement } from "./times.js";

const MOST_GROUPS = 50;
const MOST_PLACES = 4;   // beside one problem
const MOST_VALUES = 200; // of a property that nodes can be divided by
const OF_STATE = { Failed: "phase_since", Silent: "last_contact", "Still talks": "phase_since" };

// [filter, what, status, kind, since, message] for each problem of a node.
function* problemsOf(node) {
  if (Object.hasOwn(OF_STATE, node.state))
    yield { filter: term("phase", node.state), name: "Node", status: node.state,
      kind: STATES.get(node.state), since: node[OF_STATE[node.state]], message: node.stateReason,
      place: rank(STATES, node.state) / 100 };
  for (const { name, status, message, since } of node.trouble)
    yield { filter: term("condition", `${name}:${status}`), name, status,
      kind: CONDITIONS.get(status) ?? "", since, message, place: 1 + rank(CONDITIONS, status) };
}

// How many nodes need someone, where a tab shows it.
function showInTitle(nodes) {
  const urgent = ["error", "silent"];
  const ill = nodes.filter((node) => [...problemsOf(node)].some(({ kind }) => urgent.includes(kind)));
  const title = `${cluster} – jetpack hub`;
  document.title = ill.length > 0 ? `(${count(ill.length)}) ${title}` : title;
}

export class Problems {
  #choose;       // called with a filter
  #wantProperty; // called with the key that the list has to read
  #by = "";      // a property, or "" for the node array
  #nodes = [];
  #drawn = false;

  constructor(choose, wantProperty) {
    this.#choose = choose;
    this.#wantProperty = wantProperty;
  }

  start() {
    element("problems").addEventListener("click", ({ target }) => {
      const { filter } = target.closest("button")?.dataset ?? {};
      if (filter) this.#choose(filter);
    });
    element("problems-by").addEventListener("change", () => {
      this.#divideBy(element("problems-by").value);
      remember(`problems-by/${cluster}`, this.#by);
    });
  }

  // What nodes can be divided by: the properties with few values. A rack is the first choice.
  async refreshChoice() {
    const { properties } = await ask("/api/properties", { cluster });
    const keys = properties.filter(({ nodes, values }) => nodes > 1 && values > 1 &&
      values < MOST_VALUES && values < nodes).map(({ key }) => key).sort(natural.compare);
    const options = ["", ...keys].map((key) => {
      const option = make("option", "", key || "node array");
      option.value = key;
      return option;
    });
    replaceIfChanged(element("problems-by"), options);
    if (!this.#drawn) {
      this.#drawn = true;
      const rack = keys.find((key) => /(^|\.)rack$/i.test(key)) ?? "";
      const chosen = recall(`problems-by/${cluster}`);
      this.#divideBy(chosen !== null && ["", ...keys].includes(chosen) ? chosen : rack);
    }
    element("problems-by").value = this.#by;
  }

  #divideBy(key) {
    this.#by = key;
    element("problems-by").value = key;
    this.#wantProperty(key);
    this.show(this.#nodes);
  }

  #groups() {
    const groups = new Map();
    for (const node of this.#nodes) {
      const place = this.#by ? node.properties?.[this.#by] : node.nodearray;
      for (const problem of problemsOf(node)) {
        const key = problem.filter;
        if (!groups.has(key)) {
          groups.set(key, { ...problem, newest: "", nodes: 0, places: new Map() });
        }
        const group = groups.get(key);
        ++group.nodes;
        if (problem.since && (!group.since || problem.since < group.since))
          group.since = problem.since;
        if ((problem.since ?? "") >= group.newest) {
          group.newest = problem.since ?? "";
          group.message = problem.message;
        }
        if (place) group.places.set(place, (group.places.get(place) ?? 0) + 1);
      }
    }
    return [...groups.values()].sort((a, b) => a.place - b.place || b.nodes - a.nodes ||
      natural.compare(a.name, b.name));
  }

  #button(text, filter, title) {
    const button = make("button", "chip", text);
    button.type = "button";
    button.dataset.filter = filter;
    button.title = title;
    return button;
  }

  #row(group) {
    const row = make("tr");
    const name = make("th", "", group.name);
    name.scope = "row";
    const status = make("td");
    status.append(tag(group.kind, group.status));
    const nodes = make("td", "figure");
    nodes.append(this.#button(count(group.nodes), group.filter,
      `Show the nodes with ${group.name} ${group.status}`));
    const places = [...group.places].sort(([a, many], [b, more]) => more - many ||
      natural.compare(a, b));
    const where = make("td", "places");
    const key = this.#by || "array";
    where.append(...places.slice(0, MOST_PLACES).map(([place, number]) =>
      this.#button(number > 1 ? `${place} ×${count(number)}` : place, `${group.filter} ${term(key, place)}`,
        `Show those in ${place}`)));
    if (places.length > MOST_PLACES)
      where.append(make("span", "note", `and ${count(places.length - MOST_PLACES)} more`));
    if (places.length === 0) where.append("–");
    const since = make("td");
    since.append(group.since ? timeElement(group.since) : "–");
    const message = make("td", "message");
    message.append(make("div", "clamped", group.message || "–"));
    message.title = group.message;
    row.append(name, status, nodes, where, since, message);
    return row;
  }

  show(nodes) {
    this.#nodes = nodes;
    showInTitle(nodes);
    const groups = this.#groups();
    replaceIfChanged(element("problems").tBodies[0],
      groups.slice(0, MOST_GROUPS).map((group) => this.#row(group)));
    element("problems-section").hidden = groups.length === 0;
    const left = groups.length - MOST_GROUPS;
    setText(element("problems-more"), left > 0 ? `and ${count(left)} more` : "");
    setText(element("problems-count"), count(groups.length));
  }
}
