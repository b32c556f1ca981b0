// node.js: the page of a node: identity, conditions with all their texts, converge, properties.
import { CONDITIONS, STATES, clusterPath, count, element, link, make, natural, rank,
  replaceIfChanged, setText, tag } from "./dom.js";
import { keepAlive, timeElement } from "./times.js";
import { actOn } from "./actions.js";
import { showConverge } from "./converge.js";
import { showHistory } from "./history.js";
import { showOperations } from "./operations.js";
import { Refused, ask, cluster, node } from "./hub.js";

const MOST_PROPERTIES = 500; // on the page; the filter finds the others
const MOST_DEPTH = 32;

// [path, text] for each value of a tree.
function* flattened(value, path, depth = 0) {
  const children = value !== null && typeof value === "object" ? Object.values(value) : [];
  const isPlainList = Array.isArray(value) && !children.some((child) => child instanceof Object);
  if (children.length === 0 || isPlainList || depth >= MOST_DEPTH) {
    yield [path, typeof value === "string" ? value : JSON.stringify(value)];
    return;
  }
  for (const [name, child] of Object.entries(value))
    yield* flattened(child, path ? `${path}.${name}` : name, depth + 1);
}

function fact(name, value) {
  const made = make("div");
  const content = make("dd");
  content.append(value);
  made.append(make("dt", "", name), content);
  return made;
}

// "terminate by demo/execute-1, 5 min. ago: unhealthy"
function requestFact({ action, by, time, reason }) {
  const text = make("span", "", `${action} by ${by}, `);
  text.append(timeElement(time), reason ? `: ${reason}` : "");
  return fact("Last request", text);
}

// The texts of a condition, each under its name, without empty ones.
function conditionItem(condition) {
  const item = make("li");
  const head = make("div", "condition-head");
  head.append(tag(CONDITIONS.get(condition.status) ?? "", condition.status),
    make("strong", "", condition.name));
  if (condition.since) {
    const since = make("span", "since", "since ");
    since.append(timeElement(condition.since));
    head.append(since);
  }
  item.append(head);
  if (condition.message) item.append(make("p", "text", condition.message));
  const texts = make("dl", "texts");
  for (const [name, member] of [["Description", "description"],
    ["Recommendations", "recommendations"], ["Action", "action_type"],
    ["Category", "ghr_category"]])
    if (condition[member]) texts.append(fact(name, condition[member]));
  if (texts.children.length > 0) item.append(texts);
  if (condition.details) {
    const details = make("details");
    details.append(make("summary", "", "Details"), make("pre", "mono", condition.details));
    item.append(details);
  }
  return item;
}

export class NodeView {
  #properties = [];

  start() {
    element("property-filter").addEventListener("input", () => this.#showProperties());
    element("back").href = clusterPath(cluster);
    setText(element("back"), cluster);
    element("node-act").addEventListener("click", () => actOn([node]));
  }

  async refresh() {
    try {
      this.#show((await ask("/api/node", { cluster, node })).node);
    } catch (failure) {
      if (!(failure instanceof Refused) || failure.status !== 404) throw failure;
      element("node-gone").hidden = false;
      element("node-known").hidden = true;
    }
  }

  #show(known) {
    element("node-gone").hidden = true;
    element("node-known").hidden = false;
    this.#showFacts(known);
    const conditions = [...(known.conditions ?? [])]
      .sort((a, b) => rank(CONDITIONS, a.status) - rank(CONDITIONS, b.status));
    replaceIfChanged(element("node-conditions"), conditions.map(conditionItem));
    element("node-conditions").hidden = conditions.length === 0;
    element("node-conditions-empty").hidden = conditions.length > 0;
    showConverge(known.converge);
    showOperations(known.operations ?? []);
    showHistory(known.history ?? []);
    this.#properties = [...flattened(known.properties ?? {}, "")].filter(([path]) => path)
      .sort(([a], [b]) => natural.compare(a, b));
    this.#showProperties();
  }

  #showFacts(known) {
    element("node-phase").replaceChildren(tag(STATES.get(known.state) ?? "", known.state));
    const time = (iso) => (iso ? timeElement(iso) : "never");
    const mono = (text) => (text ? make("span", "mono", text) : "–");
    const facts = [fact("Last contact", time(known.last_contact)),
      fact("First contact", time(known.first_contact)),
      fact("Keep-alive", keepAlive(known.keepalive_until) ?? "none"),
      fact("Cluster", link(clusterPath(cluster), cluster)),
      fact("Hostname", mono(known.hostname)), fact("Address", mono(known.address)),
      fact("Instance", mono(known.instance_id)), fact("Agent", known.version || "–")];
    if (known.nodearray) facts.push(fact("Node array", known.nodearray));
    if (known.phase_since) facts.push(fact(`${known.phase} since`, timeElement(known.phase_since)));
    if (known.state !== known.phase) facts.push(fact("Phase", known.phase));
    if (known.poll_interval) facts.push(fact("Polls", `every ${known.poll_interval} s`));
    if (known.status_message) facts.push(fact("Status", known.status_message));
    if (known.last_request) facts.push(requestFact(known.last_request));
    replaceIfChanged(element("node-facts"), facts);
  }

  #showProperties() {
    const word = element("property-filter").value.toLowerCase();
    const found = this.#properties.filter((pair) =>
      pair.some((text) => text.toLowerCase().includes(word)));
    const rows = found.slice(0, MOST_PROPERTIES).map(([path, text]) => {
      const row = make("tr");
      const name = make("th", "mono", path);
      name.scope = "row";
      row.append(name, make("td", "mono", text));
      return row;
    });
    replaceIfChanged(element("properties").tBodies[0], rows);
    element("properties-card").hidden = rows.length === 0;
    element("properties-empty").hidden = rows.length > 0;
    setText(element("properties-empty"),
      this.#properties.length > 0 ? "No property matches." : "No properties published yet.");
    const left = found.length - rows.length;
    setText(element("properties-more"), left > 0 ? `and ${count(left)} more` : "");
    setText(element("property-count"), count(found.length));
  }
}
