// events.js: the list of events, newest first, of the cluster or of one node.
import { element, link, make, nodePath, setText, tag, timeElement } from "./dom.js";
import { ask, cluster, node } from "./hub.js";

const FIRST = 100;
const MOST = 1000; // on the page; older ones are dropped
const LONG_TEXT = 600;
const LEVELS = { info: "Info", warn: "Warning", error: "Error" };

export const priority = () => (element("show-all").checked ? "all" : "medium");
const wanted = (more) => ({ cluster, node, priority: priority(), limit: FIRST, ...more });

function originOf(event) {
  const origin = make("span", "origin");
  const parts = [];
  if (!node) parts.push(link(nodePath(event.cluster, event.node), event.node));
  if (!cluster) parts.push(event.cluster);
  if (event.priority !== "medium") parts.push(`${event.priority} priority`);
  parts.forEach((part, index) => origin.append(...(index ? ["  ·  ", part] : [part])));
  return origin;
}

function eventItem(event) {
  const item = make("li", event.priority);
  item.dataset.id = event.id;
  const head = make("p", "event-head");
  const isKnown = Object.hasOwn(LEVELS, event.level);
  head.append(tag(isKnown ? event.level : "", isKnown ? LEVELS[event.level] : ""), originOf(event),
    timeElement(event.received));
  const text = make("p", "text", event.message);
  if (event.message.length > LONG_TEXT) {
    text.classList.add("long");
    text.tabIndex = 0;
  }
  item.append(head, text);
  if (Object.keys(event.extras).length > 0) {
    const details = make("details");
    details.append(make("summary", "", "Details"),
      make("pre", "mono", JSON.stringify(event.extras, null, 2)));
    item.append(details);
  }
  return item;
}

// Shows each event once, even if it is received twice.
export class EventList {
  #items = new Map();
  #newest = 0;
  #shown = element("events");
  #hasOlder = false;

  newest() {
    return this.#newest;
  }

  async load(signal) {
    const page = await ask("/api/events", wanted());
    if (signal.aborted) return;
    this.#items.clear();
    this.#newest = 0;
    this.#shown.replaceChildren();
    this.#take(page.events);
    this.#settle(page.more);
  }

  async loadOlder() {
    const oldest = Number(this.#shown.lastElementChild?.dataset.id ?? 0);
    const page = await ask("/api/events", wanted({ before: oldest }));
    this.#take(page.events);
    this.#settle(page.more);
  }

  // Adds new events; skips those of other nodes.
  add(events) {
    const fresh = this.#take(events.slice(-MOST), "new");
    if (fresh.length === 0) return;
    this.#settle(this.#hasOlder);
    setText(element("news"), `${fresh.length} new: ${fresh.at(-1).message.slice(0, 200)}`);
  }

  #take(events, className) {
    const fresh = events.filter((event) => !this.#items.has(event.id) &&
      (!node || event.node === node));
    for (const event of fresh) this.#insert(event, className);
    for (const event of events) this.#newest = Math.max(this.#newest, event.id);
    return fresh;
  }

  #insert(event, className) {
    const item = eventItem(event);
    if (className) item.classList.add(className);
    const isNewest = event.id > this.#newest;
    const next = isNewest ? this.#shown.firstElementChild
      : [...this.#shown.children].find((other) => Number(other.dataset.id) < event.id);
    this.#shown.insertBefore(item, next ?? null);
    this.#items.set(event.id, item);
    this.#newest = Math.max(this.#newest, event.id);
  }

  // After a change: updates what is beside the list, and limits its length.
  #settle(hasOlder) {
    this.#hasOlder = hasOlder;
    while (this.#items.size > MOST) {
      const oldest = this.#shown.lastElementChild;
      this.#items.delete(Number(oldest.dataset.id));
      oldest.remove();
    }
    const isEmpty = this.#items.size === 0;
    element("events-card").hidden = isEmpty;
    element("events-empty").hidden = !isEmpty;
    element("older").hidden = !hasOlder || this.#items.size >= MOST;
    if (isEmpty) return;
    const last = this.#shown.firstElementChild.querySelector("time");
    element("last-event").replaceChildren(timeElement(last.dateTime));
  }
}
