// node.js: the page of a node: identity, conditions with all their texts, converge, properties.
import { CONDITIONS, STATES, clusterPath, element, link, make, rank, replaceIfChanged, setText,
  tag } from "./dom.js";
import { keepAlive, timeElement } from "./times.js";
import { actOn, copy } from "./actions.js";
import { showConverge } from "./converge.js";
import { showHistory } from "./history.js";
import { showOperations } from "./operations.js";
import { Refused, ask, cluster, node } from "./hub.js";
import { Values } from "./values.js";

function fact(name, value) {
  const made = make("div");
  const content = make("dd");
  content.append(value);
  made.append(make("dt", "", name), content);
  return made;
}

let inClipboard = ""; // what was copied last: the facts are drawn again at each change

// A text that people carry elsewhere, with a button that copies it.
function copied(text) {
  if (!text) return "–";
  const made = make("span", "copied");
  const button = make("button", "plain copy");
  button.type = "button";
  button.value = text;
  button.setAttribute("aria-label", `Copy ${text}`);
  button.toggleAttribute("data-done", text === inClipboard);
  made.append(make("span", "mono", text), button);
  return made;
}

function copyClicked({ target }) {
  if (!target.matches("button.copy")) return;
  copy(target.value, () => {
    inClipboard = target.value;
    for (const button of element("node-facts").querySelectorAll("button.copy"))
      button.toggleAttribute("data-done", button.value === inClipboard);
  }, () => getSelection().selectAllChildren(target.previousElementSibling));
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
  #properties = new Values("properties", "No properties published yet.");
  #configuration = new Values("configuration", "No configuration.");

  start() {
    this.#properties.start();
    this.#configuration.start();
    element("node-facts").addEventListener("click", copyClicked);
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
    this.#properties.show(known.properties);
    element("configuration-section").hidden = known.given_configuration === undefined;
    this.#configuration.show(known.given_configuration);
  }

  #showFacts(known) {
    element("node-phase").replaceChildren(tag(STATES.get(known.state) ?? "", known.state));
    const time = (iso) => (iso ? timeElement(iso) : "never");
    const facts = [fact("Last contact", time(known.last_contact)),
      fact("First contact", time(known.first_contact)),
      fact("Keep-alive", keepAlive(known.keepalive_until) ?? "none"),
      fact("Cluster", link(clusterPath(cluster), cluster)),
      fact("Hostname", copied(known.hostname)), fact("Address", copied(known.address)),
      fact("Instance", copied(known.instance_id)), fact("Agent", known.version || "–")];
    if (known.booted) facts.push(fact("Up since", timeElement(known.booted)));
    if (known.nodearray) facts.push(fact("Node array", known.nodearray));
    if (known.phase_since) facts.push(fact(`${known.phase} since`, timeElement(known.phase_since)));
    if (known.state !== known.phase) facts.push(fact("Phase", known.phase));
    if (known.poll_interval) facts.push(fact("Polls", `every ${known.poll_interval} s`));
    if (known.status_message) facts.push(fact("Status", known.status_message));
    if (known.last_request) facts.push(requestFact(known.last_request));
    replaceIfChanged(element("node-facts"), facts);
  }
}
